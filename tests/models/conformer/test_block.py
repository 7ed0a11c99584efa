"""The Conformer block against its equations, its gradients against differences, its names, its dropouts."""

import conformer_twins as twins
import numpy as np
import pytest
from tiny_block import TIME, config, frames, randomised

from npconformer import Tensor
from npconformer.models.conformer.attention_mask import attention_bias
from npconformer.models.conformer.block import ConformerBlock
from npconformer.models.conformer.convolution import CausalConvolutionModule, ConvolutionModule
from npconformer.verify.gradient_check import check_gradients

EXACTLY = dict(rtol=1e-10, atol=1e-12)
LENGTHS = np.array([TIME, 6])
both_kinds = pytest.mark.parametrize("kind", [ConvolutionModule, CausalConvolutionModule])
positions_or_none = pytest.mark.parametrize("positions", [None, "relative_key"])


def build(kind, positions=None, eps=1e-5, **settings):
    return randomised(ConformerBlock(config(position_embeddings_type=positions, **settings), kind, eps))


def padding(x):
    """What the block takes for utterances of 9 and 6 frames: numbers for the scores, and the padded frames."""
    mask = np.arange(TIME) < LENGTHS[:, None]
    return attention_bias(mask, x), None, ~mask[:, :, None]


@both_kinds
@positions_or_none
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_is_what_its_equations_say(kind, positions, lengths):
    module, x = build(kind, positions), Tensor(frames())
    out, weights = module(x, *(() if lengths is None else padding(x)), output_attentions=True)
    np.testing.assert_allclose(
        out.numpy(), twins.block(module, frames(), kind is CausalConvolutionModule, lengths), **EXACTLY
    )
    hidden = frames() + twins.feed_forward(module.ffn1, twins.layer_norm(module.ffn1_layer_norm, frames())) / 2
    hidden = twins.layer_norm(module.self_attn_layer_norm, hidden)
    np.testing.assert_allclose(weights.numpy(), twins.attention(module.self_attn, hidden, lengths)[1], **EXACTLY)


@both_kinds
@positions_or_none
def test_gradient_of_its_input(kind, positions):
    module = build(kind, positions)
    check_gradients(lambda x: module(x, *padding(x))[0], frames())


@both_kinds
@positions_or_none
def test_gradients_of_its_parameters(kind, positions):
    module, rng, step = build(kind, positions), np.random.default_rng(4), 2e-4
    x = Tensor(frames())
    upstream = rng.standard_normal(x.shape)
    module(x, *padding(x))[0].backward(upstream)
    for name, parameter in module.named_parameters():
        start, direction = parameter.data, rng.standard_normal(parameter.shape)

        def moved(h, parameter=parameter, start=start, direction=direction):
            parameter.data = start + h * step * direction
            return float((upstream * module(x, *padding(x))[0].numpy()).sum())

        slope = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)
        parameter.data = start
        scale = np.abs(parameter.grad * direction).sum()
        assert float((parameter.grad * direction).sum()) == pytest.approx(slope, abs=1e-7 * scale + 1e-9), name


@both_kinds
def test_eps_is_in_every_layer_norm(kind):
    norms = {n: m.eps for n, m in build(kind, eps=0.5).named_modules() if n.endswith("layer_norm")}
    assert len(norms) == (6 if kind is CausalConvolutionModule else 5) and set(norms.values()) == {0.5}


@both_kinds
def test_attention_weights_only_where_asked_for(kind):
    assert build(kind)(Tensor(frames()))[1] is None


@both_kinds
def test_what_is_dropped(kind):
    """With everything dropped a block passes on its input, behind the last layer norm."""
    still = dict(hidden_dropout=1.0, attention_dropout=1.0, conformer_conv_dropout=1.0)
    module = build(kind, **still).train()
    out, _ = module(Tensor(frames()))
    np.testing.assert_allclose(out.numpy(), twins.layer_norm(module.final_layer_norm, frames()), **EXACTLY)
