"""AutoConfig and the AutoModel classes: the type of the config chooses, in a folder or by itself; errors say what."""

import json

import numpy as np
import pytest

import npconformer
from npconformer import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForAudioFrameClassification,
    AutoModelForAudioXVector,
    AutoModelForCTC,
    AutoModelForPreTraining,
    NemoConformerConfig,
    Wav2Vec2BertConfig,
    Wav2Vec2ConformerConfig,
)
from npconformer.models import auto

SIZES = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=7)
CONFIGS = {
    "wav2vec2-conformer": Wav2Vec2ConformerConfig(
        **SIZES, conv_dim=(4,), conv_kernel=(3,), conv_stride=(2,), num_conv_pos_embedding_groups=2
    ),
    "wav2vec2-bert": Wav2Vec2BertConfig(**SIZES),
    "nemo-conformer": NemoConformerConfig(**SIZES, num_mel_bins=8, subsampling_conv_channels=3),
}
NAMES = {
    "wav2vec2-conformer": "Wav2Vec2Conformer",
    "wav2vec2-bert": "Wav2Vec2Bert",
    "nemo-conformer": "NemoConformer",
}
SUFFIXES = {
    AutoModel: "Model",
    AutoModelForCTC: "ForCTC",
    AutoModelForAudioClassification: "ForSequenceClassification",
    AutoModelForAudioFrameClassification: "ForAudioFrameClassification",
    AutoModelForAudioXVector: "ForXVector",
    AutoModelForPreTraining: "ForPreTraining",
}
EVERY_MODEL = [
    (auto_class, model_type)
    for auto_class in SUFFIXES
    for model_type in NAMES
    if auto_class is not AutoModelForPreTraining or model_type == "wav2vec2-conformer"
]
every_model = pytest.mark.parametrize(
    ("auto_class", "model_type"), EVERY_MODEL, ids=lambda x: getattr(x, "__name__", x)
)
every_type = pytest.mark.parametrize("model_type", NAMES)


def expected_class(auto_class, model_type):
    return getattr(npconformer, NAMES[model_type] + SUFFIXES[auto_class])


@every_model
def test_the_type_in_the_folder_chooses(auto_class, model_type, tmp_path):
    saved = auto_class.from_config(CONFIGS[model_type])
    assert type(saved) is expected_class(auto_class, model_type)
    saved.save_pretrained(tmp_path)
    loaded, report = auto_class.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is type(saved) and not report.missing and not loaded.training
    for name, array in saved.state_dict().items():
        np.testing.assert_array_equal(loaded.state_dict()[name], array, err_msg=name)


@every_type
def test_options_and_overrides_reach_the_model(model_type, tmp_path):
    AutoModelForCTC.from_config(CONFIGS[model_type]).save_pretrained(tmp_path)
    model = AutoModelForCTC.from_pretrained(tmp_path, dtype="float64", padding_mode="exact")
    assert model.dtype == "float64" and model.config.padding_mode == "exact"
    with pytest.raises(ValueError, match="did you mean 'hidden_dropout'"):
        AutoModelForCTC.from_pretrained(tmp_path, hiden_dropout=0.0)


@every_type
def test_architectures_do_not_choose(model_type, tmp_path):
    """A recogniser's folder gives the model without a head, too."""
    AutoModelForCTC.from_config(CONFIGS[model_type]).save_pretrained(tmp_path)
    assert type(AutoModel.from_pretrained(tmp_path)) is expected_class(AutoModel, model_type)
    config = AutoConfig.from_pretrained(tmp_path)
    assert config.architectures == [NAMES[model_type] + "ForCTC"]


@every_type
def test_a_config_that_is_given_chooses(model_type, tmp_path):
    AutoModel.from_config(CONFIGS[model_type]).save_pretrained(tmp_path / "model")
    config = AutoConfig.from_pretrained(tmp_path / "model", layer_norm_eps=0.25)
    (tmp_path / "model" / "config.json").unlink()
    assert AutoModel.from_pretrained(tmp_path / "model", config=config).config.layer_norm_eps == 0.25
    config.save_pretrained(tmp_path / "config")
    assert AutoModel.from_pretrained(tmp_path / "model", config=tmp_path / "config").config.layer_norm_eps == 0.25


@every_type
def test_configs(model_type, tmp_path):
    config = AutoConfig.for_model(model_type, hidden_size=64, num_attention_heads=4)
    assert type(config) is type(CONFIGS[model_type]) and config.hidden_size == 64
    config.save_pretrained(tmp_path)
    for source in (tmp_path, str(tmp_path), tmp_path / "config.json"):
        again = AutoConfig.from_pretrained(source)
        assert type(again) is type(config) and again == config
    assert AutoConfig.from_pretrained(tmp_path, hidden_size=32).hidden_size == 32
    with pytest.raises(ValueError, match="hidden_size"):
        AutoConfig.for_model(model_type, hidden_size=-1)


def test_an_unknown_type_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    expected = r"config.json: model_type is 'wav2vec2'; expected one of wav2vec2-conformer, wav2vec2-bert"
    for load in (AutoConfig, AutoModel, AutoModelForCTC):
        with pytest.raises(ValueError, match=expected):
            load.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="model_type is 'hubert'; expected one of"):
        AutoConfig.for_model("hubert")


@pytest.mark.parametrize("model_type", [3, ["wav2vec2-bert"], True])
def test_a_type_that_is_no_name(tmp_path, model_type):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(ValueError, match=r"config.json: model_type is .*; expected one of"):
        AutoModel.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "wav2vec2-conformer"),
        ({"architectures": None}, "wav2vec2-conformer"),
        ({"architectures": ["Wav2Vec2BertForCTC"]}, "wav2vec2-bert"),
        ({"architectures": ["MyOwn", "Wav2Vec2BertModel"]}, "wav2vec2-bert"),
        ({"architectures": ["Wav2Vec2ConformerForXVector"]}, "wav2vec2-conformer"),
    ],
)
def test_without_a_type(tmp_path, settings, expected):
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert auto.read_model_type(tmp_path) == expected
    assert type(AutoConfig.from_pretrained(tmp_path)) is type(CONFIGS[expected])


def test_wav2vec2_bert_has_no_pretraining(tmp_path):
    expected = "wav2vec2-bert has no model for pretraining; expected a checkpoint of type wav2vec2-conformer"
    with pytest.raises(ValueError, match=expected):
        AutoModelForPreTraining.from_config(CONFIGS["wav2vec2-bert"])
    AutoModel.from_config(CONFIGS["wav2vec2-bert"]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=expected):
        AutoModelForPreTraining.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="wav2vec2-bert has no model for diarization; expected another head"):
        auto.model_class("wav2vec2-bert", "diarization")


@pytest.mark.parametrize("load", [AutoConfig, *SUFFIXES])
def test_what_is_missing_or_damaged_is_named(load, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        load.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"config\.json"):
        load.from_pretrained(tmp_path)


@pytest.mark.parametrize("load", [AutoConfig, *SUFFIXES])
def test_they_are_loaded_not_made(load):
    with pytest.raises(TypeError, match=f"{load.__name__} is not built; use {load.__name__}.from_pretrained"):
        load()


def test_the_registry_names_what_there_is():
    assert set(auto.FAMILIES) == set(NAMES)
    for model_type, family in auto.FAMILIES.items():
        assert auto.config_class(model_type).model_type == model_type
        for head_name, name in family.models.items():
            cls = auto.model_class(model_type, head_name)
            assert cls is getattr(npconformer, name) and cls.head_name == head_name
            assert cls.config_class is auto.config_class(model_type)
        assert auto.heads_of([*family.models.values(), "Unknown"]) == list(family.models)
    assert auto.model_names("ctc") == ["Wav2Vec2ConformerForCTC", "Wav2Vec2BertForCTC", "NemoConformerForCTC"]
    assert auto.model_names("pretraining") == ["Wav2Vec2ConformerForPreTraining"]


@pytest.mark.parametrize(
    ("auto_class", "model_type"),
    [(auto_class, model_type) for auto_class, model_type in EVERY_MODEL if model_type != "nemo-conformer"],
)
def test_choices_are_the_references(auto_class, model_type, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    CONFIGS[model_type].save_pretrained(tmp_path)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    theirs = getattr(transformers, auto_class.__name__).from_config(config)
    assert type(theirs).__name__ == auto.model_class(model_type, auto_class.head_name).__name__


def test_the_reference_has_no_pretraining_for_wav2vec2_bert_either(tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    CONFIGS["wav2vec2-bert"].save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="Wav2Vec2BertConfig"):
        transformers.AutoModelForPreTraining.from_config(transformers.AutoConfig.from_pretrained(tmp_path))
