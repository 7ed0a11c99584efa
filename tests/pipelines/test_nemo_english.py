"""Real weights and real English: a published recogniser on twenty utterances with texts, where `shared/` is.

An independent NumPy program of the model's facts reads them with 31 of 364 words wrong (8.52 %); its log-probabilities
lie beside the recordings, rounded to float16.
"""

import csv
import threading
from difflib import SequenceMatcher

import numpy as np
import pytest

from npconformer import pipeline
from npconformer.audio import read_audio
from npconformer.commands.convert_nemo import convert_nemo_folder
from npconformer.metrics import word_error_rate
from npconformer.nn.stored_layers import stored_layers

pytestmark = pytest.mark.slow
JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


@pytest.fixture(scope="module")
def english(shared, tmp_path_factory):
    out = tmp_path_factory.mktemp("english") / "model"
    convert_nemo_folder(shared / "models/conformer-ctc-small", out)
    return out


@pytest.fixture(scope="module")
def recognise(english):
    return pipeline("automatic-speech-recognition", english)


@pytest.fixture(scope="module")
def utterances(shared):
    """(path, text) of each."""
    folder = shared / "data/librispeech"
    with open(folder / "transcripts.tsv", encoding="utf-8") as file:
        return [(folder / row["path"], row["text"]) for row in csv.DictReader(file, delimiter="\t")]


@pytest.fixture(scope="module")
def logits(recognise, utterances):
    return [recognise.logits_of(path)[1] for path, _ in utterances]


@pytest.fixture(scope="module")
def texts(recognise, logits):
    return [recognise.decode(one)["text"] for one in logits]


def test_word_errors(texts, utterances):
    assert len(texts) == 20
    errors = word_error_rate([text for _, text in utterances], texts)
    assert errors.length == 364 and errors.rate <= 0.086


def test_log_probabilities(logits, utterances, shared):
    for (path, _), one in zip(utterances, logits, strict=True):
        found = one - one.max(axis=-1, keepdims=True)
        found = found - np.log(np.exp(found).sum(axis=-1, keepdims=True))
        expected = np.load(shared / "data/librispeech-logits" / f"{path.stem}.npy").astype(np.float32)
        assert found.shape == expected.shape
        assert np.abs(found - expected)[expected > -16].max() < 2e-2, path.stem
        second, best = np.sort(expected, axis=-1)[:, -2:].T
        sure = best - second > 0.05
        assert (found.argmax(-1) == expected.argmax(-1))[sure].all() and sure.mean() > 0.95


def test_in_exact_batches(recognise, utterances, texts):
    answers = recognise([str(path) for path, _ in utterances], batch_size=7)
    assert [answer["text"] for answer in answers] == texts


def test_in_float64(english, utterances, texts):
    exact = pipeline("automatic-speech-recognition", english, dtype="float64")
    assert [exact(path)["text"] for path, _ in utterances] == texts


def test_in_int8(english, utterances):
    """A quarter of the bytes; 31 of 364 words are wrong in float32, and at most two more here."""
    quarter = pipeline("automatic-speech-recognition", english, model_kwargs={"load_in_8bit": True})
    assert {layer.kind for layer in stored_layers(quarter.model).values()} == {"int8"}
    answers = [quarter(path)["text"] for path, _ in utterances]
    errors = word_error_rate([text for _, text in utterances], answers)
    assert errors.length == 364 and errors.rate <= 0.091


def test_from_another_thread(recognise, utterances, texts):
    found = []
    thread = threading.Thread(target=lambda: found.extend(recognise(path)["text"] for path, _ in utterances[:4]))
    thread.start()
    thread.join()
    assert found == texts[:4]


def test_words_have_times(recognise, utterances, texts):
    answer = recognise(utterances[9][0], return_timestamps="word")
    assert " ".join(chunk["text"] for chunk in answer["chunks"]) == answer["text"] == texts[9]
    times = [time for chunk in answer["chunks"] for time in chunk["timestamp"]]
    assert times == sorted(times) and 0 < times[0] < 1 and 18 < times[-1] < 20


def test_another_recording(recognise, shared):
    """At another rate, with two channels."""
    assert recognise(shared / "data/jfk.flac")["text"] == JFK


# ---- ten minutes: the utterances one after the other, again and again


@pytest.fixture(scope="module")
def ten_minutes(utterances):
    """(waveform, which utterance is where, where each begins in seconds)."""
    waveforms = [read_audio(path) for path, _ in utterances]
    order = [i % len(waveforms) for i in range(82)]
    starts = np.cumsum([0, *(len(waveforms[i]) for i in order)])[:-1] / 16000
    return np.concatenate([waveforms[i] for i in order]), order, starts.tolist()


def test_ten_minutes_lose_nothing(recognise, utterances, texts, ten_minutes):
    waveform, order, starts = ten_minutes
    assert len(waveform) > 600 * 16000
    found = recognise(waveform, return_timestamps="word", chunk_length_s="auto", batch_size=4)
    alone = word_error_rate([utterances[i][1] for i in order], [texts[i] for i in order])
    joined = word_error_rate([" ".join(utterances[i][1] for i in order)], [found["text"]])
    assert alone.length == joined.length == 1490
    assert joined.rate <= alone.rate + 0.025

    own = [recognise(path, return_timestamps="word")["chunks"] for path, _ in utterances]
    ends, gaps = [*starts[1:], len(waveform) / 16000], []
    for i, start, end in zip(order, starts, ends):
        here = [word for word in found["chunks"] if start <= sum(word["timestamp"]) / 2 < end]
        words = [[word["text"] for word in some] for some in (own[i], here)]
        for a, b, size in SequenceMatcher(None, *words, autojunk=False).get_matching_blocks():
            for ours, alone in zip(here[b : b + size], own[i][a : a + size]):
                gaps.append(np.abs(np.subtract(ours["timestamp"], alone["timestamp"]) - start))
    assert len(gaps) > 1350 and np.max(gaps) <= 2 * recognise.seconds_per_frame + 1e-6
