"""Each random part of training, alone and made certain, so that what it does can be said exactly."""

import numpy as np
import pytest

import npconformer
from npconformer import Tensor, Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.models.wav2vec2_conformer.adapter import Wav2Vec2ConformerAdapter
from npconformer.tape import grad_mode

STILL = dict.fromkeys(
    """hidden_dropout activation_dropout attention_dropout feat_proj_dropout final_dropout conformer_conv_dropout
    layerdrop mask_time_prob mask_feature_prob""".split(),
    0.0,
)


def make_model(**settings) -> Wav2Vec2ConformerForCTC:
    npconformer.manual_seed(0)
    base = dict(
        vocab_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8, 12),
        conv_kernel=(10, 3),
        conv_stride=(5, 2),
        feat_extract_norm="layer",
        conv_depthwise_kernel_size=3,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        mask_time_length=2,
        mask_feature_length=2,
        mask_time_min_masks=0,
        mask_feature_min_masks=0,
    )
    model = Wav2Vec2ConformerForCTC(Wav2Vec2ConformerConfig(**{**base, **STILL, **settings})).to("float64")
    rng = np.random.default_rng(1)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.2 * rng.standard_normal(parameter.shape)
    return model.train()


VALUES = np.random.default_rng(2).standard_normal((2, 300))
MASK = (np.arange(300) < np.array([[300], [150]])).astype(np.int64)


def run(model, **arguments):
    return model(VALUES, output_hidden_states=True, output_attentions=True, **arguments)


def test_nothing_is_random_when_every_probability_is_0():
    model = make_model()
    assert (run(model).logits.data == run(model).logits.data).all()


def test_dropped_attention_weights_are_zero():
    weights = run(make_model(attention_dropout=0.5)).attentions[0].numpy()
    assert 0.2 < (weights == 0).mean() < 0.8  # the module's own dropout of weights, not only that of its output


def test_the_output_of_attention_is_dropped():
    """Without any attention weight its bias is left, and the block's own dropout takes that away."""
    states = []
    for dropout, bias in ((1.0, 0.0), (1.0, 9.0), (0.0, 0.0), (0.0, 9.0)):
        model = make_model(attention_dropout=dropout)
        model.wav2vec2_conformer.encoder.layers[0].self_attn.linear_out.bias.data = np.linspace(-bias, bias, 16)
        states.append(run(model).hidden_states[1].numpy())
    np.testing.assert_array_equal(states[0], states[1])
    assert abs(states[2] - states[3]).max() > 0.1


def test_encoder_input_is_dropped():
    states = run(make_model(hidden_dropout=0.5)).hidden_states[0].numpy()
    assert 0.3 < (states == 0).mean() < 0.7


def test_feature_projection_is_dropped():
    assert (run(make_model(feat_proj_dropout=1.0)).hidden_states[0].numpy() == 0).all()


def test_final_dropout_leaves_the_bias():
    model = make_model(final_dropout=1.0)
    np.testing.assert_array_equal(run(model).logits.numpy(), np.broadcast_to(model.lm_head.bias.data, (2, 29, 8)))


@pytest.mark.parametrize("name", ["activation_dropout", "hidden_dropout"])
def test_feed_forward_drops_where_its_name_says(name):
    feed_forward = make_model(**{name: 1.0}).wav2vec2_conformer.encoder.layers[0].ffn1
    x = Tensor(np.ones((1, 3, 16)))
    expected = 0.0 if name == "hidden_dropout" else feed_forward.output_dense.bias.data
    np.testing.assert_array_equal(feed_forward(x).numpy(), np.broadcast_to(expected, (1, 3, 16)))


def test_convolution_module_drops_its_output():
    module = make_model(conformer_conv_dropout=1.0).wav2vec2_conformer.encoder.layers[0].conv_module
    assert (module(Tensor(np.ones((1, 3, 16)))).numpy() == 0).all()


def test_layers_dropped_with_certainty_pass_their_input_on():
    states = run(make_model(layerdrop=1.0)).hidden_states
    assert all((state.data == states[0].data).all() for state in states)


def test_adapter_layers_dropped_with_certainty_keep_the_length():
    settings = dict(add_adapter=True, num_adapter_layers=2, hidden_size=16, num_attention_heads=2)
    x = Tensor(np.ones((1, 9, 16), np.float32))
    for probability, length in ((1.0, 9), (0.0, 3)):
        adapter = Wav2Vec2ConformerAdapter(Wav2Vec2ConformerConfig(**settings, layerdrop=probability))
        assert adapter.train()(x).shape[1] == length
        assert adapter.eval()(x).shape[1] == 3


def test_masked_frames_hold_the_mask_vector_and_are_never_padding():
    model = make_model(mask_time_prob=1.0)
    vector = model.wav2vec2_conformer.masked_spec_embed.data
    states = run(model, attention_mask=MASK).hidden_states[0].numpy()
    masked = (states == vector).all(axis=-1)  # (B, T)
    frames = model._get_feat_extract_output_lengths(MASK.sum(axis=1))
    assert masked[0].mean() > 0.4 and masked[1, : frames[1]].mean() > 0.4
    assert (states[1, frames[1] :] == 0).all()


@pytest.mark.parametrize(
    "settings", [{"mask_feature_prob": 1.0}, {"mask_feature_prob": 0.01}, {"mask_time_prob": 1e-9}]
)
def test_masked_channels_are_zero_in_every_frame(settings):
    least = 3 if settings.get("mask_feature_prob") == 0.01 else 0
    model = make_model(**settings, mask_feature_min_masks=least)
    zero = (run(model).hidden_states[0].numpy() == 0).all(axis=1)  # (B, C)
    if "mask_feature_prob" not in settings:
        assert not zero.any()
    else:
        assert (zero.sum(axis=1) >= 4).all() and not zero.all()


def test_recomputed_blocks_really_run_twice(monkeypatch):
    model = make_model()
    layer = model.wav2vec2_conformer.encoder.layers[0]
    calls = []
    forward = layer.forward
    monkeypatch.setattr(layer, "forward", lambda *args: (calls.append(grad_mode.is_recomputing()), forward(*args))[1])
    model.gradient_checkpointing_enable()
    model(VALUES).logits.sum().backward()
    assert calls == [False, True]
    calls.clear()
    model.gradient_checkpointing_disable()
    model(VALUES).logits.sum().backward()
    assert calls == [False]
