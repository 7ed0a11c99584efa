"""Recordings cut at pauses: every frame once and in its place, lengths within limits, each utterance by itself."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import make_extractor, make_waveforms, save_checkpoint, save_recogniser

from npconformer import AutoModelForCTC, PieceCTCTokenizer, pipeline
from npconformer.models.frame_clock import FrameClock, Stage
from npconformer.pipelines.automatic_speech_recognition import decode_utterances
from npconformer.pipelines.chunking import make_chunking
from npconformer.pipelines.utterances import cuts_at_pauses, find_utterances

RATE = 16000
NEMO = FrameClock(RATE, Stage(0, 160), (Stage(1, 4),))  # frames of 40 ms, centred on their first samples
CONVOLUTIONS = FrameClock(RATE, Stage(1, 1), (Stage(400, 320),))
WITH_ADAPTER = FrameClock(RATE, Stage(1, 1), (Stage(400, 320),), (Stage(1, 2),) * 2)
CLOCKS = (NEMO, CONVOLUTIONS, WITH_ADAPTER)
PIECES = ["<unk>", "▁the", "▁a", "▁", "s", "n", "i", "▁ca", "li", "for", "t", "<blk>"]
TOKENIZER = PieceCTCTokenizer({piece: number for number, piece in enumerate(PIECES)})


def speech(*stretches, seed=0):
    """As loud as speech, and quiet, in turn: seconds of each, (N,) float32."""
    rng = np.random.default_rng(seed)
    parts = [(1e-4 if i % 2 else 0.1) * rng.standard_normal(round(s * RATE)) for i, s in enumerate(stretches)]
    return np.concatenate(parts).astype(np.float32)


def check(waveform, blocks, chunking, clock):
    """What must hold of the windows of any signal; gives them with their first frames."""
    size, total, kept, found = clock.samples_per_frame, clock.frames(len(waveform)), 0, []
    for window in find_utterances(blocks, chunking, clock.frames, RATE):
        start = kept - window.skip
        np.testing.assert_array_equal(window.samples, waveform[start * size :][: len(window.samples)])
        frames = clock.frames(len(window.samples))
        assert 0 <= window.skip < window.stop <= frames <= chunking.frames
        assert window.skip == 0 if window.begins else window.skip >= chunking.left
        kept = start + window.stop
        is_last = start + frames == total
        assert kept == total if is_last else frames - window.stop in (0, chunking.right)
        assert window.stop == frames or len(window.samples) == chunking.samples
        assert total <= chunking.frames or frames >= chunking.shortest
        found.append((start, window))
    assert kept == total
    return found


@given(
    st.sampled_from(CLOCKS),
    st.lists(st.tuples(st.floats(0.0, 2.0), st.sampled_from([0.0, 1e-4, 1e-3, 0.1, 1.0])), min_size=1, max_size=7),
    st.floats(0.35, 3.0),
    st.floats(0.0, 0.45),
    st.lists(st.integers(1, 100_000), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_every_frame_is_kept_once_in_its_place(clock, stretches, longest, stride, cuts):
    rng = np.random.default_rng(0)
    waveform = np.concatenate([level * rng.standard_normal(round(s * RATE)) for s, level in stretches])
    waveform = np.append(waveform, np.zeros(clock.receptive_field)).astype(np.float32)
    strides = stride * longest / 1.2
    chunking = make_chunking(longest, (strides, strides), clock, at_pauses=True)
    whole = check(waveform, [waveform], chunking, clock)
    blocks = [piece for piece in np.split(waveform, sorted(cuts)) if len(piece)]
    pieced = check(waveform, blocks, chunking, clock)
    assert [(start, *window[1:]) for start, window in whole] == [(start, *window[1:]) for start, window in pieced]


@pytest.mark.parametrize("clock", CLOCKS)
def test_cuts_are_in_the_middle_of_the_longest_pauses(clock):
    waveform = speech(4.0, 0.3, 3.0, 0.6, 5.0, 0.4, 4.0, 0.8, 3.0)
    chunking = make_chunking(10, None, clock, at_pauses=True)
    found = check(waveform, [waveform], chunking, clock)
    assert all(window.begins for _, window in found)
    starts = [start * clock.seconds_per_frame for start, _ in found]
    np.testing.assert_allclose(starts, [0.0, 7.6, 13.1, 17.7][: len(starts)], rtol=0, atol=0.06)
    assert len(starts) >= 3


def test_without_a_pause_chunks_overlap_until_there_is_one():
    waveform = speech(25.0, 0.5, 9.0)
    chunking = make_chunking(10, (2, 1), NEMO, at_pauses=True)
    found = check(waveform, [waveform], chunking, NEMO)
    assert [(start * 0.04, window.begins) for start, window in found[:3]] == [(0, True), (7, False), (14, False)]
    assert [window.begins for _, window in found].count(True) == 2
    seam = next(start for start, window in found[1:] if window.begins)
    assert seam * 0.04 == pytest.approx(25.25, abs=0.03)


def test_a_recording_of_one_sound_is_cut_as_chunks_are():
    waveform = speech(40.0)
    chunking = make_chunking(10, (2, 1), NEMO, at_pauses=True)
    found = check(waveform, [waveform], chunking, NEMO)
    assert [window.begins for _, window in found] == [True] + [False] * (len(found) - 1)


def test_minutes_of_silence():
    waveform = np.concatenate([speech(5.0), np.zeros(120 * RATE, np.float32), speech(5.0, 0.5, 20.0)])
    check(waveform, [waveform], make_chunking("auto", None, NEMO, at_pauses=True), NEMO)


def test_a_pause_at_the_very_limit():
    chunking = make_chunking(10, None, NEMO, at_pauses=True)
    for middle, found_there in ((9.96, True), (10.0, True), (10.2, False)):
        waveform = speech(middle - 0.2, 0.4, 15 - middle)
        (_, first), *_ = check(waveform, [waveform], chunking, NEMO)
        assert (abs(first.stop * 0.04 - middle) < 0.05 and not first.skip and first.stop <= 250) == found_there


def test_nothing_short_is_left_at_the_end():
    waveform = speech(5.0, 0.3, 4.9, 0.5, 0.5)  # the longest pause is near the end
    found = check(waveform, [waveform], make_chunking(10, None, NEMO, at_pauses=True), NEMO)
    assert [start * 0.04 for start, _ in found] == pytest.approx([0.0, 5.15], abs=0.05)


# ---- settings


@pytest.mark.parametrize(
    ("chunk_at", "length", "model", "expected"),
    [
        (None, "auto", "nemo-conformer", True),
        (None, 20, "nemo-conformer", False),
        (None, None, "nemo-conformer", False),
        (None, "auto", "wav2vec2-conformer", False),
        (None, "auto", "wav2vec2-bert", False),
        ("pauses", 20, "wav2vec2-conformer", True),
        ("fixed", "auto", "nemo-conformer", False),
    ],
)
def test_which_recordings_are_cut_at_pauses(chunk_at, length, model, expected):
    assert cuts_at_pauses(chunk_at, length, model) is expected


def test_auto_is_shorter_at_pauses():
    chunking = make_chunking("auto", None, NEMO, at_pauses=True)
    assert (chunking.frames, chunking.left, chunking.right, chunking.shortest) == (375, 62, 62, 100)
    assert chunking.longest_whole == 30 * RATE
    assert make_chunking(3, None, NEMO, at_pauses=True).shortest == 25
    assert make_chunking(20, None, NEMO).shortest == 0


# ---- through the pipeline


@pytest.fixture(scope="module", params=["nemo", "layer", "group", "bert"])
def recognise(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param != "nemo":
        return pipeline("automatic-speech-recognition", save_recogniser(folder, request.param))
    model = AutoModelForCTC.from_pretrained(save_checkpoint("ForCTC", folder, "nemo"))
    extractor = make_extractor("nemo")
    return pipeline("automatic-speech-recognition", model, feature_extractor=extractor, tokenizer=TOKENIZER)


@pytest.fixture(scope="module")
def recording():
    loud = make_waveforms([30_000, 35_000, 28_000, 40_000], seed=3)
    return np.concatenate([part for one in loud for part in (one, np.zeros(8000, np.float32))])


OPTIONS = {"chunk_length_s": 4.0, "chunk_at": "pauses"}


def utterances_of(recognise, recording):
    windows = list(recognise.windows([recording], recognise.chunking({**recognise.options, **OPTIONS})))
    assert len(windows) >= 3 and all(window.begins for window in windows)
    return windows


def test_each_utterance_says_what_it_says_alone(recognise, recording):
    windows, start, words, texts = utterances_of(recognise, recording), 0, [], []
    for window in windows:
        alone = recognise(window.samples, return_timestamps="word")
        texts.append(alone["text"])  # may hold two spaces in a row, as the reference's does
        words += [(one["text"], *(time + start for time in one["timestamp"])) for one in alone["chunks"]]
        start += window.stop * recognise.seconds_per_frame
    for batch_size in (1, 3, 16):
        answer = recognise(recording, return_timestamps="word", batch_size=batch_size, **OPTIONS)
        assert [one["text"] for one in answer["chunks"]] == [text for text, *_ in words]
        assert answer["text"] == " ".join(text for text in texts if text)
        times = [one["timestamp"] for one in answer["chunks"]]
        np.testing.assert_allclose(times, [place for _, *place in words], rtol=0, atol=1e-9)


def test_letters_spell_the_text(recognise, recording):
    answer = recognise(recording, return_timestamps="char", return_confidence=True, **OPTIONS)
    assert "".join(one["text"] for one in answer["chunks"]).split() == answer["text"].split()
    times = [time for one in answer["chunks"] for time in one["timestamp"]]
    assert times == sorted(times) and times[-1] <= len(recording) / RATE + 0.04


def test_step_by_step(recognise, recording):
    outputs = [recognise.forward(one) for one in recognise.preprocess(recording, sampling_rate=RATE, **OPTIONS)]
    assert len(outputs) >= 3
    assert recognise.postprocess(outputs, return_timestamps="word") == recognise(
        recording, return_timestamps="word", **OPTIONS
    )


@pytest.mark.parametrize("rate", [16000, 8000])
def test_a_file_gives_what_its_samples_give(recognise, recording, tmp_path, rate):
    path = tmp_path / "long.flac"
    soundfile.write(path, recording[:: RATE // rate], rate)
    options = {"return_timestamps": "word", **OPTIONS}
    samples = soundfile.read(path, dtype="float32")[0]
    assert recognise(path, **options) == recognise({"raw": samples, "sampling_rate": rate}, **options)


def test_what_is_no_longer_than_an_utterance_is_as_before(recognise, recording):
    short = recording[: 4 * RATE - 640]
    assert recognise(short, return_timestamps="word", **OPTIONS) == recognise(short, return_timestamps="word")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_at": "words", "chunk_length_s": 5}, 'chunk_at must be "pauses", "fixed" or None, got \'words\''),
        ({"chunk_at": "pauses"}, 'chunk_at="pauses" cuts nothing where chunk_length_s is None'),
        ({"chunk_at": "pauses", "chunk_length_s": 0}, "cuts nothing where chunk_length_s is 0"),
        ({"chunk_at": "pauses", "chunk_length_s": "auto", "stride_length_s": 8}, "shorter than chunk_length_s=15"),
    ],
)
def test_settings_without_a_meaning(recognise, options, message):
    with pytest.raises(ValueError, match=message):
        recognise("no such file", **options)


# ---- text across seams


def test_a_seam_is_between_words_and_letters():
    ids = np.array([1, 4, 4, 11, 11, 4, 6, 11])  # "▁the s" | "s i" without a `▁`
    text, offsets = decode_utterances(TOKENIZER, ids, (3,), ["char", "word"])
    assert text == "thes si"
    assert [(one["word"], one["start_offset"], one["end_offset"]) for one in offsets["word"]] == [
        ("thes", 0, 3),
        ("si", 5, 7),
    ]
    assert "".join(one["char"] for one in offsets["char"]) == " thes si"
    text, offsets = decode_utterances(TOKENIZER, np.array([1, 4, 4, 11]), (2,), ["word"])
    assert text == "thes s"  # the same letter on both sides of a seam is two letters
    assert decode_utterances(TOKENIZER, ids, (), [])[0] == "thessi"
    assert decode_utterances(TOKENIZER, np.full(4, 11), (2,), ["word"]) == ("", {"word": []})
