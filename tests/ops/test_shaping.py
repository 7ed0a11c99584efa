"""reshape, transpose, concatenate, pad."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 3, 4))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (-1,), (2, -1, 2, 2), (1, 2, 3, 4, 1)], ids=str)
def test_reshape(backend, shape):
    expected = np.array(X.ravel().tolist()).reshape(shape)
    check_operation(lambda x: x.reshape(shape), X, backend=backend, expected=expected)
    check_operation(lambda x: x.reshape(*shape), X, backend=backend, expected=expected)


def test_reshape_of_one_element(backend):
    check_operation(lambda x: x.reshape(()), np.array([[2.0]]), backend=backend, expected=np.array(2.0))


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (-1, 0, -2)], ids=str)
def test_transpose(backend, axes):
    expected = np.zeros([X.shape[a] for a in axes])
    for i in np.ndindex(X.shape):
        expected[tuple(i[a] for a in axes)] = X[i]
    check_operation(lambda x: x.transpose(*axes), X, backend=backend, expected=expected)
    check_operation(lambda x: x.transpose(axes), X, backend=backend, expected=expected)


def test_transpose_without_axes_reverses_them(backend):
    check_operation(lambda x: x.transpose(), X, backend=backend, expected=X.T)
    check_operation(ops.transpose, X, backend=backend, expected=X.T)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_concatenate(backend, axis):
    parts = [X, X[:, :, :] + 1, np.zeros(X.shape) - 2]
    parts[1] = parts[1].take([0], axis=axis)
    parts[2] = parts[2].take([], axis=axis)
    expected = np.array(X)
    expected = np.moveaxis(np.array([*np.moveaxis(X, axis, 0), *np.moveaxis(parts[1], axis, 0)]), 0, axis)
    check_operation(lambda *x: ops.concatenate(x, axis=axis), *parts, backend=backend, expected=expected)


def test_concatenate_one_tensor_twice(backend):
    check_operation(lambda x: ops.concatenate([x, x, x], axis=-1), X, backend=backend, expected=np.dstack([X] * 3))


def test_concatenate_with_a_constant(backend):
    check_operation(
        lambda x, c: ops.concatenate([c, x]), X, X * 2, wrt=[0], backend=backend, expected=np.vstack([X * 2, X])
    )


@pytest.mark.parametrize("widths", [[(0, 0)] * 3, [(1, 0), (0, 2), (3, 1)], [(0, 0), (2, 0), (0, 0)]], ids=str)
@pytest.mark.parametrize("value", [0.0, -1.5])
def test_pad(backend, widths, value):
    expected = np.full([a + n + b for (a, b), n in zip(widths, X.shape)], value)
    for i in np.ndindex(X.shape):
        expected[tuple(a + k for (a, _), k in zip(widths, i))] = X[i]
    check_operation(lambda x: ops.pad(x, widths, value), X, backend=backend, expected=expected)


def test_pad_nothing_to_something(backend):
    check_operation(lambda x: ops.pad(x, [(1, 1), (0, 0)]), np.ones((0, 2)), backend=backend, expected=np.zeros((2, 2)))


@pytest.mark.parametrize(
    "action",
    [
        lambda x: x.reshape(5, 5),
        lambda x: x.transpose(0, 0, 1),
        lambda x: x.transpose((0, 1)),
        lambda x: x.transpose(0, 3),
        lambda x: ops.concatenate([]),
        lambda x: ops.concatenate([x, x[0]]),
        lambda x: ops.concatenate([x, x[:, :2]], axis=2),
        lambda x: ops.pad(x, [(1, 1)]),
        lambda x: ops.pad(x, [(0, 0), (-1, 0), (0, 0)]),
    ],
)
def test_bad_arguments(backend, action):
    with pytest.raises(ValueError):
        action(Tensor(backend.from_host(X)))
