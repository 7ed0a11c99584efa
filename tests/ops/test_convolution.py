"""conv1d against loops, over every combination of stride, padding, dilation and groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_check import check_operation
from strict_device import STRICT

from npconformer import ops
from npconformer.arrays.backend import NUMPY, to_host
from npconformer.ops import convolution
from npconformer.tape.autograd import Tensor

from .convolution_twin import naive_conv1d


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = {
    "plain": dict(),
    "stride 2": dict(stride=2),
    "stride 2, kernel 2": dict(stride=2, kernel=2),
    "stride 5, kernel 10": dict(stride=5, kernel=10, time=23),
    "stride beyond kernel": dict(stride=4, kernel=2, time=14),
    "kernel 1": dict(kernel=1),
    "kernel 1, stride 3": dict(kernel=1, stride=3),
    "padding": dict(padding=1),
    "causal": dict(padding=(2, 0)),
    "right only": dict(padding=(0, 3), stride=2),
    "padding beyond kernel": dict(padding=(4, 5)),
    "dilation": dict(dilation=3),
    "dilated causal": dict(dilation=2, padding=(4, 0), stride=2),
    "two groups": dict(groups=2),
    "groups, stride, padding": dict(groups=2, stride=2, padding=(1, 2)),
    "groups, all at once": dict(groups=4, stride=2, padding=(3, 1), dilation=2),
    "one channel in": dict(channels=1),
    "one channel out": dict(out=1),
    "one output": dict(time=3),
    "even kernel, as pos_conv_embed": dict(kernel=4, padding=2, groups=2),
    "adapter, kernel 5, stride 3": dict(kernel=5, stride=3, padding=1),
    "adapter, kernel 5, stride 2": dict(kernel=5, stride=2, padding=1),
    "adapter, kernel 3, stride 3": dict(kernel=3, stride=3, padding=1),
    "adapter, kernel 3, stride 5": dict(kernel=3, stride=5, padding=2),
    "one utterance": dict(batch=1, stride=2, padding=1),
    "no utterance": dict(batch=0),
}


@pytest.fixture(params=[0, convolution.FEW_ROWS], ids=["views", "a copy where outputs are few"])
def each_way(request, monkeypatch):
    monkeypatch.setattr(convolution, "FEW_ROWS", request.param)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_conv1d(backend, name, with_bias, each_way):
    case = dict(batch=2, time=9, channels=4, out=8, kernel=3, stride=1, padding=0, dilation=1, groups=1) | CASES[name]
    x = draw(case["batch"], case["time"], case["channels"])
    w = draw(case["out"], case["channels"] // case["groups"], case["kernel"], seed=1)
    b = draw(case["out"], seed=2) if with_bias else None
    settings = {name: case[name] for name in ("stride", "padding", "dilation", "groups")}
    expected = naive_conv1d(x, w, b, **settings)
    check_operation(lambda x, w, b: ops.conv1d(x, w, b, **settings), x, w, b, backend=backend, expected=expected)


def test_an_axis_of_length_one_may_carry_any_stride():
    samples = draw(2, 30).astype(np.float32)
    w = draw(4, 1, 5, seed=1).astype(np.float32)
    with_new_axis = samples[:, :, None]
    assert with_new_axis.strides[2] == 0
    expected = ops.conv1d(samples.reshape(2, 30, 1), w, stride=2).data
    np.testing.assert_array_equal(ops.conv1d(with_new_axis, w, stride=2).data, expected)


@st.composite
def convolutions(draw_from):
    whole = st.integers
    kernel, stride, dilation = draw_from(whole(1, 5)), draw_from(whole(1, 4)), draw_from(whole(1, 3))
    groups, width, out = draw_from(whole(1, 3)), draw_from(whole(1, 3)), draw_from(whole(1, 3))
    padding = draw_from(whole(0, 4)), draw_from(whole(0, 4))
    least = max(1, dilation * (kernel - 1) + 1 - sum(padding))
    time = draw_from(whole(least, least + 9))
    x, w = draw(draw_from(whole(1, 2)), time, groups * width), draw(groups * out, width, kernel, seed=1)
    return x, w, dict(stride=stride, padding=padding, dilation=dilation, groups=groups)


@settings(max_examples=150, deadline=None)
@given(convolutions(), st.sampled_from([NUMPY, STRICT]), st.sampled_from([0, convolution.FEW_ROWS]))
def test_any_settings(drawn, backend, few_rows):
    x, w, arguments = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "FEW_ROWS", few_rows)
        y = ops.conv1d(*[Tensor(backend.from_host(a), requires_grad=True) for a in (x, w)], **arguments)
    np.testing.assert_allclose(to_host(y.data), naive_conv1d(x, w, **arguments), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_gradients_with_any_settings(drawn):
    """conv1d is linear in x and in w, so that sum(g y) = sum(dx x) = sum(dw w) exactly, for any g."""
    x, w, arguments = drawn
    tx, tw = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
    y = ops.conv1d(tx, tw, **arguments)
    g = draw(*y.shape, seed=2)
    y.backward(g)
    other = draw(*x.shape, seed=3), draw(*w.shape, seed=4)
    np.testing.assert_allclose(
        (tx.grad * other[0]).sum(), (g * naive_conv1d(other[0], w, **arguments)).sum(), atol=1e-9
    )
    np.testing.assert_allclose(
        (tw.grad * other[1]).sum(), (g * naive_conv1d(x, other[1], **arguments)).sum(), atol=1e-9
    )


def test_causal_output_does_not_see_the_future(backend):
    x, w = draw(1, 8, 2), draw(3, 2, 3, seed=1)
    later = x.copy()
    later[:, 5:] = 100
    y, z = (to_host(ops.conv1d(*map(backend.from_host, (a, w)), padding=(2, 0)).data) for a in (x, later))
    np.testing.assert_array_equal(y[:, :5], z[:, :5])
    assert y.shape == (1, 8, 3)


BAD = {
    "rank of x": lambda x, w: ops.conv1d(x[0], w),
    "rank of weight": lambda x, w: ops.conv1d(x, w[0]),
    "channels": lambda x, w: ops.conv1d(x[..., :3], w),
    "groups": lambda x, w: ops.conv1d(x, w, groups=2),
    "groups of outputs": lambda x, w: ops.conv1d(x, w[:3, :2], groups=2),
    "stride": lambda x, w: ops.conv1d(x, w, stride=0),
    "dilation": lambda x, w: ops.conv1d(x, w, dilation=0),
    "negative padding": lambda x, w: ops.conv1d(x, w, padding=(-1, 0)),
    "too short": lambda x, w: ops.conv1d(x[:, :2], w),
    "too short when dilated": lambda x, w: ops.conv1d(x, w, dilation=5),
    "no time": lambda x, w: ops.conv1d(x[:, :0], w),
    "bias": lambda x, w: ops.conv1d(x, w, w[0, 0]),
    "bias of one": lambda x, w: ops.conv1d(x, w, w[0, 0, :1]),
    "too short depthwise": lambda x, w: ops.conv1d(x[:, :2], w[:4, :1], groups=4),
    "bias depthwise": lambda x, w: ops.conv1d(x, w[:4, :1], w[0, 0], groups=4),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(backend, name):
    with pytest.raises(ValueError, match="conv1d"):
        BAD[name](Tensor(backend.from_host(draw(2, 9, 4))), Tensor(backend.from_host(draw(8, 4, 3))))


def test_mixed_dtypes_are_refused():
    with pytest.raises(ValueError, match="float32"):
        ops.conv1d(Tensor(draw(1, 5, 2)), Tensor(draw(2, 2, 3).astype(np.float32)))


def assert_as_torch(x, w, b, **arguments):
    """Values and all gradients; torch pads both ends alike, so x is padded before it."""
    torch = pytest.importorskip("torch")
    padding = arguments.pop("padding", 0)
    ours = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y = ops.conv1d(*ours, padding=padding, **arguments)
    padded = torch.nn.functional.pad(
        theirs[0].transpose(1, 2), (padding, padding) if isinstance(padding, int) else padding
    )
    z = torch.nn.functional.conv1d(padded, *theirs[1:], **arguments).transpose(1, 2)
    g = draw(*y.shape, seed=3)
    y.backward(g), z.backward(torch.tensor(g))
    np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
    for a, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad, t.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(stride=2, padding=1),
        dict(dilation=2, groups=2),
        dict(groups=4),
        dict(groups=4, padding=(2, 0)),
        dict(padding=(0, 3), stride=2),
    ],
    ids=str,
)
def test_against_torch(arguments):
    x, w, b = draw(2, 9, 4), draw(8, 4 // arguments.get("groups", 1), 3, seed=1), draw(8, seed=2)
    assert_as_torch(x, w, b, **arguments)


@pytest.mark.parametrize("time", [3, 9, 10, 11, 12, 13])
@pytest.mark.parametrize("kernel, stride", [(3, 2), (5, 2), (5, 3), (3, 3), (3, 5)])
def test_padding_by_half_the_stride_against_torch(time, kernel, stride):
    """As an adapter pads: with less than half the kernel, so that the outputs are fewer than T / s."""
    assert_as_torch(draw(2, time, 4), draw(6, 4, kernel, seed=1), draw(6, seed=2), stride=stride, padding=stride // 2)


@pytest.mark.parametrize("kernel", [1, 4, 31])
@pytest.mark.parametrize("time", [1, 12])
def test_causal_depthwise_against_torch(kernel, time):
    assert_as_torch(draw(2, time, 4), draw(4, 1, kernel, seed=1), draw(4, seed=2), padding=(kernel - 1, 0), groups=4)
