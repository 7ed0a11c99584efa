"""`npconformer classify`: its formats and its own options."""

import csv
import io
import json

import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer import pipeline

LABELS = {0: "happy", 1: "sad, or so", 2: "angry"}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    return save_checkpoint(
        "ForSequenceClassification", tmp_path_factory.mktemp("model"), request.param, id2label=LABELS
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for name, waveform in zip("ab", make_waveforms([9000, 6000])):
        soundfile.write(folder / f"{name}.wav", waveform, 16000)
    return [str(folder / "a.wav"), str(folder / "b.wav")]


@pytest.fixture(scope="module")
def answers(model, recordings):
    return pipeline("audio-classification", model=model)(recordings)


def test_text(capsys, model, recordings, answers):
    _, out, _ = run(capsys, "classify", recordings[0], "--model", model)
    assert out == "".join(f"{one['score']:.4f}\t{one['label']}\n" for one in answers[0])
    _, out, _ = run(capsys, "classify", *recordings, "--model", model, "--top-k", 1)
    assert out.splitlines() == [
        f"{name}: {answer[0]['score']:.4f}\t{answer[0]['label']}" for name, answer in zip(recordings, answers)
    ]


def test_json(capsys, model, recordings, answers):
    _, out, _ = run(capsys, "classify", *recordings, "--model", model, "--top-k", "all", "--format", "json")
    assert json.loads(out) == [{"file": name, "labels": answer} for name, answer in zip(recordings, answers)]


def test_csv(capsys, model, recordings, answers):
    argv = [recordings[0], "missing.wav", recordings[1], "--model", model, "--top-k", 2, "--format", "csv"]
    status, out, _ = run(capsys, "classify", *argv)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 1
    assert rows == [
        {"file": name, "rank": str(rank), "label": one["label"], "score": str(one["score"])}
        for name, answer in zip(recordings, answers)
        for rank, one in enumerate(answer[:2], start=1)
    ]


def test_function(capsys, model, recordings):
    argv = ["classify", recordings[0], "--model", model, "--format", "json"]
    totals = {}
    for function in ("softmax", "sigmoid", "none"):
        _, out, _ = run(capsys, *argv, "--function", function)
        totals[function] = sum(one["score"] for one in json.loads(out)[0]["labels"])
    assert totals["softmax"] == pytest.approx(1)
    assert len({round(total, 3) for total in totals.values()}) == 3


@pytest.mark.parametrize("top_k", ["0", "-1", "some", "1.5"])
def test_wrong_top_k(capsys, top_k):
    status, _, err = run(capsys, "classify", "a.wav", "--model", "m", f"--top-k={top_k}")
    assert status == 2
    assert "is not a whole number of at least 1" in err
