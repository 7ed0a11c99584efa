"""Modules that somebody looks into, or has changed, are computed one by one, with the same results."""

from unittest import mock

import numpy as np
import pytest

from npconformer import Tensor, manual_seed, nn, no_grad, ops
from npconformer.models.conformer.block import ConformerBlock
from npconformer.models.conformer.convolution import CausalConvolutionModule, ConvolutionModule
from npconformer.nn.fusing import activation_after, is_idle, is_plain, is_plain_linear
from npconformer.nn.stored_layers import store
from npconformer.ops import activations
from tests.models.conformer.tiny_block import config, frames, randomised

INNER = """ffn1 ffn1.intermediate_dense ffn1.intermediate_dropout ffn1.output_dense ffn1.output_dropout
self_attn self_attn.linear_q self_attn.linear_k self_attn.linear_v self_attn.linear_out self_attn_dropout
conv_module conv_module.pointwise_conv1 conv_module.pointwise_conv2 conv_module.dropout
ffn2 ffn2.intermediate_dense ffn2.output_dense ffn2.output_dropout""".split()
kinds = pytest.mark.parametrize("kind", [ConvolutionModule, CausalConvolutionModule], ids=lambda kind: kind.__name__)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
inner = pytest.mark.parametrize("name", INNER)


def build(kind=ConvolutionModule, dtype=np.float64, **settings):
    return randomised(ConformerBlock(config(position_embeddings_type=None, **settings), kind, 1e-5)).to(dtype)


def run(block, dtype, recorded=True):
    """Output, gradient of the input, and gradients of the parameters."""
    x = Tensor(frames().astype(dtype), requires_grad=True)
    if not recorded:
        with no_grad():
            return [block(x)[0].numpy().copy()]
    block.zero_grad()
    out = block(x)[0]
    out.backward(np.random.default_rng(5).standard_normal(out.shape).astype(dtype))
    return [out.numpy(), x.grad, *[p.grad for p in block.parameters()]]


def assert_same(found, expected, dtype):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        scale = max(1.0, np.abs(b).max())  # the gradient of the keys' bias is 0 but for rounding
        np.testing.assert_allclose(a, b, rtol=0, atol=scale * (2e-5 if dtype == np.float32 else 1e-11))


@kinds
@dtypes
@inner
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_a_hook_sees_what_the_module_alone_gives(kind, dtype, name, recorded):
    block = build(kind, dtype)
    expected, module, seen = run(block, dtype, recorded), build(kind, dtype).get_submodule(name), []
    block.get_submodule(name).register_forward_hook(
        lambda _, args, out: seen.append(
            [args[0].numpy().copy(), (out[0] if isinstance(out, tuple) else out).numpy().copy()]
        )
    )
    assert_same(run(block, dtype, recorded), expected, dtype)
    ((given, got),) = seen
    alone = module(Tensor(given))
    assert_same([got], [(alone[0] if isinstance(alone, tuple) else alone).numpy()], dtype)


@inner
def test_what_a_hook_returns_is_used(name):
    """Doubled by a hook, or by weights that are twice as large: a linear map's result."""
    hooked, plain = build(), build()
    module = plain.get_submodule(name)
    if not hasattr(module, "weight"):
        pytest.skip("has no weight of its own")
    hooked.get_submodule(name).register_forward_hook(lambda _, args, out: out * 2.0)
    for parameter in module.parameters():
        parameter.data = parameter.data * 2
    assert_same(run(hooked, np.float64, False), run(plain, np.float64, False), np.float64)


@dtypes
@inner
def test_a_patched_forward_is_called(dtype, name):
    block, calls = build(dtype=dtype), []
    expected, module = run(block, dtype), block.get_submodule(name)
    forward = module.forward

    def patched(*args):  # takes no more than the module did before
        calls.append(args)
        return forward(*args)

    object.__setattr__(module, "forward", patched)
    assert_same(run(block, dtype), expected, dtype)
    assert len(calls) == 1


@pytest.mark.parametrize("kind", [nn.Linear, nn.PointwiseConv1d, nn.Dropout])
def test_a_forward_patched_in_the_class_is_called(monkeypatch, kind):
    block, calls, forward = build(), [], kind.forward
    expected = run(block, np.float64)

    def patched(self, x):
        calls.append(self)
        return forward(self, x)

    monkeypatch.setattr(kind, "forward", patched)
    assert_same(run(block, np.float64), expected, np.float64)
    assert set(map(id, calls)) == {id(m) for m in block.modules() if type(m) is kind}


class Wrapped(nn.Module):
    """Knows nothing of what may be computed in the same pass."""

    def __init__(self, module):
        super().__init__()
        self.inside = module

    def forward(self, *args):
        return self.inside(*args)


@inner
def test_another_module_in_its_place(name):
    block = build()
    expected = run(block, np.float64)
    path, _, last = name.rpartition(".")
    owner = block.get_submodule(path)
    setattr(owner, last, Wrapped(getattr(owner, last)))
    assert_same(run(block, np.float64)[:2], expected[:2], np.float64)


@pytest.mark.parametrize("name", ["ffn1.output_dropout", "self_attn_dropout", "conv_module.dropout"])
def test_a_function_in_the_place_of_a_dropout(name):
    block, calls = build(), []
    expected = run(block, np.float64)
    path, _, last = name.rpartition(".")

    def passes_on(x):
        calls.append(x)
        return x

    setattr(block.get_submodule(path), last, passes_on)
    assert_same(run(block, np.float64), expected, np.float64)
    assert len(calls) == 1


@pytest.mark.parametrize("part", ["ffn1", "ffn2"])
def test_another_activation(part):
    block, twin, calls = build(), build(), []

    def own(x, overwrite=False):
        calls.append(x)
        return ops.relu(x)

    getattr(block, part).intermediate_act_fn = own
    getattr(twin, part).intermediate_act_fn = ops.relu
    assert_same(run(block, np.float64), run(twin, np.float64), np.float64)
    assert len(calls) == 1


@dtypes
@pytest.mark.parametrize(
    "name", ["hidden_dropout", "activation_dropout", "attention_dropout", "conformer_conv_dropout"]
)
def test_dropout_at_work(dtype, name, monkeypatch):
    """The same draws, with fusing and without."""
    results = []
    for fused in (True, False):
        block = build(dtype=dtype, **{name: 0.5}).train()
        if not fused:
            for part in block.modules():
                part.register_forward_hook(lambda *_: None)
        manual_seed(3)
        results.append(run(block, dtype))
    assert_same(*results, dtype)
    assert np.abs(results[0][0] - run(block.eval(), dtype)[0]).max() > 0.1


def test_what_is_plain():
    linear, point, dropout = nn.Linear(3, 3), nn.PointwiseConv1d(3, 3), nn.Dropout(0.5)
    assert is_plain_linear(linear) and is_plain_linear(point) and not is_plain_linear(dropout)
    assert is_plain(dropout, nn.Dropout) and not is_plain(linear, nn.Dropout)
    assert not is_idle(dropout.train()) and is_idle(dropout.eval()) and is_idle(nn.Dropout(0.0).train())
    assert not is_idle(linear) and not is_idle(lambda x: x)
    assert activation_after(linear, ops.silu) is activations.SiLU and activation_after(linear, abs) is None
    with linear.register_forward_hook(lambda *_: None):
        assert not is_plain_linear(linear) and activation_after(linear, ops.silu) is None
    assert is_plain_linear(linear)


def test_a_feed_forward_with_stored_weights_is_one_operation_until_somebody_looks():
    block = build(dtype=np.float32)
    for name in ("intermediate_dense", "output_dense"):
        weight = getattr(block.ffn1, name).weight.data.astype(np.float16)
        store(block.ffn1, name, "float16", {"": weight}, name)
    block.eval()
    seen = []
    with no_grad(), mock.patch.object(ops, "feed_forward", wraps=ops.feed_forward) as fused:
        (fast,) = run(block, np.float32, recorded=False)
        assert fused.call_count == 2
        block.ffn1.output_dense.register_forward_hook(lambda *call: seen.append(call))
        (slow,) = run(block, np.float32, recorded=False)
        assert fused.call_count == 3 and len(seen) == 1
    np.testing.assert_allclose(fast, slow, rtol=1e-5, atol=1e-5)
    x = Tensor(frames().astype(np.float32), requires_grad=True)
    out = block(x)[0]  # recorded: the stored weights have no gradient, the input has
    out.backward(np.ones(out.shape, np.float32))
    np.testing.assert_allclose(out.numpy(), fast, rtol=1e-5, atol=1e-5)
    assert np.abs(x.grad).max() > 0
