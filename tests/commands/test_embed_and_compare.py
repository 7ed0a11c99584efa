"""`npconformer embed` and `npconformer compare`: files of vectors, and verdicts."""

import json

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer import pipeline
from npconformer.pipelines import SpeakerEmbeddingPipeline, cosine_similarity


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    return save_checkpoint("ForXVector", tmp_path_factory.mktemp("model"), request.param)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for name, waveform in zip("ab", make_waveforms([9000, 6000])):
        soundfile.write(folder / f"{name}.wav", waveform, 16000)
    return [str(folder / "a.wav"), str(folder / "b.wav")]


@pytest.fixture(scope="module")
def vectors(model, recordings):
    return pipeline("speaker-embedding", model=model)(recordings)


# ---- embed


def test_npz_by_the_ending_of_the_output(capsys, model, recordings, vectors, tmp_path):
    target = tmp_path / "speakers.npz"
    argv = [recordings[0], "missing.wav", recordings[1], "--model", model, "--output", target]
    status, out, err = run(capsys, "embed", *argv)
    assert (status, out, err) == (1, "", "npconformer: missing.wav: no such file\n")
    with np.load(target) as stored:
        assert sorted(stored) == ["embeddings", "files"]
        assert stored["files"].tolist() == recordings
        assert stored["embeddings"].dtype == np.float32
        np.testing.assert_array_equal(stored["embeddings"], vectors)


def test_npz_when_nothing_could_be_embedded(capsys, model, tmp_path):
    target = tmp_path / "speakers.data"
    status, _, _ = run(capsys, "embed", "missing.wav", "--model", model, "--output", target, "--format", "npz")
    assert status == 1
    with np.load(target) as stored:
        assert stored["files"].shape == (0,)
        assert stored["embeddings"].shape == (0, 6)


def test_json_keeps_every_bit(capsys, model, recordings, vectors, tmp_path):
    _, out, _ = run(capsys, "embed", *recordings, "--model", model)
    entries = json.loads(out)
    assert [entry["file"] for entry in entries] == recordings
    np.testing.assert_array_equal(np.float32([entry["embedding"] for entry in entries]), vectors)
    target = tmp_path / "speakers.npz"  # --format is stronger than the ending
    run(capsys, "embed", *recordings, "--model", model, "--format", "json", "--output", target)
    assert target.read_text() == out


def test_normalize(capsys, model, recordings, vectors):
    _, out, _ = run(capsys, "embed", recordings[0], "--model", model, "--normalize")
    (entry,) = json.loads(out)
    np.testing.assert_allclose(entry["embedding"], vectors[0] / np.linalg.norm(vectors[0]), rtol=1e-6)


def test_npz_is_not_for_standard_output(capsys):
    status, _, err = run(capsys, "embed", "a.wav", "--model", "m", "--format", "npz")
    assert status == 2
    assert "name a file with --output FILE.npz" in err


# ---- compare


def test_the_verdict(capsys, model, recordings, vectors):
    similarity = cosine_similarity(*vectors)
    for threshold, verdict in ((similarity - 0.01, "same speaker"), (similarity + 0.01, "different speakers")):
        threshold = f"{threshold:.3f}"
        status, out, err = run(capsys, "compare", *recordings, "--model", model, f"--threshold={threshold}")
        assert (status, err) == (0, "")
        assert out == f"{verdict}: cosine similarity {similarity:.4f}, threshold {float(threshold):g}\n"


def test_a_recording_and_itself(capsys, model, recordings, tmp_path):
    target = tmp_path / "verdict.json"
    argv = [recordings[0], recordings[0], "--model", model, "--format", "json", "--output", target]
    assert run(capsys, "compare", *argv) == (0, "", "")
    verdict = json.loads(target.read_text())
    assert verdict.pop("cosine_similarity") == pytest.approx(1)
    assert verdict == {"files": [recordings[0]] * 2, "threshold": 0.7, "same_speaker": True}


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.wav", "missing.wav: no such file"), (".", ". is a folder, not an audio file")],
)
def test_a_recording_that_cannot_be_read(capsys, model, recordings, name, message):
    status, out, err = run(capsys, "compare", recordings[0], name, "--model", model)
    assert (status, out, err) == (1, "", f"npconformer: {message}\n")


def test_vectors_without_direction(capsys, model, recordings, monkeypatch):
    monkeypatch.setattr(SpeakerEmbeddingPipeline, "answer", lambda self, output, options: output * 0)
    status, out, err = run(capsys, "compare", *recordings, "--model", model)
    assert (status, out) == (1, "")
    assert "cannot be compared: a vector whose L2 norm is 0.0 has no direction" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["b.wav"], "--model PATH is needed"),
        (["b.wav", "--model", "no-such-folder"], "no-such-folder"),
        (["b.wav", "--model", "m", "--threshold", "1.1"], "'1.1' is not a number from -1 to 1"),
        (["b.wav", "--model", "m", "--threshold", "nan"], "'nan' is not a number from -1 to 1"),
        (["b.wav", "--model", "m", "--threshold", "high"], "'high' is not a number from -1 to 1"),
        (["--model", "m"], "required: B"),
        (["b.wav", "c.wav", "--model", "m"], "unrecognized arguments: c.wav"),
    ],
)
def test_wrong_arguments(capsys, options, message):
    status, out, err = run(capsys, "compare", "a.wav", *options)
    assert (status, out) == (2, "")
    assert message in err


def test_help_says_where_the_threshold_comes_from(capsys):
    status, out, _ = run(capsys, "compare", "--help")
    assert status == 0
    assert "transformers' documentation" in out
    assert "exit status: 0 compared, whatever the verdict" in out
