"""Element-wise arithmetic: values, gradients, broadcasting, constants that keep the tensor's dtype."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


def draw(*shape, low=-2.0, high=2.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, size=shape)


SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (4, 1, 3)), ((2, 1, 3), (1, 4, 1)), ((), (2, 2)), ((1,), (2, 1))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(
    "operation, twin",
    [(ops.add, np.add), (ops.subtract, np.subtract), (ops.multiply, np.multiply), (ops.divide, np.divide)],
    ids=["add", "subtract", "multiply", "divide"],
)
def test_pairs_of_tensors(backend, operation, twin, shapes):
    a, b = draw(*shapes[0], seed=1), draw(*shapes[1], low=0.5, seed=2)
    check_operation(operation, a, b, backend=backend, expected=twin(a, b))


@settings(max_examples=60, deadline=None)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_gradient_of_broadcasting_is_the_sum_over_copies(shapes):
    shape_a, shape_b = shapes.input_shapes
    a, b = Tensor(draw(*shape_a), requires_grad=True), Tensor(draw(*shape_b, seed=1), requires_grad=True)
    y = a * b
    g = draw(*y.shape, seed=2)
    y.backward(g)
    for x, other in ((a, b), (b, a)):
        expected = np.zeros(x.shape)
        product = g * np.broadcast_to(other.data, y.shape)
        lead = y.ndim - x.ndim
        for i in np.ndindex(y.shape):
            expected[tuple(0 if n == 1 else k for k, n in zip(i[lead:], x.shape))] += product[i]
        np.testing.assert_allclose(x.grad, expected, atol=1e-12)


UNARY = {
    "negative": (ops.negative, lambda x: -x, -2),
    "exp": (ops.exp, np.exp, -2),
    "log": (ops.log, np.log, 0.2),
    "sqrt": (ops.sqrt, np.sqrt, 0.2),
    "power 2": (lambda x: ops.power(x, 2), lambda x: x * x, -2),
    "power -0.5": (lambda x: ops.power(x, -0.5), lambda x: 1 / np.sqrt(x), 0.2),
    "x + 3": (lambda x: x + 3, lambda x: x + 3, -2),
    "3 + x": (lambda x: 3 + x, lambda x: x + 3, -2),
    "x - 1.5": (lambda x: x - 1.5, lambda x: x - 1.5, -2),
    "1.5 - x": (lambda x: 1.5 - x, lambda x: 1.5 - x, -2),
    "x * 0.3": (lambda x: x * 0.3, lambda x: x * 0.3, -2),
    "2 * x": (lambda x: 2 * x, lambda x: x * 2, -2),
    "x / 3": (lambda x: x / 3, lambda x: x / 3, -2),
    "2 / x": (lambda x: 2 / x, lambda x: 2 / x, 0.2),
    "-x": (lambda x: -x, lambda x: -x, -2),
    "x ** 3": (lambda x: x**3, lambda x: x * x * x, -2),
    "x + x": (lambda x: x + x, lambda x: 2 * x, -2),
}


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("shape", [(3, 4), (), (2, 1, 3), (0, 3)], ids=str)
def test_one_tensor(backend, name, shape):
    operation, twin, low = UNARY[name]
    x = draw(*shape, low=low)
    check_operation(operation, x, backend=backend, expected=twin(x))


def test_scaled_add(backend):
    x, r = draw(2, 3, 4), draw(2, 3, 4, seed=1)
    check_operation(lambda x, r: ops.scaled_add(x, r, 0.5), x, r, backend=backend, expected=0.5 * x + r)


CONSTANTS = {
    "python float": 0.1,
    "python int": 2,
    "bool": True,
    "np.float64": np.float64(0.1),
    "np.float32": np.float32(0.1),
    "np.int64": np.int64(3),
    "float64 array": np.array([0.1, 0.2, 0.3]),
    "uint8 array": np.array([1, 2, 3], np.uint8),
    "bool array": np.array([True, False, True]),
    "list": [0.1, 0.2, 0.3],
}


@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_take_the_tensors_dtype(backend, name, dtype):
    c = CONSTANTS[name]
    host = draw(2, 3, low=0.5).astype(dtype)
    x = Tensor(backend.from_host(host), requires_grad=True)
    as_number = np.asarray(c).astype(dtype)
    for y, expected in (
        (x + c, host + as_number),
        (x - c, host - as_number),
        (x * c, host * as_number),
        (c + x, as_number + host),
        (c - x, as_number - host),
        (c * x, as_number * host),
        (c / x, as_number / host),
    ):
        assert y.dtype == dtype
        np.testing.assert_allclose(to_host(y.data), expected, rtol=1e-6, atol=1e-7)
        y.backward(backend.from_host(np.ones_like(host)))
        assert x.grad.dtype == dtype
    if name not in ("bool", "bool array"):
        assert (x / c).dtype == dtype
        np.testing.assert_allclose(to_host((x / c).data), host / as_number, rtol=1e-6)


@pytest.mark.parametrize("exponent", [2, 0.5, np.float64(2.0), -1])
def test_power_keeps_float32(backend, exponent):
    x = Tensor(backend.from_host(draw(4, low=0.5).astype(np.float32)), requires_grad=True)
    y = x**exponent
    y.sum().backward()
    assert y.dtype == np.float32 and x.grad.dtype == np.float32


def test_integer_tensors_stay_integers(backend):
    x = Tensor(backend.from_host(np.arange(3)))
    assert (x + 1).dtype == np.int64 and (x * 2).dtype == np.int64 and (x - 1).dtype == np.int64


def test_power_zero_has_gradient_zero_everywhere(backend):
    x = Tensor(backend.from_host(np.array([0.0, 1.0])), requires_grad=True)
    (x**0).sum().backward()
    assert to_host(x.grad).tolist() == [0, 0]


def test_power_refuses_other_exponents():
    with pytest.raises(ValueError, match="exponent"):
        ops.power(Tensor(draw(3)), draw(3))


def test_shapes_that_do_not_broadcast_are_refused(backend):
    a, b = (Tensor(backend.from_host(draw(n))) for n in (3, 4))
    for operation in (ops.add, ops.multiply, ops.divide, ops.subtract):
        with pytest.raises(ValueError):
            operation(a, b)


PAIRS = pytest.mark.parametrize(
    "operation, twin",
    [(ops.add, np.add), (ops.subtract, np.subtract), (ops.multiply, np.multiply), (ops.divide, np.divide)],
    ids=["add", "subtract", "multiply", "divide"],
)


@PAIRS
def test_without_a_tensor_the_array_decides(operation, twin):
    array = draw(2, 3, low=0.5).astype(np.float32)
    for a, b in ((array, array), (array, 2.0), (2.0, array), ([1.0, 2.0, 3.0], array), (array, [1, 2, 3])):
        y = operation(a, b)
        assert isinstance(y, Tensor) and y.dtype == np.float32 and not y.requires_grad
        np.testing.assert_allclose(y.data, twin(a, b), rtol=1e-6)
    with pytest.raises(ValueError, match="must share a dtype, got float32 and float64"):
        operation(array, array.astype(np.float64))


@PAIRS
@pytest.mark.parametrize("other", [None, "x", {"a": 1}, np.ones(3, complex)], ids=repr)
def test_what_is_no_number_is_refused(operation, twin, other):
    with pytest.raises(ValueError, match="expected a tensor or real numbers, got"):
        operation(Tensor(draw(2, 3)), other)
