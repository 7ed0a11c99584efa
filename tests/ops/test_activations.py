"""Activations: values from the standard library's functions, gradients, and behaviour far from zero."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def selu(x):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * (x if x > 0 else alpha * math.expm1(x))


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def gelu(x):
    return x * 0.5 * math.erfc(-x / math.sqrt(2))


def gelu_new(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


TWINS = {
    **dict.fromkeys(["gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "gelu_python_tanh"], gelu_new),
    "gelu_python": gelu,
    "gelu_10": lambda x: min(gelu(x), 10.0),
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
    "mish": lambda x: x * math.tanh(softplus(x)),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "relu2": lambda x: max(x, 0.0) ** 2,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "hardswish": lambda x: x * min(max(x + 3, 0.0), 6.0) / 6,
    "laplace": lambda x: 0.5 * math.erfc(-(x - 0.707107) / (0.282095 * math.sqrt(2))),
    "sqrtsoftplus": lambda x: math.sqrt(softplus(x)),
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "gelu": gelu,
    "selu": selu,
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "tanh": math.tanh,
}
X = np.random.default_rng(0).normal(size=(3, 4, 5)) * 3
X[np.abs(X) < 0.05] = 0.3  # away from the kinks of relu and selu
X.ravel()[-4:] = [12.0, 7.0, -3.5, 3.5]  # beyond those of gelu_10, relu6 and hardswish
assert all(np.abs(X - kink).min() > 0.01 for kink in (10, 6, -3, 3))


def test_every_activation_has_a_twin():
    assert set(TWINS) == set(ops.ACTIVATIONS)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("shape", [(3, 4, 5), (), (0, 2)], ids=str)
def test_activation(backend, name, shape):
    x = X.ravel()[: int(np.prod(shape))].reshape(shape)
    expected = np.array([TWINS[name](float(v)) for v in x.ravel()]).reshape(shape)
    check_operation(ops.get_activation(name), x, backend=backend, expected=expected)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_from_zero(backend, name, dtype):
    x = np.array([-1e4, -200, -90, -20, -0.0, 0.0, 20, 90, 200, 1e4], dtype)
    t = Tensor(backend.from_host(x), requires_grad=True)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = ops.get_activation(name)(t)
        y.backward(backend.from_host(np.ones_like(x)))
    expected = np.array([TWINS[name](float(v)) for v in x])
    tiny = np.finfo(dtype).eps * 8  # of the larger of |x| and 1
    np.testing.assert_allclose(to_host(y.data), expected, rtol=tiny, atol=tiny)
    assert np.isfinite(to_host(t.grad)).all()
    assert y.dtype == dtype and t.grad.dtype == dtype


@pytest.mark.parametrize("name", ["sigmoid", "silu", "tanh", "gelu", "gelu_new", "selu"])
def test_small_values_keep_their_relative_precision_in_float32(name):
    x = np.array([-12.0, -6.0, -1e-3, -1e-6, 1e-6, 1e-3, 0.5], np.float32)
    if name.startswith("gelu"):
        x = x[2:]  # 1 + erf and 1 + tanh cancel further out, as in the reference
    y = ops.get_activation(name)(x).data
    np.testing.assert_allclose(y, [TWINS[name](float(v)) for v in x], rtol=2e-6)


@pytest.mark.parametrize("name", TWINS)
def test_not_a_number_stays_visible(backend, name):
    y = ops.get_activation(name)(backend.from_host(np.array([np.nan, 1.0], np.float32)))
    assert np.isnan(to_host(y.data)).tolist() == [True, False]


def test_kinks():
    x = Tensor(np.zeros(1), requires_grad=True)
    ops.relu(x).backward()
    assert x.grad.tolist() == [0]


@pytest.mark.parametrize("shape", [(2, 3, 6), (2,), (0, 4)], ids=str)
def test_glu(backend, shape):
    x = np.random.default_rng(0).normal(size=shape) * 3
    a, b = np.split(x, 2, axis=-1)
    expected = a * np.array([sigmoid(v) for v in b.ravel()]).reshape(b.shape)
    check_operation(ops.glu, x, backend=backend, expected=expected)


def test_glu_needs_two_halves():
    with pytest.raises(ValueError, match="even"):
        ops.glu(Tensor(np.ones((2, 3))))


def test_unknown_activation_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'geluu'.*gelu_new"):
        ops.get_activation("geluu")


def test_prelu(backend):
    expected = np.where(X > 0, X, 0.3 * X)
    check_operation(ops.prelu, X, np.array([0.3]), backend=backend, expected=expected)


def xielu(x, alpha_p, alpha_n, beta, eps):
    if x > 0:
        return softplus(alpha_p) * x * x + beta * x
    return (math.expm1(min(x, eps)) - x) * (beta + softplus(alpha_n)) + beta * x


def test_xielu(backend):
    expected = np.array([xielu(float(v), 0.2, -1.1, 0.5, -1e-3) for v in X.ravel()]).reshape(X.shape)
    operation = lambda x, p, n: ops.xielu(x, p, n, 0.5, -1e-3)  # noqa: E731
    check_operation(operation, X, np.array([0.2]), np.array([-1.1]), backend=backend, expected=expected)
    between = np.array([-0.1])  # of eps and 0, where only the line is left
    expected = np.array([xielu(-0.1, 0.2, -1.1, 0.5, -0.2)])
    operation = lambda x, p, n: ops.xielu(x, p, n, 0.5, -0.2)  # noqa: E731
    check_operation(operation, between, np.array([0.2]), np.array([-1.1]), backend=backend, expected=expected)
