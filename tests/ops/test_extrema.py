"""The largest and smallest numbers, their places, and the order of all."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor
from npconformer.arrays.backend import to_host
from npconformer.ops import extrema

X = np.random.default_rng(0).permutation(24).reshape(2, 3, 4) / 7.0
TIES = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0]])


def naive(x, axis, choose):
    """The chosen number of each line along the axis, by looking at one after the other."""
    lines = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]).tolist()
    shape = [n for i, n in enumerate(x.shape) if i != axis % x.ndim]
    values = np.array([choose(line) for line in lines]).reshape(shape)
    return values, np.array([line.index(choose(line)) for line in lines]).reshape(shape)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["max", "min"])
def test_along_an_axis(backend, axis, name):
    values, places = naive(X, axis, {"max": max, "min": min}[name])
    extreme, a_extreme, place = (getattr(Tensor, prefix + name) for prefix in ("", "a", "arg"))
    check_operation(lambda x: extreme(x, dim=axis).values, X, backend=backend, expected=values)
    check_operation(lambda x: extreme(x, axis)[0], X, backend=backend, expected=values)
    check_operation(lambda x: extreme(x, axis=axis), X, backend=backend, expected=values)
    kept = np.expand_dims(values, axis)
    check_operation(lambda x: extreme(x, axis, keepdim=True).values, X, backend=backend, expected=kept)
    check_operation(lambda x: a_extreme(x, axis, keepdims=True), X, backend=backend, expected=kept)
    check_operation(lambda x: a_extreme(x, dim=axis), X, backend=backend, expected=values)
    x = Tensor(backend.from_host(X))
    for found in (extreme(x, dim=axis).indices, place(x, axis), place(x, dim=axis)):
        np.testing.assert_array_equal(found, places)
    np.testing.assert_array_equal(place(x, axis, keepdim=True), np.expand_dims(places, axis))


@pytest.mark.parametrize("axis", [None, (0, 2), (0, 1, 2)], ids=str)
def test_over_several_axes(backend, axis):
    axes = (0, 1, 2) if axis is None else axis
    rows = np.moveaxis(X, axes, range(len(axes))).reshape(-1, *[n for i, n in enumerate(X.shape) if i not in axes])
    largest = np.array([max(column) for column in rows.reshape(len(rows), -1).T.tolist()]).reshape(rows.shape[1:])
    check_operation(lambda x: x.amax(axis), X, backend=backend, expected=largest)
    check_operation(lambda x: x.max(axis=axis), X, backend=backend, expected=largest)
    check_operation(lambda x: -(-x).amin(axis, keepdims=True), X, backend=backend,
                    expected=largest.reshape([1 if i in axes else n for i, n in enumerate(X.shape)]))  # fmt: skip


def test_of_all(backend):
    check_operation(lambda x: x.max(), X, backend=backend, expected=np.array(23 / 7))
    check_operation(lambda x: x.min(), np.array(2.0), backend=backend, expected=np.array(2.0))
    x = Tensor(backend.from_host(X))
    assert x.argmax().item() == X.ravel().tolist().index(X.max()) and x.argmin(keepdims=True).shape == (1, 1, 1)


def test_equal_numbers_share_the_gradient_or_the_first_gets_it(backend):
    def gradient(function):
        x = Tensor(backend.from_host(TIES), requires_grad=True)
        function(x).sum().backward()
        return to_host(x.grad).tolist()

    assert gradient(lambda x: x.amax(1)) == [[0, 0.5, 0.5, 0], [0.25] * 4]
    assert gradient(lambda x: x.max(dim=1).values) == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert gradient(lambda x: x.max()) == [[0, 0.5, 0.5, 0], [0, 0, 0, 0]]


def test_the_larger_of_two(backend):
    other = np.full((3, 4), 1.5)
    expected = np.where(X > 1.5, X, 1.5)
    check_operation(extrema.max, X, other, backend=backend, expected=expected)
    check_operation(extrema.min, X, other, backend=backend, expected=X + 1.5 - expected)


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_and_topk(backend, axis, descending):
    lines = np.moveaxis(X, axis, -1)
    expected = np.array([sorted(line, reverse=descending) for line in lines.reshape(-1, lines.shape[-1]).tolist()])
    expected = np.moveaxis(expected.reshape(lines.shape), -1, axis)
    check_operation(lambda x: x.sort(axis, descending).values, X, backend=backend, expected=expected)
    two = expected.take([0, 1], axis=axis)
    check_operation(lambda x: x.topk(2, axis, largest=descending).values, X, backend=backend, expected=two)
    x = Tensor(backend.from_host(X))
    for values, indices in (x.sort(axis, descending), x.topk(2, dim=axis, largest=descending)):
        np.testing.assert_array_equal(np.take_along_axis(X, indices.numpy(), axis), values)
    np.testing.assert_array_equal(x.argsort(axis, descending), x.sort(axis, descending).indices)


def test_equal_numbers_keep_their_order(backend):
    x = Tensor(backend.from_host(TIES))
    assert x.argsort(-1, descending=True).tolist() == [[1, 2, 0, 3], [0, 1, 2, 3]]
    assert x.argsort().tolist() == [[3, 0, 1, 2], [0, 1, 2, 3]]
    many = np.arange(200.0) % 2
    assert Tensor(many).argsort().tolist() == [*range(0, 200, 2), *range(1, 200, 2)]


def test_gather(backend):
    index = np.array([[[0, 0, 3], [1, 2, 3]]])
    expected = np.array([[[X[0, j, index[0, j, k]] for k in range(3)] for j in range(2)]])
    check_operation(lambda x: x.gather(2, index), X, backend=backend, expected=expected)
    along_first = np.array([[[1, 0, 1, 1]], [[0, 0, 0, 1]], [[1, 1, 1, 1]]])
    expected = np.array([[[X[along_first[i, 0, k], 0, k] for k in range(4)]] for i in range(3)])
    check_operation(lambda x: extrema.gather(x, 0, along_first), X, backend=backend, expected=expected)


@pytest.mark.parametrize(
    "action",
    [
        lambda x: x.max(5),
        lambda x: x.topk(5),
        lambda x: x.topk(-1),
        lambda x: x.sort(3),
        lambda x: x.gather(0, np.zeros((1, 1), int)),
        lambda x: x.gather(0, np.zeros((1, 1, 1))),
        lambda x: x.argmax(7),
    ],
)
def test_bad_arguments(backend, action):
    with pytest.raises(ValueError):
        action(Tensor(backend.from_host(X)))


def test_two_names_of_one_argument():
    with pytest.raises(TypeError, match="axis=0 and dim=1"):
        Tensor(X).sum(0, dim=1)
