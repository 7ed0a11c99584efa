"""The commands take a NeMo archive wherever they take a checkpoint."""

import json
import os
import re

import numpy as np
import pytest
import soundfile
from command_line import run
from nemo_archives import members, packed, settings_with, write_archive

from npconformer import AutoModelForCTC, AutoProcessor

pytest.importorskip("yaml", reason="needs PyYAML, which the extra `nemo` brings")


@pytest.fixture
def archive(tmp_path):
    return write_archive(tmp_path / "x.nemo")


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sounds/a.wav"
    path.parent.mkdir()
    soundfile.write(path, np.sin(np.arange(16000.0)) * np.linspace(0, 0.9, 16000), 16000)
    path.with_suffix(".txt").write_text("the an")
    return path


def test_convert(archive, sound, tmp_path, capsys):
    status, _, err = run(capsys, "convert", archive, tmp_path / "out")
    assert status == 0 and f"{archive}: a NeMo Conformer-CTC of 2 layers of 12" in err
    names = ["config.json", "model.safetensors", "processor_config.json", "tokenizer_config.json", "vocab.json"]
    assert sorted(os.listdir(tmp_path / "out")) == names
    one, other = (AutoModelForCTC.from_pretrained(path) for path in (archive, tmp_path / "out"))
    for (name, array), (_, own) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        np.testing.assert_array_equal(array.data, own.data, err_msg=name)
    assert one.config.to_dict() == other.config.to_dict()
    assert AutoProcessor.from_pretrained(tmp_path / "out").tokenizer.tokenize("the an") == ["▁the", "▁a", "n"]
    texts = [run(capsys, "transcribe", sound, "--model", path)[1] for path in (archive, tmp_path / "out")]
    assert texts[0] == texts[1] and texts[0].strip()


def test_convert_a_folder_with_one_to_half(archive, tmp_path, capsys):
    (tmp_path / "one").mkdir()
    archive.rename(tmp_path / "one/y.nemo")
    assert run(capsys, "convert", tmp_path / "one", tmp_path / "out", "--dtype", "float16", "--format", "bin")[0] == 0
    assert json.loads((tmp_path / "out/config.json").read_text())["dtype"] == "float16"
    assert (tmp_path / "out/pytorch_model.bin").is_file()


def test_info(archive, capsys):
    status, text, _ = run(capsys, "info", archive)
    assert status == 0
    for line in ("NemoConformerForCTC (nemo-conformer)", "x.nemo, ", "PieceCTCTokenizer, 7 tokens", "none is missing"):
        assert line in text
    facts = json.loads(run(capsys, "info", archive, "--format", "json")[1])
    assert facts["folder"] == str(archive) and facts["files"][0]["name"] == "x.nemo"


def test_training_starts_from_one(archive, sound, tmp_path, capsys):
    options = ("--train", sound.parent, "--steps", 1, "--batch-size", 1, "--output", tmp_path / "trained")
    status, _, err = run(capsys, "train", "--task", "ctc", "--from", archive, *options)
    assert status == 0 and "start at random" not in err
    assert AutoModelForCTC.from_pretrained(tmp_path / "trained/model").config.hidden_size == 12


def test_other_commands(archive, sound, tmp_path, capsys):
    text, traced = sound.with_suffix(".txt"), tmp_path / "traced.safetensors"
    assert run(capsys, "transcribe", sound, "--model", archive, "--timestamps", "word")[0] == 0
    assert run(capsys, "align", sound, text, "--model", archive)[0] == 0
    assert run(capsys, "evaluate", sound.parent, "--model", archive)[0] == 0
    assert run(capsys, "trace", archive, sound, "--output", traced)[0] == 0
    assert run(capsys, "verify", archive, "--reference", traced)[0] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "a.EncDecRNNTBPEModel"}, "it is a transducer"),
        ({"encoder__att_context_size": [70, 1]}, r"encoder\.att_context_size is \[70, 1\], which is not offered"),
    ],
)
def test_what_is_refused(tmp_path, capsys, sound, changes, message):
    path = write_archive(tmp_path / "x.nemo", settings_with(**changes))
    for command in (("convert", path, tmp_path / "out"), ("info", path), ("transcribe", sound, "--model", path)):
        status, out, err = run(capsys, *command)
        assert status == 2 and re.search(rf"x\.nemo cannot be loaded: {message}", err) and not out
    assert not (tmp_path / "out").exists()


def test_a_truncated_one(tmp_path, capsys):
    path = tmp_path / "x.nemo"
    path.write_bytes(packed(members())[:-30_000])
    status, _, err = run(capsys, "convert", path, tmp_path / "out")
    assert status == 2 and "x.nemo cannot be loaded: it is truncated" in err and not (tmp_path / "out").exists()


def test_weights_that_are_missing(tmp_path, capsys):
    from nemo_archives import arrays

    weights = arrays()
    del weights["encoder.layers.1.norm_out.bias"]
    (tmp_path / "x.nemo").write_bytes(packed(members(weights=weights)))
    status, _, err = run(capsys, "convert", tmp_path / "x.nemo", tmp_path / "out")
    assert status == 2 and "x.nemo cannot be converted: its weights are not those of a NemoConformerForCTC" in err
    status, out, _ = run(capsys, "info", tmp_path / "x.nemo")
    assert status == 0 and "missing" in out
