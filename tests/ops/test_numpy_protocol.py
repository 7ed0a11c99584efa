"""NumPy's functions on tensors: arrays where nothing is recorded, the tape's operations where something is."""

import numpy as np
import pytest

from npconformer.arrays.backend import NUMPY, to_host
from npconformer.ops import numpy_protocol
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import no_grad

X = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4))
Y = np.random.default_rng(1).uniform(0.1, 0.9, (3, 4))

FUNCTIONS = {
    "exp": lambda x: np.exp(x),
    "log": lambda x: np.log(x),
    "sqrt": lambda x: np.sqrt(x),
    "tanh": lambda x: np.tanh(x),
    "abs": lambda x: np.abs(x),
    "negative": lambda x: np.negative(x),
    "square": lambda x: np.square(x),
    "reciprocal": lambda x: np.reciprocal(x),
    "log1p": lambda x: np.log1p(x),
    "expm1": lambda x: np.expm1(x),
    "sin": lambda x: np.sin(x),
    "cos": lambda x: np.cos(x),
    "sign": lambda x: np.sign(x),
    "floor": lambda x: np.floor(x),
    "power": lambda x: np.power(x, 3),
    "maximum": lambda x: np.maximum(x, 0.5),
    "sum": lambda x: np.sum(x, axis=1),
    "sum of all": lambda x: np.sum(x),
    "mean": lambda x: np.mean(x, axis=1, keepdims=True),
    "var": lambda x: np.var(x, axis=0),
    "std": lambda x: np.std(x, ddof=1),
    "max": lambda x: np.max(x, axis=1),
    "min": lambda x: np.min(x),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "reshape": lambda x: np.reshape(x, (4, 3)),
    "transpose": lambda x: np.transpose(x),
    "transpose in order": lambda x: np.transpose(x, (0, 1)),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "squeeze": lambda x: np.squeeze(x[:1], axis=0),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "ravel": lambda x: np.ravel(x),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "concatenate": lambda x: np.concatenate([x, x], axis=1),
    "stack": lambda x: np.stack([x, x]),
    "clip": lambda x: np.clip(x, 0.3, 0.6),
    "where": lambda x: np.where(x > 0.5, x, 0.0),
    "round": lambda x: np.round(x),
}  # fmt: skip
WITHOUT_GRADIENT = {
    "argmax": lambda x: np.argmax(x, axis=-1),
    "argmin": lambda x: np.argmin(x),
    "isfinite": lambda x: np.isfinite(x),
    "greater": lambda x: np.greater(x, 0.5),
    "shape": lambda x: np.array(np.shape(x)),
    "allclose": lambda x: np.allclose(x, x),
    "zeros_like": lambda x: np.zeros_like(x),
    "any": lambda x: np.any(x > 0.5, axis=0),
}


@pytest.mark.parametrize("name", [*FUNCTIONS, *WITHOUT_GRADIENT])
def test_arrays_where_nothing_is_recorded(backend, name):
    function = {**FUNCTIONS, **WITHOUT_GRADIENT}[name]
    leaf = Tensor(backend.from_host(X), requires_grad=True)
    with no_grad():
        found = [function(leaf)]
    found.append(function(leaf.detach()))
    for y in found:
        assert not isinstance(y, Tensor)
        if name != "shape" and (backend is not NUMPY or name != "allclose"):  # a bool of NumPy's
            assert isinstance(y, np.generic | np.ndarray if backend is NUMPY else backend.array_type)
        np.testing.assert_allclose(to_host(y), function(X))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recorded(backend, name):
    x = Tensor(backend.from_host(X), requires_grad=True)
    y = FUNCTIONS[name](x)
    assert type(y) is Tensor and y.requires_grad
    np.testing.assert_allclose(to_host(y.data), FUNCTIONS[name](X), rtol=1e-12)
    (y * y).sum().backward()  # the operations are checked where they live; here, that these are they
    step = 1e-6 * Y
    difference = ((FUNCTIONS[name](X + step) ** 2).sum() - (FUNCTIONS[name](X - step) ** 2).sum()) / 2e-6
    assert float((to_host(x.grad) * Y).sum()) == pytest.approx(difference, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_arrays_where_there_is_no_gradient(backend, name):
    y = WITHOUT_GRADIENT[name](Tensor(backend.from_host(X), requires_grad=True))
    assert not isinstance(y, Tensor)
    np.testing.assert_array_equal(to_host(y), WITHOUT_GRADIENT[name](X))


@pytest.mark.parametrize(
    "action",
    [
        lambda x: np.sort(x),
        lambda x: np.exp2(x),
        lambda x: np.add.reduce(x),
        lambda x: np.einsum("ij->i", x),
        lambda x: np.exp(x, out=np.zeros((3, 4))),
        lambda x: np.median(x),
        lambda x: np.sum(np.array([1.0]), out=x),
    ],
)
def test_what_would_lose_the_gradient_is_refused(action):
    x = Tensor(X.copy(), requires_grad=True)
    with pytest.raises(TypeError, match=r"\.detach\(\)|out"):
        action(x)
    np.testing.assert_array_equal(x.data, X)


def test_operators_with_an_array_on_the_left_give_tensors(backend):
    x, y = Tensor(backend.from_host(X), requires_grad=True), backend.from_host(Y)
    for result in (y + x, y - x, y * x, y / x, y @ x.T, y > x, y == x, y != x, y <= x):
        assert type(result) is Tensor
    np.testing.assert_allclose(to_host((y - x).data), Y - X)
    np.testing.assert_allclose(to_host((y / x).data), Y / X)
    with no_grad():
        assert type(y - x) is Tensor
    numbers = Tensor(backend.from_host(np.array([6, 5])))
    assert (numbers.data & numbers).tolist() == [6, 5]


def test_numbers_of_numpy_do_not_widen():
    x = Tensor(X.astype(np.float32))
    for y in (
        np.float64(2) * x,
        np.float64(2) + x,
        np.float64(2) / x,
        np.float64(2) - x,
        np.int64(2) * x,
        2**x,
        np.float64(2) ** x,
        np.float32(2) ** x,
    ):
        assert type(y) is Tensor and y.dtype == np.float32


def test_adding_to_an_array_in_place():
    total = np.zeros((3, 4))
    same = total
    total += Tensor(X)
    assert total is same and type(total) is np.ndarray
    np.testing.assert_array_equal(total, X)
    with pytest.raises(TypeError, match="out"):
        total += Tensor(X, requires_grad=True)
    np.testing.assert_array_equal(total, X)


def test_arrays_beside_device_tensors_go_to_the_device(backend):
    x = Tensor(backend.from_host(X))
    for y in (np.maximum(x, Y), np.concatenate([x, Y]), np.where(x > 0.5, x, Y)):
        assert type(y) is backend.array_type


def test_reductions_and_pairs_of_results():
    x = Tensor(X)
    np.testing.assert_array_equal(np.add.reduce(x, axis=1), np.add.reduce(X, axis=1))
    np.testing.assert_array_equal(np.multiply.outer(x, [1.0, 2.0]), np.multiply.outer(X, [1.0, 2.0]))
    for ours, theirs in zip(np.modf(x), np.modf(X), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    out = np.zeros((3, 4))
    assert np.exp(x, out=out) is out
    np.testing.assert_array_equal(out, np.exp(X))
    np.testing.assert_array_equal(np.linalg.norm(x, axis=1), np.linalg.norm(X, axis=1))


def test_norm_of_numpy_is_recorded():
    x = Tensor(X, requires_grad=True)
    for arguments in ({}, {"axis": 1}, {"ord": 1, "axis": 0, "keepdims": True}):
        y = np.linalg.norm(x, **arguments)
        assert y.requires_grad
        np.testing.assert_allclose(y.numpy(), np.linalg.norm(X, **arguments))
    with pytest.raises(TypeError, match="detach"):
        np.linalg.norm(x, 2)


def test_lists_name_what_numpy_has():
    for name in {*numpy_protocol.RECORDED_UFUNCS, *numpy_protocol.UFUNCS_WITHOUT_GRADIENT, *numpy_protocol.OPERATORS}:
        assert isinstance(getattr(np, name), np.ufunc)
        assert getattr(np, name).__name__ == name
    for name in numpy_protocol.FUNCTIONS_WITHOUT_GRADIENT:
        assert callable(getattr(np, name))


def test_fabs_is_recorded():
    x = Tensor(np.array([-2.0, 3.0]), requires_grad=True)
    y = np.fabs(x)
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), [2, 3])
    np.testing.assert_array_equal(x.grad, [-1, 1])
