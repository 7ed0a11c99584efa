"""`npconformer convert --dtype int8`, float16 and bfloat16 from every kind of source, and from there on."""

import json

import numpy as np
import pytest
from command_line import run
from nemo_archives import write_archive
from safetensors.numpy import load_file, save_file
from tiny_checkpoints import save_recogniser
from tiny_nemo import read_case, under

from npconformer import AutoModelForCTC
from npconformer.checkpoints.array_file import open_weights
from npconformer.nn.stored_layers import stored_layers

SOURCES = ("layer", "bert", "nemo arrays", "nemo archive")
PIECES = ["<unk>", "▁the", "▁a", "s", "n", "i", "<blk>"]


def make(kind, tmp_path):
    """A source of that kind."""
    if kind == "nemo archive":
        pytest.importorskip("yaml", reason="needs PyYAML, which the extra `nemo` brings")
        return write_archive(tmp_path / "x.nemo")
    folder = tmp_path / "source"
    if kind != "nemo arrays":
        save_recogniser(folder, kind, intermediate_size=256)
        weights = load_file(folder / "model.safetensors")
        for name in weights:
            if name.endswith("ffn1.output_dense.weight"):
                weights[name][:, [3, 200]] *= 30  # columns to keep
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        return folder
    folder.mkdir()
    save_file(under(read_case(4), "weight"), folder / "model.safetensors")
    (folder / "tokens.txt").write_text("".join(f"{piece} {i}\n" for i, piece in enumerate(PIECES)))
    return folder


@pytest.fixture
def convert(capsys, tmp_path):
    """Calls `npconformer convert`; gives the folder that it made."""

    def convert(source, name, *options):
        status, _, err = run(capsys, "convert", source, tmp_path / name, *options)
        assert status == 0, err
        return tmp_path / name

    return convert


def settings_of(folder):
    return json.loads((folder / "config.json").read_text())


def answer(model):
    width = {"wav2vec2-bert": 160}.get(model.config.model_type, getattr(model.config, "num_mel_bins", 0))
    shape = (1, 4000) if model.main_input_name == "input_values" else (1, 60, width)
    return model(np.random.default_rng(0).normal(size=shape).astype(np.float32)).logits.numpy()


def same_answers(folder, other, **options):
    models = [AutoModelForCTC.from_pretrained(folder), AutoModelForCTC.from_pretrained(other, **options)]
    assert [len(stored_layers(model)) > 10 for model in models] == [True, True]
    return np.array_equal(*map(answer, models))


@pytest.mark.parametrize("kind", SOURCES)
def test_int8(convert, tmp_path, kind):
    source = make(kind, tmp_path)
    whole, quarter = convert(source, "whole", "--dtype", "float32"), convert(source, "quarter", "--dtype", "int8")
    exact, stored = load_file(whole / "model.safetensors"), load_file(quarter / "model.safetensors")
    matrices = [name for name, array in stored.items() if array.dtype == np.int8]
    assert len(matrices) > 10 and "lm_head.weight" in matrices
    for name in matrices:  # by the equation, with nothing of npconformer's
        scale, columns = stored[f"{name}_scale"], stored[f"{name}_columns"]
        matrix = exact[name].reshape(len(scale), -1).astype(np.float64)
        others = np.setdiff1d(np.arange(matrix.shape[1]), columns)
        np.testing.assert_allclose(scale, np.abs(matrix[:, others]).max(1) / 127, rtol=1e-6, err_msg=name)
        codes = stored[name].reshape(matrix.shape)
        assert np.abs(scale[:, None] * codes - matrix)[:, others].max() <= 0.5001 * scale.max(), name
        assert np.array_equal(codes[:, others], np.rint(matrix / scale[:, None].astype(np.float32))[:, others]), name
        np.testing.assert_array_equal(stored[f"{name}_kept"], exact[name].reshape(matrix.shape)[:, columns])
    for name in set(exact) - set(matrices):  # the others have their bits
        np.testing.assert_array_equal(stored[name], exact[name], err_msg=name)
    assert set(stored) - set(exact) == {name + end for name in matrices for end in ("_scale", "_kept", "_columns")}
    kept = [
        name.split(".")[-3] for name, array in stored.items() if name.endswith("_columns") and {3, 200} <= set(array)
    ]
    assert kept == ([] if kind.startswith("nemo") else ["ffn1", "ffn1"])
    assert {array.dtype.name for array in stored.values()} <= {"float32", "int8", "int32", "int64"}
    assert settings_of(quarter)["dtype"] == "float32"
    assert settings_of(quarter)["quantization_config"] == {"quant_method": "npconformer", "load_in_8bit": True}
    assert "quantization_config" not in settings_of(whole)
    assert same_answers(quarter, whole, load_in_8bit=True)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_sixteen_bits(convert, tmp_path, kind, stored):
    source = make(kind, tmp_path)
    half, whole = convert(source, "half", "--dtype", stored), convert(source, "whole", "--dtype", "float32")
    weights = open_weights(half)
    floats = {weights.stored_dtype(name) for name in weights if not name.endswith("num_batches_tracked")}
    assert floats == {stored} and settings_of(half)["dtype"] == stored
    model = AutoModelForCTC.from_pretrained(half, dtype=stored)
    assert {layer.kind for layer in stored_layers(model).values()} == {stored}
    exact = load_file(whole / "model.safetensors")
    for name, layer in stored_layers(model).items():
        matrix = exact[f"{name}.weight"].reshape(layer.stored_weight.shape)
        apart = np.abs(layer.stored_weight.whole() - matrix) / np.maximum(np.abs(matrix), 2.0**-14)
        assert 0 < apart.max() <= 2.0 ** {"float16": -11, "bfloat16": -9 + 1}[stored], name


@pytest.mark.parametrize("kind", ["layer", "nemo archive"])
def test_from_int8_on(convert, capsys, tmp_path, kind):
    source = make(kind, tmp_path)
    quarter = convert(source, "quarter", "--dtype", "int8")
    before = load_file(quarter / "model.safetensors")
    shards = convert(quarter, "shards", "--max-shard-size", "3KB")
    assert len(list(shards.glob("*.safetensors"))) > 3 and settings_of(shards) == settings_of(quarter)
    joined = convert(shards, "joined")
    again = convert(shards, "again", "--dtype", "int8")
    for folder in (joined, again):
        after = load_file(folder / "model.safetensors")
        assert set(after) == set(before)
        for name, array in before.items():
            np.testing.assert_array_equal(after[name], array, err_msg=name, strict=True)
    assert same_answers(shards, quarter)
    floats = convert(shards, "floats", "--dtype", "float32")
    assert "quantization_config" not in settings_of(floats)
    after = load_file(floats / "model.safetensors")
    assert {array.dtype.name for array in after.values()} <= {"float32", "int64"}
    assert set(after) == {name for name in before if not name.endswith(("_scale", "_kept", "_columns"))}
    for name, array in after.items():
        expected = before[name]
        if expected.dtype == np.int8:
            expected = expected * before[f"{name}_scale"].reshape(-1, *[1] * (expected.ndim - 1))
            columns = before[f"{name}_columns"]
            kept = before[f"{name}_kept"]
            expected[:, columns] = kept.reshape(*kept.shape, *[1] * (expected.ndim - 2))
        np.testing.assert_array_equal(array, expected, err_msg=name)
    assert not stored_layers(AutoModelForCTC.from_pretrained(floats))


def test_bin_is_refused_for_int8(capsys, convert, tmp_path):
    source = make("layer", tmp_path)
    quarter = convert(source, "quarter", "--dtype", "int8")
    for folder, options in ((source, ("--dtype", "int8")), (quarter, ())):
        status, _, err = run(capsys, "convert", folder, tmp_path / "out", "--format", "bin", *options)
        assert status == 2 and "int8" in err and "--format safetensors" in err
        assert not (tmp_path / "out").exists()
    convert(quarter, "bin", "--format", "bin", "--dtype", "float32")


def test_a_weight_without_a_number(capsys, tmp_path):
    source = make("layer", tmp_path)
    arrays = load_file(source / "model.safetensors")
    arrays["lm_head.weight"][3, 4] = np.nan
    save_file(arrays, source / "model.safetensors")
    status, _, err = run(capsys, "convert", source, tmp_path / "out", "--dtype", "int8")
    assert status == 2 and "lm_head.weight holds infinity or NaN, which int8 cannot hold" in err
    assert not (tmp_path / "out").exists()
