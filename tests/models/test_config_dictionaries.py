"""Configurations as dictionaries and files, by the methods that transformers has."""

import copy
import json
import pickle

import pytest
from tiny_checkpoints import make_config

from npconformer import Wav2Vec2ConformerConfig


def test_attributes_are_kept_saved_and_compared(tmp_path):
    config = make_config("layer")
    config.note = {"a": [1]}
    assert config.to_dict()["note"] == {"a": [1]} and config != make_config("layer")
    config.save_pretrained(tmp_path)
    assert Wav2Vec2ConformerConfig.from_pretrained(tmp_path) == config
    for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert twin == config
        twin.note["a"].append(2)
    assert config.note == {"a": [1]}


def test_update_is_checked():
    config = make_config("layer")
    config.update({"final_dropout": 0.5, "note": "x"})
    assert config.final_dropout == 0.5 and config.note == "x"
    with pytest.raises(ValueError, match="'final_dropout' is 5"):
        config.update({"final_dropout": 5})


def test_what_is_left_out_of_the_file(tmp_path):
    config = make_config("layer")
    assert "return_dict" not in config.to_diff_dict() and "return_dict" in config.to_dict()
    assert json.loads(config.to_json_string()).keys() == config.to_diff_dict().keys()
    assert json.loads(config.to_json_string(use_diff=False)).keys() == config.to_dict().keys()
    config.to_json_file(tmp_path / "c.json")
    assert Wav2Vec2ConformerConfig.from_json_file(tmp_path / "c.json") == config


def test_unused_keywords(tmp_path):
    make_config("layer").save_pretrained(tmp_path)
    load = Wav2Vec2ConformerConfig.from_pretrained
    config, unused = load(tmp_path, foo=1, final_dropout=0.5, return_unused_kwargs=True)
    assert unused == {"foo": 1} and config.final_dropout == 0.5 and config.name_or_path == str(tmp_path)
    with pytest.raises(ValueError, match=r"'finaldropout' is no field .* did you mean 'final_dropout'"):
        load(tmp_path, finaldropout=1)
    assert Wav2Vec2ConformerConfig.get_config_dict(tmp_path)[0]["hidden_size"] == config.hidden_size


def test_former_names():
    config = make_config("layer", torch_dtype="float64")
    assert config.torch_dtype == config.dtype == "float64" and config.use_return_dict is True
    config.torch_dtype = "torch.float32"
    assert config.dtype == "float32" and "torch_dtype" not in config.to_dict()


def test_attention_is_never_written():
    config = make_config("layer", attn_implementation="eager")
    assert config._attn_implementation == "eager" and "attn" not in config.to_json_string(use_diff=False)
    with pytest.raises(ValueError, match="attn_implementation is 'flash_attention_2'; expected one of eager, sdpa"):
        make_config("layer", attn_implementation="flash_attention_2")
    with pytest.raises(ValueError, match="push_to_hub: npconformer uploads nothing"):
        config.save_pretrained("nowhere", push_to_hub=True)
