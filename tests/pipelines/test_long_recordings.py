"""Long recordings in chunks: what the whole gives where context suffices, times across seams, files in pieces."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import (
    HEAD_NAMES,
    KINDS,
    MODELS,
    SHORTEST,
    make_extractor,
    make_local_extractor,
    make_waveforms,
    save_checkpoint,
    silence_attention,
)

import npconformer
from npconformer import pipeline
from npconformer.audio import read_audio, stream_audio
from npconformer.commands.demo import RECORDING
from npconformer.pipelines.frames import FramePipeline
from npconformer.pipelines.loading import load_model

FRAME = 0.02  # seconds
# frames to the left and right that a frame depends on: two depthwise convolutions over 7 frames, Wav2Vec2-BERT's causal
REACH = {"layer": (6, 6), "bert": (12, 0)}
ENOUGH = {"chunk_length_s": 30 * FRAME, "stride_length_s": (12 * FRAME, 6 * FRAME)}


class LogitsPipeline(FramePipeline):
    """Gives the logits of every frame as they are."""

    task = "logits"
    head_name = "audio_frame_classification"

    def run_frames(self, waveforms):
        logits = self.run_model(waveforms).logits.numpy()
        return [rows[:count] for rows, count in zip(logits, self.frames_of(waveforms))]

    def answer(self, output, options):
        return output


def build(folder, kind, near_sighted=True, normalize=False, head="ForAudioFrameClassification", dtype=None, **config):
    save_checkpoint(head, folder, kind, **{"num_labels": 3, **config})
    model = load_model(HEAD_NAMES[head], folder, None, dtype)
    if near_sighted:
        silence_attention(model)
    pipeline = type("OfThisHead", (LogitsPipeline,), {"head_name": HEAD_NAMES[head]})
    return pipeline(model, make_extractor(kind) if normalize else make_local_extractor(kind))


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def near_sighted(kind, tmp_path_factory):
    return build(tmp_path_factory.mktemp("near-sighted"), kind, dtype="float64")


@pytest.fixture(scope="module")
def recognise():
    return pipeline("automatic-speech-recognition")


@pytest.fixture(scope="module")
def three_demos():
    """The demo's recording three times, (N,): 13 seconds, 24 words."""
    return np.tile(read_audio(RECORDING), 3)


# ---- the same as the whole


@given(
    samples=st.integers(560, 40_000),
    chunk=st.integers(13, 60),
    more_left=st.integers(0, 6),
    more_right=st.integers(0, 6),
    batch_size=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_chunks_give_the_whole_where_context_suffices(
    near_sighted, kind, samples, chunk, more_left, more_right, batch_size
):
    left, right = REACH[kind][0] + more_left, REACH[kind][1] + more_right
    chunk = max(chunk, left + right + 1)
    (waveform,) = make_waveforms([samples], seed=samples)
    whole = near_sighted(waveform)
    chunked = near_sighted(
        waveform, batch_size=batch_size, chunk_length_s=chunk * FRAME, stride_length_s=(left * FRAME, right * FRAME)
    )
    assert chunked.samples == samples
    assert chunked.rows.shape == whole.rows.shape == (near_sighted.clock.frames(samples), 3)
    np.testing.assert_allclose(chunked.rows, whole.rows, rtol=0, atol=1e-6)


def test_too_little_context_is_noticed_by_these_tests(near_sighted, kind):
    (waveform,) = make_waveforms([40_000])
    whole = near_sighted(waveform).rows
    strides = tuple(max(0, reach - 3) * FRAME for reach in REACH[kind])
    short = near_sighted(waveform, chunk_length_s=30 * FRAME, stride_length_s=strides).rows
    assert np.abs(short - whole).max() > 1e-3


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 3), (5, 2), (4, 3)])
def test_with_adapters_frames_are_further_apart(tmp_path, kind, kernel, stride, layers):
    adapter = {"add_adapter": True, "num_adapter_layers": layers, "output_hidden_size": 16}
    adapter |= {"adapter_kernel_size": kernel, "adapter_stride": stride}
    run = build(tmp_path, kind, head="ForCTC", dtype="float64", **adapter)
    size = 320 * stride**layers
    assert run.samples_per_frame == size
    frame = size / 16000
    for samples in (60 * size, 60 * size + 320, 60 * size + 1000, 63 * size - 1):
        (waveform,) = make_waveforms([samples], seed=samples)
        whole = run(waveform).rows
        chunked = run(waveform, batch_size=3, chunk_length_s=35 * frame, stride_length_s=10 * frame).rows
        assert whole.shape == (run.clock.frames(samples), 12)
        np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("each", KINDS)
def test_the_batch_size_changes_nothing_with_full_attention(tmp_path, each):
    run = build(tmp_path, each, near_sighted=False, normalize=True, dtype="float64")
    (waveform,) = make_waveforms([50_000])
    alone = run(waveform, **ENOUGH).rows
    for batch_size in (2, 3, 50):
        np.testing.assert_allclose(run(waveform, batch_size=batch_size, **ENOUGH).rows, alone, rtol=0, atol=1e-6)


def test_each_chunk_is_what_the_model_says_of_it_alone(tmp_path, kind):
    """Normalised by itself, too."""
    run = build(tmp_path, kind, near_sighted=False, normalize=True, dtype="float64")
    (waveform,) = make_waveforms([20_000])
    waveform[8000:] *= 5
    chunked = run(waveform, chunk_length_s=0.5, stride_length_s=0.1).rows  # 25 frames, of which 15 are new
    samples = 24 * 320 + SHORTEST[kind]
    first, second = (run(waveform[start : start + samples]).rows for start in (0, 15 * 320))
    np.testing.assert_allclose(chunked[:20], first[:20], rtol=0, atol=1e-6)
    np.testing.assert_allclose(chunked[20:35], second[5:20], rtol=0, atol=1e-6)


def test_what_fits_one_chunk_is_as_without_chunks(near_sighted, kind):
    for samples in (SHORTEST[kind], SHORTEST[kind] + 80, 30 * 320, 30 * 320 + 319):
        (waveform,) = make_waveforms([samples])
        np.testing.assert_array_equal(near_sighted(waveform, **ENOUGH).rows, near_sighted(waveform).rows)


def test_short_and_long_recordings_together_keep_their_order(near_sighted):
    waveforms = make_waveforms([30_000, 600, 9000, 700, 50_000, 12_000])
    alone = [near_sighted(waveform).rows for waveform in waveforms]
    for batch_size in (1, 2, 6):
        together = near_sighted(waveforms, batch_size=batch_size, **ENOUGH)
        for output, rows in zip(together, alone, strict=True):
            np.testing.assert_allclose(output.rows, rows, rtol=0, atol=1e-6)


def test_options_of_the_pipeline_hold_for_its_calls(near_sighted):
    (waveform,) = make_waveforms([40_000])
    seen = []
    cut = LogitsPipeline(near_sighted.model, near_sighted.feature_extractor, **ENOUGH)
    list(cut.stream([waveform], progress=lambda *now: seen.append(now)))
    assert len(seen) > 5
    seen.clear()
    list(cut.stream([waveform], chunk_length_s=None, progress=lambda *now: seen.append(now)))
    list(cut.stream([waveform], chunk_length_s="auto", progress=lambda *now: seen.append(now)))
    assert seen == []


def test_auto_cuts_what_is_longer_than_five_minutes(near_sighted):
    frames = 15_001
    (waveform,) = make_waveforms([near_sighted.clock.samples_for(frames)])
    seen = []
    (output,) = near_sighted.stream([waveform], chunk_length_s="auto", progress=lambda *now: seen.append(now))
    assert output.rows.shape == (frames, 3)
    assert seen[0][1:] == (0.0, len(waveform) / 16000)
    assert len(seen) == 1 + 15  # 1000 frames at a time, the first and the last with up to 250 more


# ---- speech


def test_the_text_and_the_times_do_not_depend_on_seams(recognise, three_demos):
    whole = recognise(three_demos, return_timestamps="word")
    assert len(whole["chunks"]) == 24
    for chunk, stride in ((6.0, None), (8.02, (1.5, 1.0)), (5.0, (2.0, 2.0))):
        cut = recognise(
            three_demos, return_timestamps="word", chunk_length_s=chunk, stride_length_s=stride, batch_size=3
        )
        assert cut["text"] == whole["text"]
        for ours, theirs in zip(cut["chunks"], whole["chunks"], strict=True):
            assert ours["text"] == theirs["text"]
            np.testing.assert_allclose(ours["timestamp"], theirs["timestamp"], rtol=0, atol=2 * FRAME + 1e-9)


def test_times_of_words_whose_places_are_known(recognise, shared):
    """Recordings of one digit each, one after the other: every word lies in its own."""
    paths = sorted((shared / "data/fsdd").glob("*_[1-2]*.wav"))[::20]
    words = [read_audio(path) for path in paths]
    pause = np.zeros(3200, np.float32)
    ends = np.cumsum([len(word) + len(pause) for word in words]).tolist()
    joined = np.concatenate([piece for word in words for piece in (word, pause)])
    expected = ["ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()[int(path.name[0])] for path in paths]

    def count_in_place(**options):
        found = [
            (chunk["text"], sum(chunk["timestamp"]) / 2 * 16000)
            for chunk in recognise(joined, return_timestamps="word", **options)["chunks"]
        ]
        return sum(
            any(text == word and end - len(pause) - len(samples) <= middle <= end for text, middle in found)
            for word, end, samples in zip(expected, ends, words)
        )

    whole = count_in_place()
    assert count_in_place(chunk_length_s=5, stride_length_s=1) >= max(whole - 2, 0.8 * len(words))


@pytest.mark.parametrize("return_timestamps", ["word", "char"])
def test_times_are_in_order_and_in_the_recording(recognise, three_demos, return_timestamps):
    result = recognise(three_demos, return_timestamps=return_timestamps, chunk_length_s=3, stride_length_s=0.5)
    times = [time for chunk in result["chunks"] for time in chunk["timestamp"]]
    assert times == sorted(times)
    assert 0 <= times[0] and times[-1] <= len(three_demos) / 16000


def test_diarization_in_chunks(tmp_path, kind):
    save_checkpoint("ForAudioFrameClassification", tmp_path, kind, num_labels=2)
    diarize = pipeline("speaker-diarization", model=tmp_path, chunk_length_s=1.0)
    (waveform,) = make_waveforms([100_000])
    result = diarize(waveform)
    assert result["duration"] == 6.25
    assert result["segments"]
    assert all(0 <= one["start"] < one["end"] <= 6.25 for one in result["segments"])


# ---- files


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (8000, 1)])
def test_a_file_gives_what_its_samples_give(recognise, three_demos, tmp_path, rate, channels):
    path = tmp_path / "long.flac"
    samples = npconformer.audio.resample(three_demos, 16000, rate)
    soundfile.write(path, np.repeat(samples[:, None], channels, axis=1), rate)
    chunks = {"chunk_length_s": 5, "return_timestamps": "char"}
    assert recognise(path, **chunks) == recognise(read_audio(path), **chunks)
    assert recognise([path, RECORDING], batch_size=2, **chunks)[0] == recognise(path, **chunks)


def test_a_file_is_never_in_memory_as_a_whole(near_sighted, tmp_path):
    path = tmp_path / "long.wav"
    seconds = 120
    soundfile.write(path, np.tile(make_waveforms([16000])[0], seconds), 16000)
    near_sighted(path, chunk_length_s=1)  # libraries are loaded
    tracemalloc.start()
    output = near_sighted(path, chunk_length_s=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(output.rows) == near_sighted.clock.frames(16000 * seconds) >= seconds * 50 - 1
    assert peak < 4e6 < 4 * 16000 * seconds  # bytes


def test_progress_is_told_in_seconds(near_sighted, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, make_waveforms([44_000])[0], 16000)
    seen = []
    list(near_sighted.stream([path], batch_size=2, progress=lambda *now: seen.append(now), **ENOUGH))
    recordings, done, total = zip(*seen)
    assert set(recordings) == {path} and set(total) == {2.75}
    assert done[0] == 0.0 and list(done) == sorted(set(done))
    assert done[-1] == pytest.approx(near_sighted.clock.frames(44_000) * FRAME)


def test_what_is_wrong_late_in_a_file_fails_that_file_only(near_sighted, tmp_path):
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    (samples,) = make_waveforms([200_000])
    soundfile.write(good, samples, 16000, subtype="FLOAT")
    samples = samples.copy()
    samples[190_000] = np.inf
    soundfile.write(bad, samples, 16000, subtype="FLOAT")
    for batch_size in (1, 2):
        first, error, last = near_sighted.stream([good, bad, good], return_errors=True, batch_size=batch_size, **ENOUGH)
        np.testing.assert_array_equal(first.rows, last.rows)
        assert isinstance(error, ValueError)
        assert str(error) == f"{bad} holds samples that are NaN or infinite"
    with pytest.raises(ValueError, match=r"bad\.wav holds samples"):
        near_sighted([good, bad], **ENOUGH)
    with pytest.raises(ValueError, match=r"^inputs\[0\]: .* NaN or infinite"):
        near_sighted([samples], **ENOUGH)


def test_a_header_that_promises_more_than_there_is(near_sighted, tmp_path, monkeypatch):
    path = tmp_path / "click.wav"
    soundfile.write(path, np.zeros(100), 16000)
    monkeypatch.setattr("npconformer.audio.streaming.duration_of", lambda path: 1000.0)
    with pytest.raises(ValueError, match=r"click\.wav: 100 samples at 16000 Hz are too short"):
        near_sighted(path, **ENOUGH)
    soundfile.write(path, make_waveforms([5000])[0], 16000)
    np.testing.assert_array_equal(near_sighted(path, **ENOUGH).rows, near_sighted(path).rows)
    assert sum(map(len, stream_audio(path))) == near_sighted(path, **ENOUGH).samples == 5000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_length_s": -1}, "chunk_length_s must be"),
        ({"chunk_length_s": np.nan}, "chunk_length_s must be"),
        ({"chunk_length_s": 1, "stride_length_s": 1}, "stride_length_s=1 leaves nothing"),
        ({"chunk_length_s": 0.01}, "chunk_length_s=0.01 is shorter than what the model makes one frame of"),
    ],
)
def test_wrong_settings_before_anything_is_read(near_sighted, options, message):
    with pytest.raises(ValueError, match=message):
        near_sighted("no such file", **options)
    with pytest.raises(ValueError, match=message):
        near_sighted.stream(["no such file"], **options)
    with pytest.raises(ValueError, match=message):
        LogitsPipeline(near_sighted.model, near_sighted.feature_extractor, **options)
