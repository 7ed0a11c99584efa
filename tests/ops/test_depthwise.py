"""The fast case of conv1d in which every channel has its own kernel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_check import check_operation

from npconformer import ops
from npconformer.ops.convolution import Conv1d
from npconformer.ops.depthwise import Depthwise
from npconformer.tape.autograd import Tensor

from .convolution_twin import naive_conv1d


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = {
    "same": dict(padding=(2, 2), kernel=5),
    "causal": dict(padding=(4, 0), kernel=5),
    "no padding": dict(),
    "strided": dict(stride=3, padding=(1, 0)),
    "dilated": dict(dilation=2, padding=(2, 1)),
    "padding beyond x": dict(padding=(9, 9), time=2),
    "kernel beyond x": dict(kernel=31, padding=(15, 15), time=4),
    "all at once": dict(stride=2, dilation=3, padding=(5, 2)),
    "one channel": dict(channels=1, padding=(1, 1)),
    "one frame": dict(time=1, padding=(1, 1)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("with_bias", [True, False])
def test_depthwise(backend, name, with_bias):
    case = dict(time=8, channels=3, kernel=3, stride=1, padding=(0, 0), dilation=1) | CASES[name]
    channels = case["channels"]
    x, w = draw(2, case["time"], channels), draw(channels, 1, case["kernel"], seed=1)
    b = draw(channels, seed=2) if with_bias else None
    arguments = {name: case[name] for name in ("stride", "padding", "dilation")} | {"groups": channels}
    expected = naive_conv1d(x, w, b, **arguments)
    check_operation(lambda x, w, b: ops.conv1d(x, w, b, **arguments), x, w, b, backend=backend, expected=expected)


@settings(max_examples=150, deadline=None)
@given(*[st.integers(1, 4)] * 3, st.integers(0, 6), st.integers(0, 6), st.integers(0, 8))
def test_equals_the_general_convolution(kernel, stride, dilation, left, right, extra):
    time = max(1, dilation * (kernel - 1) + 1 - left - right) + extra
    inputs = draw(2, time, 3), draw(3, 1, kernel, seed=1), draw(3, seed=2)
    results = []
    for operation in (Depthwise(stride, (left, right), dilation), Conv1d(stride, (left, right), dilation, groups=3)):
        tensors = [Tensor(a, requires_grad=True) for a in inputs]
        y = operation(*tensors)
        y.backward(draw(*y.shape, seed=3))
        results.append([y.data, *(t.grad for t in tensors)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_conv1d_chooses_it():
    y = ops.conv1d(Tensor(draw(1, 5, 3), requires_grad=True), Tensor(draw(3, 1, 2)), groups=3)
    assert "Depthwise" in repr(y)
