"""Keywords of transformers' `from_pretrained` and `save_pretrained`: with a meaning, without one, refused."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from small_checkpoints import assert_same_state, small_model

from npconformer import AutoModelForCTC, Wav2Vec2ConformerForCTC, Wav2Vec2ConformerModel
from npconformer.arrays.device import Device, mapped_device
from npconformer.checkpoints.loading_keywords import (
    REFUSED_LOADING,
    REFUSED_SAVING,
    WITHOUT_EFFECT_LOADING,
    WITHOUT_EFFECT_SAVING,
)

CTC = Wav2Vec2ConformerForCTC


@pytest.mark.parametrize("name", sorted(WITHOUT_EFFECT_LOADING))
def test_without_effect(folder, name):
    assert_same_state(CTC.from_pretrained(folder).state_dict(), CTC.from_pretrained(folder, **{name: 1}).state_dict())


@pytest.mark.parametrize("name", sorted(REFUSED_LOADING))
def test_refused(folder, name):
    with pytest.raises(ValueError, match=f"{name}='x' is not offered: "):
        CTC.from_pretrained(folder, **{name: "x"})
    CTC.from_pretrained(folder, **{name: None})


def test_typos_are_still_found(folder):
    with pytest.raises(ValueError, match="'hiden_size' is no field of Wav2Vec2ConformerConfig; did you mean"):
        CTC.from_pretrained(folder, hiden_size=3)
    with pytest.raises(TypeError, match="'max_shard_sise'"):
        CTC.from_pretrained(folder).save_pretrained(folder, max_shard_sise=3)


@pytest.mark.parametrize("dtype", ["float64", "torch.float64", np.float64, np.dtype("float64"), float])
def test_the_former_name_of_dtype(folder, dtype):
    assert CTC.from_pretrained(folder, torch_dtype=dtype).dtype == np.float64
    assert AutoModelForCTC.from_pretrained(folder, torch_dtype=dtype).dtype == np.float64
    assert CTC.from_pretrained(folder, torch_dtype="float32", dtype=dtype).dtype == np.float64


def test_a_dtype_of_torch(folder):
    class Float64:
        def __repr__(self):
            return "torch.float64"

    assert CTC.from_pretrained(folder, torch_dtype=Float64()).dtype == np.float64


def test_float64_stays(tmp_path):
    small_model().to("float64").save_pretrained(tmp_path)
    assert CTC.from_pretrained(tmp_path).dtype == np.float64
    assert CTC.from_pretrained(tmp_path, dtype="auto").dtype == np.float64
    model = CTC.from_pretrained(tmp_path, dtype="float32")
    assert model.dtype == np.float32 and "stored in float64, computed in float32" in str(model.load_report)


def test_float64_stays_where_the_config_says_nothing(tmp_path):
    model = small_model().to("float64")
    assert model.config.dtype is None
    model.save_pretrained(tmp_path)
    assert CTC.from_pretrained(tmp_path, config=model.config).dtype == np.float64
    assert CTC.from_pretrained(None, config=model.config, state_dict=model.state_dict()).dtype == np.float64


def test_half_precision_is_computed_in_float32_and_the_report_says_so(folder):
    CTC.from_pretrained(folder).save_pretrained(folder, dtype="float16")
    model = CTC.from_pretrained(folder)
    assert model.dtype == np.float32
    assert "stored in float16, computed in float32" in str(model.load_report)


def test_given_weights_take_the_place_of_the_files(folder):
    model = CTC.from_pretrained(folder)
    given = {name: array + 1 for name, array in model.state_dict().items()}
    for first in (folder, None):
        loaded = CTC.from_pretrained(first, config=model.config, state_dict=given)
        assert_same_state(loaded.state_dict(), given)
        loaded.lm_head.bias.data += 1
        np.testing.assert_array_equal(given["lm_head.bias"], model.lm_head.bias.data + 1)
    del given["lm_head.bias"]
    with pytest.raises(ValueError, match="state_dict lacks 1 of"):
        CTC.from_pretrained(folder, state_dict=given, allow_missing=False)
    with pytest.raises(ValueError, match="is None: then config and state_dict"):
        CTC.from_pretrained(None)
    with pytest.raises(ValueError, match="is None: then config and state_dict"):
        CTC.from_pretrained(None, config=model.config)


def test_use_safetensors(folder):
    assert CTC.from_pretrained(folder, use_safetensors=True).dtype == np.float32
    with pytest.raises(FileNotFoundError, match=r"no pytorch_model\.bin .*use_safetensors=False"):
        CTC.from_pretrained(folder, use_safetensors=False)
    with pytest.raises(ValueError, match="use_safetensors must be True, False or None"):
        CTC.from_pretrained(folder, use_safetensors="yes")


def test_one_device_for_all(folder):
    for given in ("cpu", {"": "cpu"}, {"a": "cpu", "b": "cpu"}, None, Device("cpu"), SimpleNamespace()):
        if isinstance(given, SimpleNamespace):
            with pytest.raises(ValueError, match="is no floating dtype, and as a device"):
                CTC.from_pretrained(folder, device_map=given)
        else:
            assert CTC.from_pretrained(folder, device_map=given).device == "cpu"
    with pytest.raises(ValueError, match=r"on one device here, got \['cpu', 'cuda'\]"):
        CTC.from_pretrained(folder, device_map={"a": "cpu", "b": "cuda"})
    assert mapped_device(0) == "cuda:0"


def test_saving(folder, tmp_path):
    model = CTC.from_pretrained(folder)
    for name in sorted(WITHOUT_EFFECT_SAVING):
        model.save_pretrained(save_directory=tmp_path / name, **{name: "SECRET"})
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["config.json", "model.safetensors"]
        assert not any(b"SECRET" in path.read_bytes() for path in (tmp_path / name).iterdir())
    for name in sorted(REFUSED_SAVING):
        with pytest.raises(ValueError, match=f"{name}=True is not offered: "):
            model.save_pretrained(tmp_path / "refused", **{name: True})
    model.save_pretrained(tmp_path / "other process", is_main_process=False)
    assert not (tmp_path / "other process").exists() and not (tmp_path / "refused").exists()
    changed = {name: array + 1 for name, array in model.state_dict().items()}
    model.save_pretrained(tmp_path / "changed", state_dict=changed)
    assert_same_state(CTC.from_pretrained(tmp_path / "changed").state_dict(), changed)


def test_a_token_is_in_no_file(folder, tmp_path):
    options = {"token": "SECRET", "cache_dir": "SECRET_CACHE", "local_files_only": True, "revision": "main"}
    CTC.from_pretrained(folder, **options).save_pretrained(tmp_path / "new", token="SECRET")
    assert not any(b"SECRET" in path.read_bytes() for path in (tmp_path / "new").iterdir())


# -- heads that a checkpoint does not have ---------------------------------------------------------------------------


@pytest.fixture
def headless(tmp_path):
    small_model(Wav2Vec2ConformerModel).save_pretrained(tmp_path / "headless")
    return tmp_path / "headless"


def test_a_new_head_starts_at_random_and_a_warning_names_it(headless, caplog):
    model, report = CTC.from_pretrained(headless, vocab_size=40, output_loading_info=True)
    assert model.lm_head.weight.shape == (40, 16) and np.abs(model.lm_head.weight.data).max() > 0
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "start at random" in record.getMessage() and "lm_head.weight, lm_head.bias" in record.getMessage()
    assert dict(report) == {
        "missing_keys": {"lm_head.weight", "lm_head.bias"},
        "unexpected_keys": set(),
        "mismatched_keys": set(),
        "error_msgs": [],
    }


def test_optional_parts_start_at_random_too(headless, caplog):
    model = CTC.from_pretrained(headless, vocab_size=40, add_adapter=True)
    assert "wav2vec2_conformer.adapter.layers.0.conv.weight" in caplog.text
    assert model.wav2vec2_conformer.adapter is not None


def test_who_asks_for_random_weights_is_not_warned(headless, caplog):
    CTC.from_pretrained(headless, allow_missing=True)
    assert not caplog.records


def test_a_head_of_another_size(folder, caplog):
    with pytest.raises(ValueError, match="ignore_mismatched_sizes=True"):
        CTC.from_pretrained(folder, vocab_size=40)
    report = CTC.from_pretrained(folder, vocab_size=40, ignore_mismatched_sizes=True, output_loading_info=True)[1]
    assert report["mismatched_keys"] == {
        ("lm_head.weight", (12, 16), (40, 16)),
        ("lm_head.bias", (12,), (40,)),
    }
    assert "lm_head.bias, lm_head.weight" in caplog.text


def test_what_every_checkpoint_has_may_not_be_missing(folder):
    with pytest.raises(ValueError, match=r"lacks .*encoder\.layers\.2\..*allow_missing=True"):
        CTC.from_pretrained(folder, num_hidden_layers=3)


def test_another_tasks_head_is_unexpected_in_the_words_of_transformers(folder):
    report = Wav2Vec2ConformerModel.from_pretrained(folder, output_loading_info=True)[1]
    assert report["unexpected_keys"] == {"lm_head.weight", "lm_head.bias"} and report["missing_keys"] == set()
