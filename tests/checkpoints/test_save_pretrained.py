"""save_pretrained: both files or neither, over itself, in other dtypes, from a device."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from small_checkpoints import assert_same_state, small_model
from strict_device import STRICT

from npconformer import Wav2Vec2ConformerForCTC
from npconformer.checkpoints import pretrained
from npconformer.checkpoints.safetensors_file import SafetensorsFile


def test_a_model_may_be_saved_over_its_own_file(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    before = {name: np.array(array) for name, array in model.state_dict().items()}
    model.lm_head.bias.data = model.lm_head.bias.data + 1
    model.save_pretrained(folder)
    before["lm_head.bias"] = before["lm_head.bias"] + 1
    assert_same_state(before, model.state_dict())
    assert_same_state(before, Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict())


def test_stored_in_float16(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    model.save_pretrained(folder, dtype="float16")
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
    assert SafetensorsFile(folder / "model.safetensors").entries["lm_head.weight"].dtype == "F16"
    again = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    for name, array in again.state_dict().items():
        if array.dtype.kind == "f":
            expected = np.asarray(model.state_dict()[name]).astype(np.float16).astype(np.float32)
            np.testing.assert_array_equal(array, expected, strict=True)


def test_failed_save_leaves_both_files(folder, monkeypatch):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    model.lm_head.bias.data = model.lm_head.bias.data + 1

    def fail(path, arrays, metadata):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pretrained, "write_safetensors_stream", fail)
        with pytest.raises(KeyboardInterrupt):
            model.save_pretrained(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    model.config.extra["unwritable"] = object()
    with pytest.raises(TypeError):
        model.save_pretrained(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_save_refuses_a_file_as_folder(tmp_path):
    (tmp_path / "file").write_text("precious")
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(ValueError, match=r"cannot be a folder to save in: .*file is a file"):
            small_model().save_pretrained(path)
        with pytest.raises(ValueError, match=r"cannot be a folder to save in: .*file is a file"):
            small_model().config.save_pretrained(path)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "float3", np.int32, 7])
def test_save_refuses_dtypes_that_it_cannot_write(tmp_path, dtype):
    with pytest.raises(ValueError, match=r"dtype is .*; expected one of float16, float32, float64 to save in"):
        small_model().save_pretrained(tmp_path / "new", dtype=dtype)
    assert not (tmp_path / "new").exists()


def test_both_files_are_complete_before_either_gets_its_name(folder, monkeypatch):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    complete, rename = [], os.replace

    def look(source, target):
        if Path(target).parent == folder and Path(target).name in ("config.json", "model.safetensors"):
            parts = [path for path in folder.iterdir() if path.name.startswith(".")]
            complete.append(Path(target).name)
            for part in parts:
                if part.suffix == ".json":
                    json.loads(part.read_text())
                else:
                    assert len(SafetensorsFile(part)) == len(model.state_dict())
        rename(source, target)

    monkeypatch.setattr(os, "replace", look)
    model.save_pretrained(folder)
    assert complete == ["config.json", "model.safetensors"]


def test_saving_from_a_device(folder, tmp_path):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    before = model.state_dict()
    model.to(STRICT)
    assert not isinstance(model.lm_head.weight.data, np.ndarray)
    model.save_pretrained(tmp_path)
    assert_same_state(before, Wav2Vec2ConformerForCTC.from_pretrained(tmp_path).state_dict())
