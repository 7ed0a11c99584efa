"""`npconformer embed` and `npconformer compare`: files of vectors, and verdicts."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer import pipeline
from npconformer.evaluation.speaker_threshold import THRESHOLD_FILE, read_threshold
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
    target = tmp_path / "speakers"
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
    assert verdict.pop("threshold_origin") == "of the examples in transformers' documentation"
    assert verdict == {"files": [recordings[0]] * 2, "threshold": 0.7, "same_speaker": True}


def test_a_recording_that_cannot_be_read(capsys, model, recordings):
    status, out, err = run(capsys, "compare", recordings[0], "missing.wav", "--model", model)
    assert (status, out, err) == (1, "", "npconformer: missing.wav: no such file\n")


def test_many_with_those_of_a_folder(capsys, model, recordings, vectors, tmp_path):
    folder = Path(recordings[0]).parent
    similarity = cosine_similarity(*vectors)
    argv = ["compare", *recordings, "missing.wav", folder, "--model", model, "--threshold=-1", "--batch-size", 2]
    status, out, err = run(capsys, *argv)
    assert status == 1 and "npconformer: missing.wav: no such file\n" in err and "threshold -1\n" in err
    a, b = recordings
    assert out == f"{a}\t{b}\t{similarity:.4f}\tsame speaker\n{b}\t{a}\t{similarity:.4f}\tsame speaker\n"

    copy = tmp_path / "copy.wav"
    copy.write_bytes(Path(b).read_bytes())
    status, out, _ = run(capsys, "compare", copy, folder, "--model", model, "--format", "json")
    answer = json.loads(out)
    assert status == 0 and answer["threshold"] == 0.7
    assert [one["files"] for one in answer["comparisons"]] == [[str(copy), b], [str(copy), a]]  # the most similar first
    assert [one["cosine_similarity"] for one in answer["comparisons"]] == pytest.approx([1, similarity], abs=1e-5)
    assert answer["comparisons"][0]["same_speaker"] is True
    _, out, _ = run(capsys, "compare", copy, folder, "--model", model, "--top-k", 1)
    assert [line.split("\t")[1] for line in out.splitlines()] == [b]
    (tmp_path / "none").mkdir()
    status, out, err = run(capsys, "compare", a, tmp_path / "none", "--model", model)
    assert (status, out) == (1, "") and "no recordings in this folder" in err


def test_a_threshold_that_is_kept_with_the_model(capsys, model, recordings, vectors, tmp_path):
    model = Path(shutil.copytree(model, tmp_path / "model"))
    people = tmp_path / "people"
    for i, waveform in enumerate(make_waveforms([9000, 8000, 7000, 6000])):
        path = people / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, 16000)
    status, out, err = run(capsys, "evaluate", people, "--model", model, "--save-threshold", "--format", "json")
    figures = json.loads(out)
    assert status == 0 and f"the threshold is kept in {model / 'speaker_threshold.json'}" in err
    kept = read_threshold(model)
    assert kept.threshold == figures["threshold"] and kept.trials == 6 and kept.data == ["people"]
    _, out, _ = run(capsys, "compare", *recordings, "--model", model, "--format", "json")
    answer = json.loads(out)
    assert answer["threshold"] == kept.threshold
    rate = f"{100 * figures['equal_error_rate']:.2f}"
    assert answer["threshold_origin"] == f"equal error rate {rate} % on 6 pairs of 2 speakers in people"
    assert answer["same_speaker"] == (cosine_similarity(*vectors) >= kept.threshold)
    _, out, _ = run(capsys, "compare", *recordings, "--model", model, "--threshold=0.5")
    assert out.endswith("threshold 0.5\n")
    good = json.loads((model / THRESHOLD_FILE).read_text())
    for wrong in ({"threshold": 2}, {"threshold": True}, {"data": "x"}, {"speakers": None}):
        (model / THRESHOLD_FILE).write_text(json.dumps(good | wrong))
        status, out, err = run(capsys, "compare", *recordings, "--model", model)
        assert (status, out) == (2, "") and f"{model / THRESHOLD_FILE}: {next(iter(wrong))}: expected a" in err


def test_where_no_threshold_can_be_kept(capsys, recordings, model, tmp_path):
    one = tmp_path / "one.csv"
    one.write_text(f"path,speaker\n{recordings[0]},anna\n")
    assert run(capsys, "evaluate", one, "--model", model, "--save-threshold")[0] == 1
    assert read_threshold(model) is None
    (tmp_path / "t.csv").write_text(f"path,text\n{recordings[0]},ONE\n")
    status, _, err = run(capsys, "evaluate", tmp_path / "t.csv", "--save-threshold")
    assert status == 2 and "--save-threshold is for speaker vectors" in err


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
        (["b.wav", "--model", "m", "--top-k", "0"], "'0' is not a whole number of at least 1"),
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
