"""`npconformer convert`: the folder that it makes, and what it refuses."""

import json
import os

import numpy as np
import pytest
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_recogniser

from npconformer import AutoModelForCTC, AutoProcessor, pipeline
from npconformer.checkpoints.array_file import open_weights


@pytest.fixture(params=MODELS)
def folder(request, tmp_path):
    folder = save_recogniser(tmp_path / "source", request.param)
    (folder / "README.md").write_text("a card")
    return folder


@pytest.mark.parametrize("options", [(), ("--format", "bin"), ("--max-shard-size", "20KB")])
def test_the_same_recogniser(capsys, folder, tmp_path, options):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, out, _ = run(capsys, "convert", folder, tmp_path / "out", *options)
    assert (status, out) == (0, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (waveform,) = make_waveforms([16000])
    features = AutoProcessor.from_pretrained(tmp_path / "out")(waveform, sampling_rate=16000, return_tensors="np")
    logits = [AutoModelForCTC.from_pretrained(place)(**features).logits.numpy() for place in (folder, tmp_path / "out")]
    np.testing.assert_array_equal(*logits)
    for name in set(before) - {"model.safetensors"}:
        assert (tmp_path / "out" / name).read_bytes() == before[name]
    assert sorted(os.listdir(tmp_path)) == ["out", "source"]


@pytest.mark.parametrize("field", ["dtype", "torch_dtype", None])
def test_the_dtype_stands_in_the_config(capsys, folder, tmp_path, field):
    settings = json.loads((folder / "config.json").read_text())
    settings.pop("dtype", None)
    (folder / "config.json").write_text(json.dumps({**settings, **({field: "float32"} if field else {})}))
    status, _, _ = run(capsys, "convert", folder, tmp_path / "out", "--dtype", "bfloat16")
    assert status == 0
    expected = {**settings, field or "dtype": "bfloat16"}
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == expected
    weights = open_weights(tmp_path / "out")
    counters = {name for name in weights if name.endswith("num_batches_tracked")}
    assert {weights.stored_dtype(name) for name in set(weights) - counters} == {"bfloat16"}
    assert {weights.stored_dtype(name) for name in counters} <= {"int64"}
    assert pipeline(model=tmp_path / "out")(make_waveforms([16000])[0])["text"]


def test_other_weights_are_left_behind_and_named(capsys, folder, tmp_path):
    settings = set(os.listdir(folder)) - {"model.safetensors"}
    for name in ("optimizer.pt", "tf_model.h5", "model-00001-of-00002.safetensors", ".hidden"):
        (folder / name).write_bytes(b"other")
    (folder / "logs").mkdir()
    status, _, err = run(capsys, "convert", folder, tmp_path / "out", "--format", "bin")
    assert status == 0
    assert "not copied: .hidden, logs, model-00001-of-00002.safetensors, optimizer.pt, tf_model.h5" in err
    assert set(os.listdir(tmp_path / "out")) == {*settings, "pytorch_model.bin"}


def test_an_empty_folder_may_be_filled(capsys, folder, tmp_path):
    (tmp_path / "out").mkdir()
    assert run(capsys, "convert", folder, tmp_path / "out")[0] == 0


def test_nothing_is_left_when_it_fails(capsys, folder, tmp_path):
    model = AutoModelForCTC.from_pretrained(folder)
    model.lm_head.bias.data = np.full_like(model.lm_head.bias.data, 1e6)
    model.save_pretrained(folder)
    status, _, err = run(capsys, "convert", folder, tmp_path / "out", "--dtype", "float16")
    assert status == 2
    assert "lm_head.bias has the value 1e+06, which is infinite in float16" in err
    assert os.listdir(tmp_path) == ["source"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing", "out"], "does not exist; expected a folder"),
        (["empty", "out"], "holds no config.json"),
        (["source", "source"], "is not empty"),
        (["source", "file"], "is a file; name a folder to make"),
        (["source", "no/where"], "there is no folder"),
        (["source", "out", "--max-shard-size", "big"], "max_shard_size is 'big'"),
        (["source", "out", "--dtype", "int4"], "invalid choice: 'int4'"),
    ],
)
def test_what_is_refused(capsys, tmp_path, monkeypatch, arguments, message):
    save_recogniser(tmp_path / "source")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, "convert", *arguments)
    assert status == 2
    assert message in err
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "source"]
