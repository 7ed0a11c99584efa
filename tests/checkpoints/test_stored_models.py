"""Models whose weights are stored in float16, bfloat16 or int8: every model and head, saved, loaded, and refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_checkpoints import HEAD_NAMES, make_config

import npconformer
from npconformer.checkpoints import precision
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.models.auto import model_class
from npconformer.nn.stored_layers import stored_layers

KINDS = ("float16", "bfloat16", "int8")


def make(tmp_path, kind="layer", head="ctc"):
    config = make_config(kind)
    model = model_class(config.model_type, head)(config).eval()
    model.save_pretrained(tmp_path / "float32")
    return type(model), tmp_path / "float32"


def answer(model):
    shape = (2, 4000) if model.main_input_name == "input_values" else (2, 60, make_features(model.config))
    with npconformer.no_grad():
        output = model(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    return np.asarray(output[0])


def make_features(config):
    return config.feature_projection_input_dim if config.model_type == "wav2vec2-bert" else config.num_mel_bins


@pytest.mark.parametrize("stored", KINDS)
@pytest.mark.parametrize(
    "kind, head",
    [("layer", head) for head in (None, *HEAD_NAMES.values())]
    + [("group", "ctc"), ("bert", "ctc"), ("bert", "xvector"), ("nemo", "ctc"), ("nemo", None)],
)
def test_every_model(tmp_path, kind, head, stored):
    cls, folder = make(tmp_path, kind, head)
    model = cls.from_pretrained(folder, dtype=stored)
    assert len(stored_layers(model)) > 20 and {one.kind for one in stored_layers(model).values()} == {stored}
    assert model.dtype == np.float32 and model.num_parameters() == cls.from_pretrained(folder).num_parameters()
    assert f"held in {stored}" in str(model.load_report)
    model.save_pretrained(tmp_path / "stored")
    widened = cls.from_pretrained(tmp_path / "stored", dtype="float32")
    assert not stored_layers(widened)
    expected = answer(widened)
    assert answer(model).dtype == np.float32
    assert np.abs(answer(model) - expected).max() < 3e-6 * np.abs(expected).max()
    again = cls.from_pretrained(tmp_path / "stored", dtype=stored)
    assert np.array_equal(answer(again), answer(model))
    rough = answer(cls.from_pretrained(folder))
    difference = np.abs(answer(model) - rough).max() / np.abs(rough).max()
    assert 1e-6 < difference < {"float16": 5e-3, "bfloat16": 5e-2, "int8": 0.2}[stored]


@pytest.mark.parametrize("stored", KINDS)
def test_the_layout_on_disk_and_no_copy_of_it(tmp_path, stored):
    cls, folder = make(tmp_path)
    cls.from_pretrained(folder, dtype=stored).save_pretrained(tmp_path / "stored")
    file = SafetensorsFile(tmp_path / "stored/model.safetensors")
    name = "wav2vec2_conformer.encoder.layers.0.conv_module.pointwise_conv1.weight"
    assert file.stored_dtype(name) == stored and file.shape(name) == (32, 16, 1)
    extra = {one.removeprefix(name) for one in file if one.startswith(name)} - {""}
    assert extra == ({"_scale", "_kept", "_columns"} if stored == "int8" else set())
    settings = json.loads((tmp_path / "stored/config.json").read_text())
    assert settings["dtype"] == ("float32" if stored == "int8" else stored)
    assert ("quantization_config" in settings) == (stored == "int8")
    model = cls.from_pretrained(tmp_path / "stored", dtype=stored)
    for layer in stored_layers(model).values():
        owner = layer._buffers["weight"]
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert isinstance(owner, np.memmap) and not layer._buffers["weight"].flags.writeable


def test_int8_folders_stay_int8_unless_asked(tmp_path):
    cls, folder = make(tmp_path)
    cls.from_pretrained(folder, load_in_8bit=True).save_pretrained(tmp_path / "int8", max_shard_size="10KB")
    for options in ({}, {"dtype": "auto"}, {"load_in_8bit": True}, {"dtype": "int8"}):
        model = cls.from_pretrained(tmp_path / "int8", **options)
        assert len(stored_layers(model)) == 24, options
    floats = cls.from_pretrained(tmp_path / "int8", dtype="float64")
    assert floats.dtype == np.float64 and "quantization_config" not in floats.config.extra
    again = cls.from_pretrained(None, config=model.config, state_dict=model.state_dict())
    assert np.array_equal(answer(again), answer(model))
    model.save_pretrained(tmp_path / "floats", dtype="float32")
    assert not stored_layers(cls.from_pretrained(tmp_path / "floats"))
    assert "quantization_config" not in json.loads((tmp_path / "floats/config.json").read_text())


def test_auto_leaves_large_halves_as_they_are(tmp_path, monkeypatch):
    cls, folder = make(tmp_path)
    cls.from_pretrained(folder).save_pretrained(tmp_path / "half", dtype="float16")
    assert not stored_layers(cls.from_pretrained(tmp_path / "half", dtype="auto"))  # a small one
    monkeypatch.setattr(precision, "SMALL", 1000)
    assert len(stored_layers(cls.from_pretrained(tmp_path / "half", dtype="auto"))) == 24
    assert not stored_layers(cls.from_pretrained(tmp_path / "half"))
    assert not stored_layers(cls.from_pretrained(folder, dtype="auto"))


@pytest.mark.parametrize(
    "asked",
    [
        {"load_in_8bit": True},
        {"quantization_config": {"load_in_8bit": True}},
        {"quantization_config": SimpleNamespace(load_in_8bit=True, load_in_4bit=False, quant_method="bitsandbytes")},
        {"load_in_8bit": True, "torch_dtype": "float16"},
    ],
)
def test_ways_to_ask_for_int8(tmp_path, asked):
    cls, folder = make(tmp_path)
    assert {one.kind for one in stored_layers(cls.from_pretrained(folder, **asked)).values()} == {"int8"}


def test_modules_to_skip(tmp_path):
    cls, folder = make(tmp_path)
    skipped = {"load_in_8bit": True, "llm_int8_skip_modules": ["lm_head", "layers.1"]}
    names = stored_layers(cls.from_pretrained(folder, quantization_config=skipped))
    assert "lm_head" not in names and not any("layers.1." in name for name in names) and len(names) > 10


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"load_in_8bit": True, "dtype": "float64"}, "int8 weights are computed in float32"),
        ({"load_in_8bit": "yes"}, "load_in_8bit must be True or False, got 'yes'"),
        ({"load_in_4bit": True}, "load_in_4bit=True is not offered.*load_in_8bit=True"),
        ({"quantization_config": {"load_in_4bit": True}}, "load_in_4bit is not offered"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quant_method 'gptq' is not offered"),
        ({"quantization_config": {"bits": 8}}, 'expected {"load_in_8bit": True}'),
        (
            {"quantization_config": {"load_in_8bit": True, "llm_int8_skip_modules": "lm_head"}},
            "modules' names",
        ),
        ({"load_in_8bit": True, "device": "cuda"}, "int8 weights are for a CPU"),
    ],
)
def test_refused(tmp_path, asked, message):
    cls, folder = make(tmp_path)
    with pytest.raises(ValueError, match=message):
        cls.from_pretrained(folder, **asked)


def test_training_and_moving_are_refused(tmp_path):
    cls, folder = make(tmp_path)
    model = cls.from_pretrained(folder, load_in_8bit=True)
    x = np.ones((1, 4000), np.float32)
    model.train()
    with pytest.raises(ValueError, match=r'weight is stored in int8 and cannot be trained.*dtype="float32"'):
        model(x)
    with npconformer.no_grad():
        model(x)
    for move in (model.half, model.double):
        with pytest.raises(ValueError, match="stored in fewer bits"):
            move()
    assert model.float().cpu() is model


def damaged(tmp_path, change):
    cls, folder = make(tmp_path)
    cls.from_pretrained(folder, load_in_8bit=True).save_pretrained(tmp_path / "int8")
    path = tmp_path / "int8/model.safetensors"
    file = SafetensorsFile(path)
    arrays = {name: file.read(name).copy() for name in file}
    change(arrays)
    write_safetensors(path, arrays)
    return cls, tmp_path / "int8"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a: a["lm_head.weight_scale"].fill(np.inf), r"lm_head\.weight_scale holds a number that is no scale"),
        (lambda a: a.update({"lm_head.weight_scale": np.ones(3, np.float32)}), r"lm_head\.weight_scale is .*\(3,\)"),
        (lambda a: a.pop("lm_head.weight_kept"), r"lm_head\.weight is int8, and lacks lm_head\.weight_kept"),
        (
            lambda a: a.update(
                {"lm_head.weight_columns": np.array([16], np.int32), "lm_head.weight_kept": np.ones((12, 1), "f4")}
            ),
            r"lm_head\.weight_columns are no increasing indices of 16 columns",
        ),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path, change, message):
    cls, folder = damaged(tmp_path, change)
    for dtype in (None, "float32"):
        with pytest.raises(ValueError, match=rf"model\.safetensors: {message}"):
            cls.from_pretrained(folder, dtype=dtype)


def test_float16_that_overflows(tmp_path):
    cls, folder = make(tmp_path)
    model = cls.from_pretrained(folder)
    model.lm_head.weight.data = model.lm_head.weight.data * 1e6
    model.save_pretrained(folder)
    with pytest.raises(ValueError, match=r"lm_head\.weight has the value .*infinite in float16"):
        cls.from_pretrained(folder, dtype="float16")
