"""One bad recording never costs another, whatever it raises and whatever batch it is in."""

import numpy as np
import pytest
import soundfile
from tiny_checkpoints import make_waveforms, save_recogniser

import npconformer
from npconformer.data.examples import Example
from npconformer.evaluation import evaluate, scorer_for
from npconformer.pipelines import batching


@pytest.fixture(scope="module")
def recognise(tmp_path_factory):
    return npconformer.pipeline(model=save_recogniser(tmp_path_factory.mktemp("model")))


@pytest.fixture
def recordings(tmp_path):
    names = [str(tmp_path / f"{i}.wav") for i in range(5)]
    for name, waveform in zip(names, make_waveforms([4000, 5000, 6000, 7000, 8000])):
        soundfile.write(name, waveform, 16000)
    return names


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("error", [MemoryError("8 GiB"), RuntimeError("odd"), IndexError(3), ValueError("bad")])
def test_a_recording_that_fails_in_the_model(recognise, recordings, monkeypatch, batch_size, error):
    right = recognise(recordings)
    run_frames = recognise.run_frames

    def failing(waveforms):
        if any(len(waveform) == 6000 for waveform in waveforms):
            raise error
        return run_frames(waveforms)

    monkeypatch.setattr(recognise, "run_frames", failing)
    results = list(recognise.stream(recordings, batch_size=batch_size, return_errors=True))
    assert [result for i, result in enumerate(results) if i != 2] == [one for i, one in enumerate(right) if i != 2]
    assert isinstance(results[2], ValueError)
    assert str(results[2]).startswith(f"{recordings[2]}: ")
    for word in str(error).split():
        assert word in str(results[2])
    with pytest.raises(type(error)):
        recognise(recordings, batch_size=batch_size)


def test_a_recording_whose_reading_fails_as_nobody_expected(recognise, recordings, monkeypatch):
    right = recognise(recordings)
    load = batching.load_recording

    def failing(recording, *arguments):
        if recording == recordings[0]:
            raise MemoryError
        return load(recording, *arguments)

    monkeypatch.setattr(batching, "load_recording", failing)
    results = list(recognise.stream(recordings, batch_size=2, return_errors=True))
    assert results[1:] == right[1:]
    assert str(results[0]) == f"{recordings[0]}: not enough memory"


def test_samples_beyond_sound(recognise, recordings):
    right = recognise(recordings)
    for sound in (np.full(6000, 1e38), np.full((6000, 2), 3e38), np.full(6000, 1e19)):
        soundfile.write(recordings[2], sound, 16000, subtype="FLOAT")
        results = list(recognise.stream(recordings, batch_size=5, return_errors=True))
        assert [results[i] == right[i] for i in range(5)] == [True, True, False, True, True]
        assert "2.wav holds samples as large as" in str(results[2])
        with pytest.raises(ValueError, match=r"the array holds .*(as large as|infinite)"):
            recognise(sound.T.astype(np.float32))


@pytest.mark.parametrize("kind", ["cut", "2^36"])
def test_evaluation_and_a_header_that_claims_too_much(recognise, recordings, tmp_path, kind):
    sound = soundfile.read(recordings[4])[0]
    soundfile.write(tmp_path / "a.flac", sound, 16000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[18:26] = (int.from_bytes(data[18:26], "big") | 2**36 - 1).to_bytes(8, "big")
    (tmp_path / "a.flac").write_bytes(data if kind == "2^36" else data[: len(data) // 2])
    examples = [
        Example(recordings[0], text="A"),
        Example(str(tmp_path / "a.flac"), text="B"),
        Example(recordings[4], "B"),
    ]
    scorer = scorer_for(recognise)
    with pytest.warns(npconformer.audio.AudioWarning, match="a.flac: it breaks off"):
        failures = [failure for _, failure in evaluate(recognise, examples, scorer)]
    assert failures == [None] * 3
    if kind == "2^36":
        assert scorer.rows[1] == {**scorer.rows[2], "file": examples[1].path}
