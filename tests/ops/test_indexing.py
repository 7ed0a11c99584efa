"""Reading with an index, and assignment under a mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices, integer_array_indices
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(3, 4, 5))

INDICES = {
    "integer": 1,
    "negative": -1,
    "NumPy integer": np.int64(2),
    "slice": slice(1, None),
    "steps": (slice(None, None, 2), slice(None, None, -1)),
    "empty slice": slice(2, 2),
    "new axis": (slice(None), None, 2),
    "ellipsis": (..., 3),
    "one element": (0, 1, 2),
    "integers": np.array([2, 0]),
    "repeated integers": np.array([1, 1, 1, 0]),
    "two arrays": (np.array([0, 2, 2]), np.array([1, 3, 3])),
    "arrays around a slice": (np.array([0, 2]), slice(None), np.array([4, 4])),
    "table": np.array([[0, 1], [1, 2]]),
    "list": [0, 0, 2],
    "mask": X > 0,
    "mask of rows": np.array([True, False, True]),
    "mask of nothing": np.zeros(3, bool),
}


@pytest.mark.parametrize("name", INDICES)
def test_getitem(backend, name):
    index = INDICES[name]
    check_operation(lambda x: x[index], X, backend=backend, expected=X[index], any_order=True)


def gradient_of_index(shape, index, g):
    """The slow twin: each element that was read gives its upstream gradient back to where it came from."""
    source = np.arange(int(np.prod(shape))).reshape(shape)[index]
    dx = np.zeros(int(np.prod(shape)))
    for position, value in zip(np.ravel(source), np.ravel(g)):
        dx[position] += value
    return dx.reshape(shape)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_gradient_of_any_index(data):
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3))
    index = data.draw(
        st.one_of(basic_indices(shape, allow_newaxis=True), integer_array_indices(shape, dtype=np.dtype(np.int64)))
    )
    x = Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.data, x.data[index])
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    np.testing.assert_allclose(x.grad, gradient_of_index(shape, index, g), atol=1e-14)


def test_index_may_be_a_tensor(backend):
    x = Tensor(backend.from_host(X), requires_grad=True)
    y = x[Tensor(backend.from_host(np.array([1, 1])))]
    y.sum().backward()
    assert to_host(x.grad).sum(axis=(1, 2)).tolist() == [0, 40, 0]


def test_tensors_inside_an_index(backend):
    x = Tensor(backend.from_host(X), requires_grad=True)
    two, rows = (Tensor(backend.from_host(np.array(one))) for one in (2, [[0], [2]]))
    for y, expected in (
        (x[two], X[2]),
        (x[:two, two:], X[:2, 2:]),
        (x[rows, [1, two]], X[[[0], [2]], [1, 2]]),
        (x[x > 0], X[X > 0]),
        (x[..., two, None], X[..., 2, None]),
        (x[(x > 0).any(2).all(1)], X[(X > 0).any(2).all(1)]),
        (x[[True, False, True]], X[[0, 2]]),
    ):
        np.testing.assert_array_equal(to_host(y.data), expected)
        x.grad = None
        y.sum().backward()
        assert to_host(x.grad).sum() == expected.size


def test_gradients_are_kept_apart_from_other_readings(backend):
    def both(x):
        return x[0] * x[1] + x[0]

    check_operation(both, X, backend=backend, expected=X[0] * X[1] + X[0])


def test_iteration_stops(backend):
    assert [y.shape for y in Tensor(backend.from_host(X))] == [(4, 5)] * 3


MASKS = {
    "full": X > 0,
    "frames": X[:, :, :1] > 0,
    "last axis": np.array([True, False, True, True, False]),
    "none": np.zeros((3, 4, 5), bool),
    "all": np.ones((1, 1, 1), bool),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("value_shape", [(3, 4, 5), (5,), (), (4, 1)], ids=str)
def test_masked_assign(backend, name, value_shape):
    mask, value = MASKS[name], np.random.default_rng(1).normal(size=value_shape)
    expected = X.copy()
    for i in np.ndindex(X.shape):
        if np.broadcast_to(mask, X.shape)[i]:
            expected[i] = np.broadcast_to(value, X.shape)[i]
    check_operation(lambda x, v: ops.masked_assign(x, mask, v), X, value, backend=backend, expected=expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0, -1.5, np.float64(2.5), np.array([1.0, 2.0, 3.0, 4.0, 5.0])], ids=str)
def test_masked_assign_of_constants(backend, dtype, value):
    y = ops.masked_assign(Tensor(backend.from_host(X.astype(dtype)), requires_grad=True), X > 0, value)
    assert y.dtype == dtype
    np.testing.assert_array_equal(to_host(y.data), np.where(X > 0, np.asarray(value, dtype), X.astype(dtype)))


@pytest.mark.parametrize(
    "mask, value, what",
    [
        (np.ones((3, 4, 5)), 0.0, "mask"),
        (np.ones((4, 4, 5), bool), 0.0, "mask"),
        (np.ones((1, 3, 4, 5), bool), 0.0, "mask"),
        (X > 0, np.ones(4), "value"),
        (X > 0, np.ones((2, 3, 4, 5)), "value"),
    ],
)
def test_masked_assign_refuses_bad_arguments(backend, mask, value, what):
    with pytest.raises(ValueError, match=what):
        ops.masked_assign(Tensor(backend.from_host(X)), mask, value)
