"""Products with stored weights against those with the same weights in float32."""

import numpy as np
import pytest

from npconformer import ops
from npconformer.arrays import threads
from npconformer.arrays.int8_weights import quantize
from npconformer.arrays.stored_weights import BFloat16Weight, Float16Weight
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def stored(kind, outputs, inputs):
    weight = draw(outputs, inputs, seed=1)
    if kind == "int8":
        weight[:, 3] *= 30
        return quantize(weight)
    if kind == "float16":
        return Float16Weight({"": weight.astype(np.float16)})
    return BFloat16Weight({"": (weight.view(np.uint32) >> 16).astype(np.uint16)})


@pytest.fixture(params=[1, 2, 3])
def count(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int8"])
@pytest.mark.parametrize("rows", [0, 1, 5, 128, 129, 300])
def test_values(kind, rows, count):
    weight, x, bias = stored(kind, 600, 140), draw(rows, 140), draw(600)
    exact = x.astype(np.float64) @ weight.whole().astype(np.float64).T
    for one, expected in ((None, exact), (bias, exact + bias)):
        y = ops.stored_linear(x, weight, one)
        assert y.dtype == np.float32 and y.shape == (rows, 600) and not y.requires_grad
        np.testing.assert_allclose(y.data, expected, atol=1e-5 * max(abs(expected).max(initial=0), 1), rtol=0)
        assert np.array_equal(y.data, ops.stored_linear(x, weight, one).data)


def test_leading_axes_and_strides():
    weight, x = stored("int8", 20, 140), draw(140, 3, 4).transpose(1, 2, 0)
    y = ops.stored_linear(x, weight)
    np.testing.assert_allclose(y.data, x @ weight.whole().T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int8"])
def test_gradients_are_those_of_the_widened_weight(kind):
    weight, x, bias, grad = stored(kind, 600, 140), draw(2, 7, 140), draw(600), draw(2, 7, 600, seed=5)
    ours, theirs = ([Tensor(a, requires_grad=True) for a in (x, bias)] for _ in range(2))
    ops.stored_linear(ours[0], weight, ours[1]).backward(grad)
    ops.linear(theirs[0], weight.whole(), theirs[1]).backward(grad)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-4, atol=1e-4)


def test_bad_input():
    weight = stored("int8", 20, 140)
    with pytest.raises(ValueError, match=r"x of shape \(2, 139\) does not fit a weight of shape \(20, 140\)"):
        ops.stored_linear(draw(2, 139), weight)
    with pytest.raises(ValueError, match="int8 is multiplied by float32 on a CPU, got float64"):
        ops.stored_linear(draw(2, 140).astype(float), weight)
    with pytest.raises(ValueError, match=r"expected a bias of shape \(20,\), got \(1,\)"):
        ops.stored_linear(draw(2, 140), weight, draw(1))
