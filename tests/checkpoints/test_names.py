"""Names: weight norm's two spellings, the base model's prefix, other tasks' heads."""

import pytest

from npconformer.checkpoints.names import (
    belongs_elsewhere,
    is_computed,
    is_never_called,
    match_names,
    modern_name,
)


def test_weight_norm():
    assert modern_name("a.conv.weight_g") == "a.conv.parametrizations.weight.original0"
    assert modern_name("a.conv.weight_v") == "a.conv.parametrizations.weight.original1"
    assert modern_name("a.weight_gain.weight") == "a.weight_gain.weight"


def test_prefix_is_added_and_taken_off():
    inside = ["base.layer.weight", "lm_head.bias"]
    assert match_names(["layer.weight"], inside, "base") == {"layer.weight": "base.layer.weight"}
    assert match_names(inside, ["layer.weight"], "base") == {
        "base.layer.weight": "layer.weight",
        "lm_head.bias": "lm_head.bias",
    }
    assert match_names(inside, inside, "base") == {name: name for name in inside}


def test_prefix_and_weight_norm_together():
    new = "base.conv.parametrizations.weight.original0"
    assert match_names(["conv.weight_g"], [new], "base") == {"conv.weight_g": new}


def test_two_spellings_of_one_name_are_refused():
    new = "conv.parametrizations.weight.original0"
    with pytest.raises(ValueError, match=r"conv\.weight_g"):
        match_names([new, "conv.weight_g"], [new], "base")


def test_kinds():
    assert is_computed("wav2vec2_conformer.encoder.embed_positions.inv_freq")
    assert is_computed("batch_norm.num_batches_tracked") and not is_computed("batch_norm.running_mean")
    assert is_never_called("wav2vec2_conformer.encoder.pos_conv_embed.conv.bias")
    assert is_never_called("encoder.pos_conv_embed.conv.bias")
    assert not is_never_called("my_encoder.pos_conv_embed.conv.bias")
    assert not is_never_called("encoder.layer_norm.bias")
    for name in ("lm_head.weight", "quantizer.codevectors", "feature_extractor.weight", "masked_spec_embed"):
        assert belongs_elsewhere(name)
    for name in ("feature_extractor.conv_layers.0.conv.weight", "encoder.layers.9.final_layer_norm.weight"):
        assert not belongs_elsewhere(name)
