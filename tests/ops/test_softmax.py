"""Softmax and log-softmax."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import get_array_module, to_host
from npconformer.arrays.dtypes import wide_dtype
from npconformer.ops.softmax import exponentials_in_place, log_softmax_of
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 3, 4)) * 3


def naive_softmax(x, axis):
    def of_row(row):
        exponentials = [math.exp(v - max(row)) for v in row]
        return np.array([e / math.fsum(exponentials) for e in exponentials])

    return np.apply_along_axis(of_row, axis, x)


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_softmax(backend, axis):
    expected = naive_softmax(X, axis)
    check_operation(lambda x: ops.softmax(x, axis), X, backend=backend, expected=expected)
    check_operation(lambda x: ops.log_softmax(x, axis), X, backend=backend, expected=np.log(expected))


def test_log_softmax_of_an_array(backend):
    """Into a new array, which leaves the old one as it is, and into the same one."""
    x = backend.from_host(X)
    xp = get_array_module(x)
    y = log_softmax_of(xp, x)
    np.testing.assert_allclose(to_host(y), np.log(naive_softmax(X, -1)), rtol=1e-13)
    np.testing.assert_array_equal(to_host(x), X)
    assert log_softmax_of(xp, x, out=x) is x
    np.testing.assert_array_equal(to_host(x), to_host(y))


def test_one_class(backend):
    check_operation(ops.softmax, np.ones((3, 1)), backend=backend, expected=np.ones((3, 1)))
    check_operation(ops.log_softmax, np.ones((3, 1)), backend=backend, expected=np.zeros((3, 1)))


def test_no_rows(backend):
    check_operation(ops.softmax, np.ones((0, 3)), backend=backend, expected=np.ones((0, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_and_lowest_scores(backend, dtype):
    lowest = np.finfo(dtype).min
    x = backend.from_host(np.array([[1e4, 0, -1e4], [3, lowest, 3], [lowest] * 3, [-np.inf, 0, 0]], dtype))
    y = to_host(ops.softmax(x).data)
    np.testing.assert_allclose(y, [[1, 0, 0], [0.5, 0, 0.5], [1 / 3] * 3, [0, 0.5, 0.5]], rtol=1e-6)
    log_y = to_host(ops.log_softmax(x).data)
    np.testing.assert_allclose(log_y[0], [0, -1e4, -2e4], rtol=1e-6)
    assert y.dtype == log_y.dtype == dtype


def test_log_softmax_does_not_underflow(backend):
    y = to_host(ops.log_softmax(backend.from_host(np.array([0, 200], np.float32))).data)
    assert y.tolist() == [-200, 0]


def test_gradient_of_a_constant_sum_is_zero(backend):
    x = Tensor(backend.from_host(X), requires_grad=True)
    ops.softmax(x).sum().backward()
    np.testing.assert_allclose(to_host(x.grad), 0, atol=1e-15)


def test_no_classes_is_refused():
    with pytest.raises(ValueError):
        ops.softmax(Tensor(np.ones((3, 0))))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("largest", [1.0, 60.0, 60.6, 300.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_exponentials_and_their_sums(backend, dtype, largest, sign):
    """Divided by their sums they are the softmax; far out on both sides nothing overflows."""
    x = np.random.default_rng(1).uniform(0, largest, size=(2, 3, 5, 40))
    x[..., 0], x[..., 1] = largest, largest - 0.5  # one term alone would hide a wrong sum
    x = (sign * x).astype(dtype)
    expected = naive_softmax(x.astype(np.float64), -1)
    y = backend.from_host(x)
    sums = exponentials_in_place(get_array_module(y), y)
    assert y.dtype == dtype and sums.dtype == wide_dtype(dtype) and sums.shape == (2, 3, 5, 1)
    found = to_host(y).astype(np.float64) / to_host(sums).astype(np.float64)
    rounding = 60 * np.finfo(dtype).eps  # of a sum of 40 terms, and of the difference of two numbers of up to 300
    np.testing.assert_allclose(found, expected, rtol=rounding, atol=1e-6 if dtype == np.float16 else 1e-30)


@pytest.mark.parametrize("far", [-3.0, 61.0, -61.0, -np.inf, np.finfo(np.float64).min])
def test_the_largest_exponential_is_one(far):
    y = np.array([[1.0, 2.0, far]])
    exponentials_in_place(np, y)
    assert y.max() == 1.0


def test_exponentials_of_what_is_no_number():
    x = np.array([[1.0, np.nan]])
    exponentials_in_place(np, x)
    assert np.isnan(x).all()
