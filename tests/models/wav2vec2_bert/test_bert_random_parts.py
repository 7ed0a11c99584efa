"""Each random part of training, alone and made certain, so that what it does can be said exactly."""

import numpy as np
import pytest
from tiny_bert import batch_of, make_model, tiny_config

from npconformer import Tensor, Wav2Vec2BertModel
from npconformer.models.wav2vec2_bert.adapter import Wav2Vec2BertAdapter, Wav2Vec2BertAdapterLayer
from npconformer.tape import grad_mode

STILL = dict.fromkeys(
    """hidden_dropout activation_dropout attention_dropout feat_proj_dropout final_dropout conformer_conv_dropout
    layerdrop mask_time_prob mask_feature_prob""".split(),
    0.0,
)
FEATURES, MASK = batch_of([29, 15])


def run(**settings):
    model = make_model(**{**STILL, **settings}).train()
    return model(FEATURES, MASK, output_hidden_states=True, output_attentions=True)


def test_nothing_is_random_when_every_probability_is_0():
    model = make_model(**STILL, add_adapter=True)
    evaluated = model(FEATURES, MASK).logits.data
    assert (model.train()(FEATURES, MASK).logits.data == evaluated).all()


def test_dropped_attention_weights_are_zero():
    weights = run(attention_dropout=0.5).attentions[0].numpy()[0]
    assert 0.3 < (weights == 0).mean() < 0.7


def test_encoder_input_and_features_are_dropped():
    assert 0.3 < (run(hidden_dropout=0.5).hidden_states[0].numpy()[0] == 0).mean() < 0.7
    assert (run(feat_proj_dropout=1.0).hidden_states[0].numpy() == 0).all()


def test_layers_dropped_with_certainty_pass_their_input_on():
    states = run(layerdrop=1.0).hidden_states
    assert len(states) == 3 and all((state.data == states[0].data).all() for state in states)


def test_adapter_layers_dropped_with_certainty_keep_the_length():
    x = Tensor(np.ones((1, 9, 16), np.float32))
    for probability, length in ((1.0, 9), (0.0, 3)):
        adapter = Wav2Vec2BertAdapter(tiny_config(add_adapter=True, num_adapter_layers=2, layerdrop=probability))
        assert adapter.train()(x).shape[1] == length
        assert adapter.eval()(x).shape[1] == 3


def test_a_dropped_adapter_layer_still_counts_for_what_attention_sees(monkeypatch):
    """As in the reference: the layers behind it see as few frames as if it had been there."""
    seen = []
    forward = Wav2Vec2BertAdapterLayer.forward
    monkeypatch.setattr(
        Wav2Vec2BertAdapterLayer,
        "forward",
        lambda layer, x, lengths, *rest: (seen.append(lengths), forward(layer, x))[1],
    )
    drawn = iter([True, False])
    monkeypatch.setattr("npconformer.models.wav2vec2_bert.adapter.generator.happens", lambda probability: next(drawn))
    adapter = Wav2Vec2BertAdapter(tiny_config(add_adapter=True, num_adapter_layers=2)).train()
    adapter(Tensor(np.ones((2, 16, 16), np.float32)), np.array([16, 9]))
    assert [lengths.tolist() for lengths in seen] == [[4, 3]]


@pytest.mark.parametrize("name", ["conformer_conv_dropout", "hidden_dropout", "activation_dropout"])
def test_what_an_adapter_layer_drops(name):
    settings = {**STILL, name: 1.0}
    layer = make_model(**settings, add_adapter=True).wav2vec2_bert.adapter.layers[0].train()
    x = Tensor(np.random.default_rng(0).standard_normal((1, 9, 16)))
    residual = layer._pool(layer.residual_layer_norm(x), layer.residual_conv, None)
    if name == "conformer_conv_dropout":  # attention's part
        expected = layer.ffn(layer.ffn_layer_norm(residual)) + residual
    else:
        attended, _ = layer.self_attn(layer._pool(layer.self_attn_layer_norm(x), layer.self_attn_conv, None))
        bias = 0.0 if name == "hidden_dropout" else layer.ffn.output_dense.bias.data
        expected = attended + residual + bias
    np.testing.assert_allclose(layer(x).numpy(), expected.numpy(), rtol=1e-12, atol=1e-13)


def test_masked_frames_hold_the_mask_vector_and_are_never_padding():
    model = make_model(**{**STILL, "mask_time_prob": 1.0, "mask_time_min_masks": 0}).train()
    states = model(FEATURES, MASK, output_hidden_states=True).hidden_states[0].numpy()
    masked = (states == model.wav2vec2_bert.masked_spec_embed.data).all(axis=-1)  # (B, T)
    assert masked[0].mean() > 0.4 and masked[1, :15].mean() > 0.4
    assert (states[1, 15:] == 0).all()


def test_recomputed_blocks_really_run_twice(monkeypatch):
    model = make_model(Wav2Vec2BertModel, **STILL).train()
    layer = model.encoder.layers[0]
    calls, forward = [], layer.forward
    monkeypatch.setattr(layer, "forward", lambda *args: (calls.append(grad_mode.is_recomputing()), forward(*args))[1])
    model.gradient_checkpointing_enable()
    model(FEATURES).last_hidden_state.sum().backward()
    assert calls == [False, True]
    calls.clear()
    model.gradient_checkpointing_disable()
    model(FEATURES).last_hidden_state.sum().backward()
    assert calls == [False]
