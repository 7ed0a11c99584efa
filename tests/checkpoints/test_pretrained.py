"""from_pretrained: the weights as they come, their memory, their dtype, and what it says when there is nothing."""

import gc
import json
from pathlib import Path

import numpy as np
import pytest
from small_checkpoints import assert_same_state, edit_config, every_kind, small_model

from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.optim import SGD

DIGITS = Path(__file__).parents[3] / "shared/models/digits-hf"


@every_kind
def test_round_trip(tmp_path, kind):
    model = small_model(**kind)
    model.save_pretrained(tmp_path)
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert_same_state(model.state_dict(), again.state_dict())
    assert not report.missing and not report.unexpected and not report.computed and not report.mismatched
    assert set(report.loaded) == set(model.state_dict())
    assert len(report.unused_by_design) == 3
    assert all("pos_conv_embed" in name for name in report.unused_by_design)
    assert again.load_report is report and "3 unused by design" in str(report)
    assert not any(module.training for module in again.modules())


def test_large_float32_weights_are_views_of_the_file(folder, monkeypatch):
    monkeypatch.setattr("npconformer.arrays.weight_layout.LARGEST_MATRIX", 0)
    monkeypatch.setattr("npconformer.arrays.weight_layout.LARGEST_KERNEL", 0)
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    for name, parameter in model.named_parameters():
        base = parameter.data
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert isinstance(base, np.memmap), name
        assert type(parameter.data) is np.ndarray and not parameter.data.flags.writeable
        assert parameter.requires_grad


def test_kernels_and_small_matrices_lie_transposed_and_are_read_only(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    saved = SafetensorsFile(folder / "model.safetensors")
    assert {parameter.ndim for parameter in model.parameters()} == {1, 2, 3}
    for name, parameter in model.named_parameters():
        assert parameter.data.flags.f_contiguous and not parameter.data.flags.writeable, name
        np.testing.assert_array_equal(parameter.data, saved.read(name))


def test_a_model_that_lies_transposed_gives_the_same_training(folder):
    losses = []
    for largest in (2**18, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("npconformer.arrays.weight_layout.LARGEST_MATRIX", largest)
            patch.setattr("npconformer.arrays.weight_layout.LARGEST_KERNEL", largest)
            model = Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="float64")
        optimizer = SGD(model, lr=1e-5)
        x = np.random.default_rng(0).standard_normal((2, 4000))
        steps = []
        for _ in range(3):
            loss = model(x, labels=np.array([[1, 2], [3, 1]])).loss
            loss.backward()
            optimizer.step()
            model.zero_grad()
            steps.append(loss.item())
        losses.append(steps)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
    assert losses[0][2] < losses[0][0]


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")])
@pytest.mark.parametrize("position", ["relative", "rotary"])
def test_float64(tmp_path, dtype, position):
    small_model(position_embeddings_type=position).save_pretrained(tmp_path)
    model = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, dtype=dtype)
    single = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path).state_dict()
    for name, array in model.state_dict().items():
        expected = single[name].astype(np.float64) if single[name].dtype.kind == "f" else single[name]
        np.testing.assert_array_equal(array, expected, strict=True)
    assert all(array.dtype != np.float32 for array in model.buffers())
    assert model.config.dtype == "float64"


def test_dtype_auto(folder):
    for named in ("float16", "bfloat16"):
        edit_config(folder, dtype=named)
        assert Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="auto").dtype == np.float32
    assert Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="auto").dtype == np.float32
    Wav2Vec2ConformerForCTC.from_pretrained(folder).save_pretrained(folder, dtype="float64")
    assert Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype="auto").dtype == np.float64


@pytest.mark.parametrize("dtype", ["int16", "int32", "float3", 7, object()])
def test_refused_dtypes(folder, dtype):
    with pytest.raises(ValueError, match=r"dtype is .*expected one of float32, float64"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype=dtype)


def test_truncated_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="is truncated"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_config_argument(folder, tmp_path):
    config = Wav2Vec2ConformerConfig.from_pretrained(folder)
    (folder / "config.json").rename(tmp_path / "config.json")
    for given in (config, tmp_path, tmp_path / "config.json"):
        model = Wav2Vec2ConformerForCTC.from_pretrained(folder, config=given, final_dropout=0.25)
        assert model.config.final_dropout == 0.25 and model.config is not config
    assert config.final_dropout == 0.1
    with pytest.raises(ValueError, match="config is a dict"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, config={})
    with pytest.raises(ValueError, match="did you mean 'final_dropout'"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder, config=config, finaldropout=0)


def test_what_is_looked_for_is_said(folder, tmp_path):
    for missing in ("no-such-folder", folder / "config.json"):
        with pytest.raises(FileNotFoundError, match=r"config\.json and model\.safetensors"):
            Wav2Vec2ConformerForCTC.from_pretrained(missing)
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors, no pytorch_model\.bin and no index"):
        Wav2Vec2ConformerForCTC.from_pretrained(folder)


def test_model_memory_is_released(folder):
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder)
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    assert str(folder) in maps.read_text()
    del model
    gc.collect()
    assert str(folder) not in maps.read_text()


@pytest.mark.skipif(not DIGITS.is_dir(), reason="no checkpoint beside the repository")
def test_real_checkpoint(tmp_path):
    model, report = Wav2Vec2ConformerForCTC.from_pretrained(DIGITS, output_loading_info=True)
    assert not report.missing and not report.unexpected and not report.computed
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads((DIGITS / "config.json").read_text())
    ours, original = (SafetensorsFile(path / "model.safetensors") for path in (tmp_path, DIGITS))
    assert ours.metadata == original.metadata
    assert_same_state({name: ours.read(name) for name in ours}, {name: original.read(name) for name in original})
