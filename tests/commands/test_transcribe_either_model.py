"""`npconformer transcribe` with small recognisers of both models: nothing on the command line says which."""

import json

import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, lay_out_as_in_4, make_waveforms, save_checkpoint, save_recogniser

from npconformer import pipeline


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module", params=["20 ms", "40 ms, old layout"])
def model(request, kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    if request.param == "20 ms":
        return save_recogniser(folder, kind)
    return lay_out_as_in_4(save_recogniser(folder, kind, add_adapter=True, num_adapter_layers=1))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for name, waveform in zip("abc", make_waveforms([16_000, 9000, 12_345], seed=3)):
        soundfile.write(folder / f"{name}.wav", waveform, 16000)
    return [str(folder / f"{name}.wav") for name in "abc"]


@pytest.fixture(scope="module")
def answers(model, recordings):
    return pipeline(model=model)(recordings, return_timestamps="word")


def test_text(capsys, model, recordings, answers):
    status, out, err = run(capsys, "transcribe", *recordings, "--model", model, "--batch-size", 3)
    assert (status, err) == (0, "")
    assert out.splitlines() == [f"{name}: {answer['text']}" for name, answer in zip(recordings, answers)]


def test_times(capsys, model, recordings, answers):
    argv = ["--model", model, "--format", "json", "--timestamps", "word"]
    _, out, _ = run(capsys, "transcribe", *recordings, *argv)
    for entry, answer in zip(json.loads(out), answers, strict=True):
        assert entry["text"] == answer["text"]
        for ours, expected in zip(entry["chunks"], answer["chunks"], strict=True):
            assert ours["text"] == expected["text"]
            assert ours["timestamp"] == pytest.approx(expected["timestamp"], abs=1e-3)
    _, out, _ = run(capsys, "transcribe", recordings[0], "--model", model, "--format", "srt")
    assert out.count("-->") >= 1


def test_in_chunks(capsys, model, recordings):
    expected = pipeline(model=model)(recordings[0], chunk_length_s=0.6, stride_length_s=0.1)
    argv = ["--model", model, "--chunk-length-s", 0.6, "--stride-length-s", 0.1]
    _, out, _ = run(capsys, "transcribe", recordings[0], *argv)
    assert out == f"{expected['text']}\n"


def test_a_picture(capsys, model, recordings, answers, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, err = run(capsys, "transcribe", recordings[0], "--model", model, "--plot", "-")
    assert (status, err) == (0, "")
    assert out.startswith(f"{answers[0]['text']}\ntime (s)")
    words = [line.split()[1:] for line in out.splitlines() if line.startswith("   words ")]
    assert [word for line in words for word in line] == answers[0]["text"].split()


def test_what_is_too_short_is_named(capsys, model, recordings, tmp_path):
    soundfile.write(tmp_path / "click.wav", make_waveforms([200])[0], 16000)
    status, out, err = run(capsys, "transcribe", tmp_path / "click.wav", recordings[1], "--model", model)
    assert status == 1
    assert "click.wav: 200 samples at 16000 Hz are too short: the model needs" in err
    assert out.startswith(f"{recordings[1]}: ")


def test_a_folder_without_a_tokenizer(capsys, kind, recordings, tmp_path):
    """As the pretrained Wav2Vec2-BERT is released."""
    status, out, err = run(capsys, "transcribe", recordings[0], "--model", save_checkpoint("ForCTC", tmp_path, kind))
    assert (status, out) == (2, "")
    assert "vocab.json" in err
