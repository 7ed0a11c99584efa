"""Known texts in recordings: times beside those that are known, and the same whether run in chunks or as a whole."""

import itertools

import numpy as np
import pytest

from npconformer import pipeline
from npconformer.audio.files import read_audio
from npconformer.pipelines import EMBEDDED_DIGITS
from npconformer.pipelines.recording_aligner import RecordingAligner
from npconformer.text import ctc_align

WORDS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
RATE = 16000


def joined_digits(shared, seed, silence=0.0, digits=8):
    """Single digits of one speaker end to end after a silence: (waveform, words, when each word starts and ends)."""
    folder = shared / "data" / "fsdd"
    if not folder.is_dir():
        pytest.skip("needs shared/data/fsdd")
    random = np.random.default_rng(seed)
    speaker, said = random.choice(SPEAKERS), random.integers(0, 10, digits)
    clips = [read_audio(folder / f"{digit}_{speaker}_{random.integers(5, 50)}.wav", RATE) for digit in said]
    clips = [np.zeros(round(silence * RATE), np.float32), *clips]
    edges = np.cumsum([len(clip) for clip in clips]) / RATE
    return np.concatenate(clips), [WORDS[digit] for digit in said], edges


@pytest.fixture(scope="module")
def embedded():
    return pipeline("automatic-speech-recognition", model=EMBEDDED_DIGITS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most_start", "most_end"), [(None, 0.04, 0.05), ("digits-hf", 0.08, 0.09)])
def test_words_start_and_end_where_the_recordings_do(shared, name, most_start, most_end):
    model = EMBEDDED_DIGITS if name is None else shared / "models" / name
    if not model.is_dir():
        pytest.skip(f"needs {model}")
    align = RecordingAligner(pipeline("automatic-speech-recognition", model=str(model)))
    starts, ends, first = [], [], []
    for seed in range(12):
        waveform, words, edges = joined_digits(shared, seed, silence=(0.0, 0.2, 0.6)[seed % 3])
        found = align(waveform, " ".join(words)).words
        assert [word.text for word in found] == words
        starts += [word.start - edge for word, edge in zip(found[1:], edges[1:])]
        ends += [word.end - edge for word, edge in zip(found, edges[1:])]
        first.append(found[0].start - edges[0])
        assert all(word.start < word.end for word in found)
        assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert np.median(np.abs(starts)) <= most_start
    assert np.median(np.abs(ends)) <= most_end
    assert np.median(np.abs(first)) <= 0.01 and np.abs(first).max() <= 0.1  # by the frames alone up to 0.6


@pytest.mark.slow
def test_words_that_the_text_leaves_out(shared, embedded):
    align, errors = RecordingAligner(embedded), []
    for seed in range(6):
        waveform, words, edges = joined_digits(shared, 100 + seed)
        left_out = {0, 3, 4, 7}
        text = " ".join("*" if place in left_out else word for place, word in enumerate(words))
        found = align(waveform, text).words
        assert len(found) == 4
        errors += [word.start - edges[place] for word, place in zip(found, (1, 2, 5, 6))]
    assert np.median(np.abs(errors)) <= 0.04
    assert np.quantile(np.abs(errors), 0.8) < 0.15


def test_chunks_give_what_the_whole_gives(shared, embedded):
    """Nearly: a chunk does not hear what is far away. The words are the same, and most times."""
    waveform, words, _ = joined_digits(shared, 1, digits=24)
    whole = RecordingAligner(embedded, chunk_length_s=None)(waveform, " ".join(words))
    told = []
    aligner = RecordingAligner(embedded, chunk_length_s=6, stride_length_s=2)
    chunked = aligner(waveform, " ".join(words), progress=lambda *arguments: told.append(arguments[1:]))
    assert whole.duration == chunked.duration == len(waveform) / RATE
    assert len(chunked.alignment.frames.classes) == embedded.clock.frames(len(waveform))
    assert [word.text for word in chunked.words] == words
    apart = [abs(a.start - b.start) for a, b in zip(whole.words, chunked.words)]
    assert np.median(apart) <= 0.02
    assert told[0][0] == 0.0 and told[-1] == (pytest.approx(whole.duration, abs=0.05), whole.duration)


def test_the_alignment_is_that_of_the_pipelines_logits(shared, embedded):
    waveform, words, _ = joined_digits(shared, 2, digits=3)
    aligned = RecordingAligner(embedded)({"array": waveform, "sampling_rate": RATE}, " ".join(words).lower())
    _, logits = embedded.logits_of(waveform)
    labels = embedded.processor(text=" ".join(words)).input_ids
    np.testing.assert_array_equal(aligned.alignment.frames.classes, ctc_align(logits, labels).classes)


def test_what_cannot_be_aligned(embedded):
    align = RecordingAligner(embedded)
    with pytest.raises(ValueError, match=r"^labels: 23 labels and 4 blanks between equal neighbours need"):
        align(np.zeros(3200, np.float32), "THREE THREE THREE THREE")
    with pytest.raises(ValueError, match=r"^100 samples at 16000 Hz are too short"):
        align(np.zeros(100, np.float32), "ONE")
