"""Activations and softmax by torch's arguments. What they compute is tested beside `ops`."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import functional as F
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).uniform(-3, 3, (4, 6))


def each(function):
    return np.array([[function(one) for one in row] for row in X.tolist()])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_softplus_and_its_kin(backend):
    check_operation(F.softplus, X, backend=backend, expected=each(lambda x: math.log(1 + math.exp(x))))
    expected = each(lambda x: math.log(1 + math.exp(3 * x)) / 3)
    check_operation(lambda x: F.softplus(x, beta=3), X, backend=backend, expected=expected)
    check_operation(F.logsigmoid, X, backend=backend, expected=each(lambda x: math.log(sigmoid(x))))


def test_softplus_of_large_numbers(backend):
    x = Tensor(backend.from_host(np.array([-1000.0, 1000.0])))
    assert F.softplus(x).tolist() == [0, 1000] and F.logsigmoid(x).tolist() == [-1000, 0]


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_glu(backend, dim):
    a, b = np.split(X, 2, axis=dim)
    check_operation(lambda x: F.glu(x, dim), X, backend=backend, expected=a / (1 + np.exp(-b)))


def test_softmax_without_an_axis_takes_torch_s(backend):
    for shape, axis in (((3,), 0), ((2, 3), 1), ((2, 3, 2), 0), ((2, 3, 2, 2), 1)):
        x = np.random.default_rng(1).normal(size=shape)
        expected = np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)
        check_operation(F.softmax, x, backend=backend, expected=expected)
        check_operation(F.log_softmax, x, backend=backend, expected=np.log(expected))


def test_dtype_is_that_of_the_computation(backend):
    x = Tensor(backend.from_host(X.astype(np.float32)), requires_grad=True)
    for function in (F.softmax, F.log_softmax):
        y = function(x, dim=-1, dtype=np.float64)
        assert y.dtype == np.float64 and y.requires_grad
    np.testing.assert_allclose(to_host(F.softmax(x, -1, dtype="float64").sum(-1).data), 1, rtol=1e-15)


@pytest.mark.parametrize("function", [F.relu, F.silu, F.selu])
def test_in_place(backend, function):
    x = Tensor(backend.from_host(X))
    expected = function(x).tolist()
    assert function(x, inplace=True) is x and x.tolist() == expected
    with pytest.raises(TypeError, match="in place"):
        function(Tensor(backend.from_host(X), requires_grad=True), inplace=True)


def test_gelu_and_its_approximation():
    x = Tensor(np.array([1.0]))
    assert F.gelu(x).item() == pytest.approx((1 + math.erf(math.sqrt(0.5))) / 2, rel=1e-12)
    tanh = math.tanh(math.sqrt(2 / math.pi) * 1.044715)
    assert F.gelu(x, approximate="tanh").item() == pytest.approx((1 + tanh) / 2, rel=1e-12)
    with pytest.raises(ValueError, match=r"none.*tanh.*'erf'"):
        F.gelu(x, approximate="erf")
    assert (F.tanh(x).item(), F.sigmoid(x).item()) == pytest.approx((math.tanh(1), sigmoid(1)))
