"""Wav2Vec2BertConfig: transformers' defaults and JSON, unknown keys, refused contradictions."""

import json

import pytest

from npconformer import Wav2Vec2BertConfig

# Fields as in the config.json of facebook/w2v-bert-2.0: others missing, some that no longer exist.
RELEASED = {
    "activation_dropout": 0.0,
    "adapter_act": "relu",
    "add_adapter": False,
    "apply_spec_augment": False,
    "architectures": ["Wav2Vec2BertModel"],
    "hidden_act": "swish",
    "hidden_size": 1024,
    "max_source_positions": 5000,
    "model_type": "wav2vec2-bert",
    "num_attention_heads": 16,
    "num_codevector_groups": 2,
    "num_hidden_layers": 24,
    "position_embeddings_type": "relative_key",
    "torch_dtype": "float32",
    "transformers_version": "4.37.0.dev0",
    "use_intermediate_ffn_before_adapter": False,
    "vocab_size": None,
}

CONTRADICTIONS = {
    "feed-forward without adapter": (
        dict(use_intermediate_ffn_before_adapter=True),
        "use_intermediate_ffn_before_adapter.*false where add_adapter is false",
    ),
    "adapter and heads": (
        dict(add_adapter=True, output_hidden_size=1000),
        "output_hidden_size.*1000.*num_attention_heads.*16",
    ),
    "heads": (dict(hidden_size=1000), "hidden_size.*num_attention_heads"),
    "even depthwise": (dict(conv_depthwise_kernel_size=30), "conv_depthwise_kernel_size.*odd"),
    "activation": (dict(hidden_act="mash"), "hidden_act.*'mash'.*'gelu'"),
    "adapter activation": (dict(adapter_act=None), "adapter_act"),
    "positions": (dict(position_embeddings_type="alibi"), "position_embeddings_type.*'relative_key'"),
    "no width": (dict(feature_projection_input_dim=0), "feature_projection_input_dim"),
    "left": (dict(left_max_position_embeddings=-1), "left_max_position_embeddings"),
    "right": (dict(right_max_position_embeddings=8.0), "right_max_position_embeddings"),
    "switch": (dict(use_intermediate_ffn_before_adapter=1), "use_intermediate_ffn_before_adapter"),
    "stride": (dict(adapter_stride=0), "adapter_stride"),
    "odd rotary head": (
        dict(hidden_size=48, num_attention_heads=16, position_embeddings_type="rotary"),
        "even head size",
    ),
    "model type": (dict(model_type="wav2vec2-conformer"), "model_type.*'wav2vec2-bert'"),
    "pad token": (dict(vocab_size=4, pad_token_id=4), "pad_token_id.*vocab_size"),
    "vocabulary": (dict(vocab_size=0), "vocab_size"),
    "tdnn lists": (dict(tdnn_dim=[8]), "tdnn_dim"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_refuses_by_name(name):
    settings, message = CONTRADICTIONS[name]
    with pytest.raises(ValueError, match=message):
        Wav2Vec2BertConfig(**settings)


def test_an_adapters_size_does_not_matter_without_one():
    assert Wav2Vec2BertConfig(output_hidden_size=1000).output_hidden_size == 1000
    assert Wav2Vec2BertConfig(hidden_size=512).output_hidden_size == 512


def test_what_the_released_checkpoint_says(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(RELEASED))
    config = Wav2Vec2BertConfig.from_pretrained(tmp_path)
    assert config.vocab_size is None and config.dtype == "float32"
    assert config.num_codevector_groups == 2  # no field of this model: kept
    assert (config.left_max_position_embeddings, config.right_max_position_embeddings) == (64, 8)  # missing in the file
    assert config.feature_projection_input_dim == 160 and config.output_hidden_size == 1024

    config.save_pretrained(tmp_path / "new")
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    kept = {name: value for name, value in RELEASED.items() if name != "torch_dtype"}
    assert {name: written[name] for name in kept} == kept and written["dtype"] == "float32"
    assert Wav2Vec2BertConfig.from_pretrained(tmp_path / "new") == config


@pytest.mark.parametrize(
    ("settings", "ratio"),
    [
        ({}, 320),
        (dict(num_adapter_layers=3, adapter_stride=3), 320),
        (dict(add_adapter=True), 640),
        (dict(add_adapter=True, num_adapter_layers=3, adapter_stride=3), 320 * 27),
        (dict(feature_projection_input_dim=80), 160),
    ],
)
def test_samples_of_a_frame(settings, ratio):
    assert Wav2Vec2BertConfig(**settings).inputs_to_logits_ratio == ratio


def test_defaults_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    ours = Wav2Vec2BertConfig().to_dict()
    theirs = transformers.Wav2Vec2BertConfig().to_dict()
    for name in ("_name_or_path", "transformers_version", "chunk_size_feed_forward", "is_encoder_decoder"):
        theirs.pop(name, None)
    assert ours.pop("padding_mode") == "reference" and ours.pop("ctc_compute_dtype") is None
    assert ours == theirs


@pytest.mark.parametrize(
    "settings",
    [
        {},
        dict(vocab_size=32, position_embeddings_type=None, dtype="float16", num_labels=7),
        dict(add_adapter=True, output_hidden_size=96, use_intermediate_ffn_before_adapter=True, adapter_act="gelu"),
        dict(return_dict=False, architectures=["Wav2Vec2BertForCTC"], old_field={"a": [1, 2]}),
    ],
)
def test_json_goes_through_transformers_and_back(tmp_path, settings):
    transformers = pytest.importorskip("transformers")
    config = Wav2Vec2BertConfig(**settings)
    config.save_pretrained(tmp_path / "ours")
    theirs = transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    assert type(theirs).__name__ == "Wav2Vec2BertConfig"
    assert theirs.inputs_to_logits_ratio == config.inputs_to_logits_ratio
    theirs.save_pretrained(tmp_path / "theirs")
    again = Wav2Vec2BertConfig.from_pretrained(tmp_path / "theirs")
    assert again.extra.pop("transformers_version") == transformers.__version__
    assert again == config
