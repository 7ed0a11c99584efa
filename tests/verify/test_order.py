"""In which order tensors are listed, and what layer each is said to lie in."""

import pytest

from npconformer.verify.order import in_backward_order, in_forward_order, place_of


@pytest.mark.parametrize(
    ("tensor", "place"),
    [
        ("outputs.hidden_states.0", "before layer 0"),
        ("outputs.hidden_states.8", "layer 7"),
        ("outputs.attentions.7", "layer 7"),
        ("outputs.extract_features", "before layer 0"),
        ("outputs.logits", "output"),
        ("loss", "loss"),
        ("modules.wav2vec2_bert.encoder.layers.11.self_attn.linear_q", "layer 11"),
        ("modules.encoder.layers.11", "layer 11"),
        ("gradients.wav2vec2_bert.encoder.layers.7.ffn1.intermediate_dense.weight", "layer 7"),
        ("gradients.wav2vec2_bert.adapter.layers.1.residual_conv.weight", "adapter layer 1"),
        ("gradients.wav2vec2_bert.adapter.proj.weight", "adapter"),
        ("modules.wav2vec2_conformer.feature_extractor.conv_layers.3.conv", "feature convolution 3"),
        ("modules.wav2vec2_conformer.feature_extractor", "feature convolutions"),
        ("modules.wav2vec2_conformer.feature_projection.layer_norm", "before layer 0"),
        ("modules.wav2vec2_conformer.encoder.dropout", "before layer 0"),
        ("gradients.wav2vec2_conformer.encoder.layer_norm.weight", "after the layers"),
        ("modules.wav2vec2_conformer", "output"),
        ("gradients.lm_head.weight", "output"),
        ("gradients.feature_extractor.weight", "output"),  # of an x-vector head
        ("modules.tdnn.0", "output"),
    ],
)
def test_places(tensor, place):
    assert place_of(tensor) == place


def test_outputs_stand_among_the_modules_that_give_them():
    modules = ["m.feature_projection", "m.encoder.layers.0.ffn1", "m.encoder.layers.0", "m.encoder.layers.1", "m"]
    outputs = ["logits", "hidden_states.0", "hidden_states.1", "hidden_states.2", "attentions.0", "attentions.1"]
    assert in_forward_order(modules, dict.fromkeys(outputs)) == [
        "modules.m.feature_projection",
        "outputs.hidden_states.0",
        "modules.m.encoder.layers.0.ffn1",
        "modules.m.encoder.layers.0",
        "outputs.attentions.0",
        "outputs.hidden_states.1",
        "modules.m.encoder.layers.1",
        "outputs.attentions.1",
        "outputs.hidden_states.2",
        "modules.m",
        "outputs.logits",
    ]


def test_some_modules_among_all_hidden_states():
    outputs = ["logits", *(f"hidden_states.{index}" for index in range(4))]
    modules = ["m.encoder.layers.2.ffn1", "m.lm_head"]
    assert in_forward_order(modules, dict.fromkeys(outputs)) == [
        "outputs.hidden_states.0",
        "outputs.hidden_states.1",
        "outputs.hidden_states.2",
        "modules.m.encoder.layers.2.ffn1",
        "outputs.hidden_states.3",
        "modules.m.lm_head",
        "outputs.logits",
    ]


def test_outputs_alone():
    outputs = ["last_hidden_state", "extract_features", *(f"hidden_states.{i}" for i in range(13)), "attentions.1"]
    assert in_forward_order([], dict.fromkeys(outputs)) == [
        "outputs.extract_features",
        "outputs.hidden_states.0",
        "outputs.hidden_states.1",
        "outputs.attentions.1",
        *(f"outputs.hidden_states.{i}" for i in range(2, 13)),
        "outputs.last_hidden_state",
    ]


def test_gradients_from_the_output_to_the_input():
    parameters = ["mask", "a.weight", "a.bias", "b.inner.table", "b.bias", "norm.weight"]
    order = ["a", "b", "norm"]
    assert in_backward_order(parameters, order) == [
        "norm.weight",
        "b.bias",
        "b.inner.table",
        "a.bias",
        "a.weight",
        "mask",
    ]
