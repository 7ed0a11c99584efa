"""The convolution modules: their equations, which frames a frame sees, padding, folded batch norm, dropout."""

import conformer_twins as twins
import numpy as np
import pytest
from tiny_block import TIME, config, frames, gradients, randomised
from tiny_checkpoints import make_config

from npconformer import Tensor, no_grad
from npconformer.models.conformer.convolution import BiasedConvolutionModule, CausalConvolutionModule, ConvolutionModule
from npconformer.tape.recompute import recompute

EXACTLY = dict(rtol=1e-11, atol=1e-13)
KINDS = [ConvolutionModule, BiasedConvolutionModule, CausalConvolutionModule]
every_kind = pytest.mark.parametrize("kind", KINDS)
PADDED = np.arange(TIME) >= np.array([[TIME], [6]])  # (B, T)


def build(kind, kernel=5, eps=1e-5, **settings):
    return randomised(kind(config(conv_depthwise_kernel_size=kernel, **settings), eps))


@every_kind
@pytest.mark.parametrize("kernel", [1, 3, 5, 31])
def test_is_what_its_equations_say(kind, kernel):
    module, causal = build(kind, kernel), kind is CausalConvolutionModule
    expected = twins.convolution(module, frames(), causal)
    np.testing.assert_allclose(module(Tensor(frames())).numpy(), expected, **EXACTLY)
    with no_grad():  # batch norm is folded into the kernel there
        np.testing.assert_allclose(module(Tensor(frames())).numpy(), expected, **EXACTLY)


@every_kind
def test_frames_that_it_is_not_to_see(kind):
    module, causal = build(kind), kind is CausalConvolutionModule
    out, gradient = gradients(module, frames(), PADDED[:, :, None])
    np.testing.assert_allclose(out, twins.convolution(module, frames(), causal, PADDED), **EXACTLY)
    assert (gradient[PADDED] == 0).all() and (gradient[~PADDED] != 0).all()


@every_kind
def test_which_frames_a_frame_sees(kind):
    """K - 1 before it, or half of them on each side."""
    module, at = build(kind), 4
    changed = frames()
    changed[:, at] += np.linspace(-1, 2, 8)
    with no_grad():
        moved = (module(Tensor(changed)).numpy() != module(Tensor(frames())).numpy()).any(axis=(0, 2))
    causal = kind is CausalConvolutionModule
    np.testing.assert_array_equal(np.flatnonzero(moved), np.arange(4, 9) if causal else np.arange(2, 7))


def test_eps_is_that_of_every_layer_norm():
    module = build(CausalConvolutionModule, eps=0.5)
    assert module.layer_norm.eps == module.depthwise_layer_norm.eps == 0.5
    assert build(ConvolutionModule, eps=0.5).batch_norm.eps == 1e-5  # no setting of the reference's either


@every_kind
def test_names_are_those_of_checkpoints(kind):
    shared = {"layer_norm.weight", "layer_norm.bias", "pointwise_conv1.weight", "pointwise_conv2.weight"}
    norm = "depthwise_layer_norm" if kind is CausalConvolutionModule else "batch_norm"
    own = {"depthwise_conv.weight", f"{norm}.weight", f"{norm}.bias"}
    if kind is BiasedConvolutionModule:
        own |= {"pointwise_conv1.bias", "depthwise_conv.bias", "pointwise_conv2.bias"}
    assert {name for name, _ in build(kind).named_parameters()} == shared | own


@every_kind
def test_its_output_is_dropped(kind):
    module = build(kind, conformer_conv_dropout=1.0).train()
    assert (module(Tensor(frames())).numpy() == 0).all()


def test_both_runs_of_a_checkpoint_leave_batch_norm_by_itself(monkeypatch):
    """Folded into the kernel it would round otherwise in the first run than in the recorded second one."""

    class Refused(Exception):
        pass

    def refuse(*arguments):
        raise Refused

    module = ConvolutionModule(make_config("layer"), 1e-5).eval()
    monkeypatch.setattr(type(module.batch_norm), "folded_into", refuse)
    x = np.random.default_rng(0).standard_normal((1, 9, module.pointwise_conv2.weight.shape[0])).astype(np.float32)
    with no_grad(), pytest.raises(Refused):
        module(Tensor(x))
    recompute(module, Tensor(x, requires_grad=True)).sum().backward()
