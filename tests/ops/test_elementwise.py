"""Absolute value, bounds, logarithms, sine, steps, and the choice between two tensors."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.ops import elementwise
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).uniform(-2, 2, (3, 4))
Y = np.random.default_rng(1).uniform(-2, 2, (4,))

ONE = {
    "abs": (elementwise.absolute, abs),
    "log1p": (lambda x: elementwise.log1p(x * x), lambda x: math.log(1 + x * x)),
    "expm1": (elementwise.expm1, lambda x: math.exp(x) - 1),
    "sin": (elementwise.sin, math.sin),
    "cos": (elementwise.cos, math.cos),
    "square": (elementwise.square, lambda x: x * x),
    "reciprocal": (elementwise.reciprocal, lambda x: 1 / x),
    "rsqrt": (lambda x: elementwise.rsqrt(x * x), lambda x: 1 / abs(x)),
    "clamp": (lambda x: elementwise.clamp(x, -1, 0.5), lambda x: min(max(x, -1), 0.5)),
    "clamp below": (lambda x: elementwise.clamp(x, min=np.float64(-0.7)), lambda x: max(x, -0.7)),
    "clamp above": (lambda x: elementwise.clamp(x, max=0.7), lambda x: min(x, 0.7)),
    "2 ** x": (lambda x: 2**x, lambda x: 2**x),
    "sign": (elementwise.sign, lambda x: (x > 0) - (x < 0)),
    "floor": (elementwise.floor, math.floor),
    "ceil": (elementwise.ceil, math.ceil),
    "round": (elementwise.round, round),
    "trunc": (elementwise.trunc, math.trunc),
}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("shape", [(3, 4), (), (0, 2)], ids=str)
def test_one_tensor(backend, name, shape):
    operation, twin = ONE[name]
    x = np.random.default_rng(3).uniform(-2, 2, shape)
    expected = np.array([float(twin(one)) for one in x.ravel().tolist()]).reshape(shape)
    check_operation(operation, x, backend=backend, expected=expected)


def test_two_tensors(backend):
    smaller = np.array([[min(X[i, j], Y[j]) for j in range(4)] for i in range(3)])
    check_operation(elementwise.minimum, X, Y, backend=backend, expected=smaller)
    check_operation(elementwise.maximum, X, Y, backend=backend, expected=X + Y - smaller)
    check_operation(lambda x, y: elementwise.clamp(x, y - 1, y), X, Y, backend=backend, expected=X.clip(Y - 1, Y))
    check_operation(lambda x, y: elementwise.clamp(x, y), X, Y, backend=backend, expected=X.clip(Y))
    check_operation(lambda x, y: elementwise.clamp(x, max=y), X, Y, backend=backend, expected=smaller)


def test_remainder(backend):
    divisor = np.array([0.7, -0.7, 1.5, -0.4])
    expected = np.array([[X[i, j] - divisor[j] * math.floor(X[i, j] / divisor[j]) for j in range(4)] for i in range(3)])
    check_operation(elementwise.remainder, X, divisor, backend=backend, expected=expected)
    check_operation(lambda x: x % 0.7, X, backend=backend, expected=X - 0.7 * np.floor(X / 0.7))
    numbers = Tensor(backend.from_host(np.array([7, -7])))
    assert (
        (numbers % 3).tolist() == [1, 2] and (numbers // 3).tolist() == [2, -3] and (7 // numbers).tolist() == [1, -1]
    )
    with pytest.raises(TypeError, match="detach"):
        Tensor(X, requires_grad=True) // 2


def test_where(backend):
    condition = X > 0
    expected = np.array([[X[i, j] if condition[i, j] else Y[j] for j in range(4)] for i in range(3)])
    check_operation(elementwise.where, condition, X, Y, backend=backend, expected=expected, wrt=[1, 2])
    check_operation(lambda x: x.where(condition, 0.0), X, backend=backend, expected=X * condition)
    check_operation(lambda y: elementwise.where(condition, 1, y), Y, backend=backend, expected=np.where(X > 0, 1, Y))
    with pytest.raises(ValueError, match=r"condition.*float64"):
        elementwise.where(Tensor(backend.from_host(X)), Tensor(backend.from_host(X)), 0)


@pytest.mark.parametrize(
    "operation, expected",
    [
        (lambda x: elementwise.absolute(x - 1), [-1, 0, 1]),
        (lambda x: elementwise.clamp(x, 1, 2), [0, 1, 1]),
        (lambda x: elementwise.clamp(x, 0, 1), [1, 1, 0]),
        (lambda x: elementwise.maximum(x, 1), [0, 0.5, 1]),
        (lambda x: elementwise.minimum(x, 1), [1, 0.5, 0]),
    ],
)
def test_gradient_at_the_corner_is_torch_s(backend, operation, expected):
    x = Tensor(backend.from_host(np.array([0.0, 1.0, 2.0])), requires_grad=True)
    operation(x).sum().backward()
    assert to_host(x.grad).tolist() == expected


def test_bad_arguments(backend):
    x = Tensor(backend.from_host(X))
    with pytest.raises(ValueError, match="min, max, or both"):
        x.clamp()
    for base in (-2, 0, "2"):
        with pytest.raises((ValueError, TypeError)):
            base**x
    with pytest.raises(ValueError, match="share a dtype"):
        ops.add(x, x.float())
