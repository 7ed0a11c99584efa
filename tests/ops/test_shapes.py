"""torch's words for shapes, against NumPy's for the same."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer.arrays.backend import to_host
from npconformer.ops import shapes
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 1, 3, 4))

CASES = {
    "permute": (lambda x: x.permute(3, 1, 0, 2), lambda x: np.einsum("abcd->dbac", x)),
    "permute a tuple": (lambda x: x.permute((3, 1, 0, -2)), lambda x: np.einsum("abcd->dbac", x)),
    "two axes": (lambda x: x.transpose(1, 2), lambda x: np.einsum("abcd->acbd", x)),
    "two axes from behind": (lambda x: x.transpose(-1, 0), lambda x: np.einsum("abcd->dbca", x)),
    "swapaxes": (lambda x: x.swapaxes(0, 2), lambda x: np.einsum("abcd->cbad", x)),
    "movedim": (lambda x: x.movedim(0, -1), lambda x: np.einsum("abcd->bcda", x)),
    "T": (lambda x: x.T, lambda x: np.einsum("abcd->dcba", x)),
    "mT": (lambda x: x.mT, lambda x: np.einsum("abcd->abdc", x)),
    "t": (lambda x: x[0, 0].t(), lambda x: np.einsum("ab->ba", x[0, 0])),
    "view": (lambda x: x.view(6, -1), lambda x: x.reshape(6, 4)),
    "view_as": (lambda x: x.view_as(Tensor(np.ones((4, 6)))), lambda x: x.reshape(4, 6)),
    "squeeze": (lambda x: x.squeeze(), lambda x: x[:, 0]),
    "squeeze one": (lambda x: x.squeeze(1), lambda x: x[:, 0]),
    "squeeze no": (lambda x: x.squeeze(0), lambda x: x),
    "squeeze some": (lambda x: x.squeeze(dim=(0, -3)), lambda x: x[:, 0]),
    "unsqueeze": (lambda x: x.unsqueeze(1), lambda x: x[:, None]),
    "unsqueeze last": (lambda x: x.unsqueeze(-1), lambda x: x[..., None]),
    "flatten": (lambda x: x.flatten(), lambda x: x.reshape(24)),
    "ravel": (lambda x: x.ravel(), lambda x: x.reshape(24)),
    "flatten some": (lambda x: x.flatten(1, 2), lambda x: x.reshape(2, 3, 4)),
    "flatten from": (lambda x: x.flatten(start_dim=2), lambda x: x.reshape(2, 1, 12)),
    "unflatten": (lambda x: x.unflatten(-1, (2, -1)), lambda x: x.reshape(2, 1, 3, 2, 2)),
    "expand": (lambda x: x.expand(5, 2, 2, -1, 4), lambda x: np.stack([np.concatenate([x, x], axis=1)] * 5)),
    "expand_as": (lambda x: x.expand_as(Tensor(np.ones((2, 3, 3, 4)))), lambda x: np.concatenate([x] * 3, axis=1)),
    "repeat": (lambda x: x.repeat(1, 3, 1, 2), lambda x: np.tile(x, (1, 3, 1, 2))),
    "repeat in front": (lambda x: x.repeat(2, 1, 1, 2, 1), lambda x: np.tile(x, (2, 1, 1, 2, 1))),
    "narrow": (lambda x: x.narrow(-1, 1, 2), lambda x: x[..., 1:3]),
    "select": (lambda x: x.select(2, -1), lambda x: x[:, :, 2]),
    "index_select": (lambda x: x.index_select(3, np.array([3, 0, 3])), lambda x: x[..., [3, 0, 3]]),
    "flip": (lambda x: x.flip(0, -1), lambda x: x[::-1, :, :, ::-1]),
    "masked_select": (lambda x: x.masked_select(X[:1] > 0), lambda x: x[np.concatenate([X[:1] > 0] * 2)]),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(backend, name):
    operation, twin = CASES[name]
    check_operation(operation, X, backend=backend, expected=twin(X))


@pytest.mark.parametrize("sizes", [1, 2, 4, 5, [1, 3], [0, 4]], ids=str)
def test_split(backend, sizes):
    lengths = sizes if isinstance(sizes, list) else [min(sizes, 4 - i) for i in range(0, 4, sizes)]
    expected = tuple(np.split(X, np.cumsum(lengths)[:-1], axis=-1))
    check_operation(lambda x: x.split(sizes, dim=-1), X, backend=backend, expected=expected)


@pytest.mark.parametrize("count, lengths", [(1, [4]), (2, [2, 2]), (3, [2, 2]), (4, [1] * 4), (9, [1] * 4)])
def test_chunk(backend, count, lengths):
    parts = Tensor(backend.from_host(X)).chunk(count, dim=3)
    assert [part.shape[3] for part in parts] == lengths
    np.testing.assert_array_equal(np.concatenate([to_host(part.data) for part in parts], axis=3), X)


def test_stack_cat_unbind(backend):
    check_operation(lambda x: shapes.stack([x, x], dim=-1), X, backend=backend, expected=np.stack([X, X], -1))
    check_operation(lambda x: shapes.stack([x, x], axis=1), X, backend=backend, expected=np.stack([X, X], 1))
    check_operation(lambda x: shapes.cat([x, x], dim=2), X, backend=backend, expected=np.concatenate([X, X], 2))
    check_operation(lambda x: x.unbind(2), X, backend=backend, expected=tuple(X[:, :, i] for i in range(3)))


def test_single_numbers(backend):
    check_operation(lambda x: x.flatten(), np.array(2.0), backend=backend, expected=np.array([2.0]))
    check_operation(lambda x: x.squeeze(0), np.array(2.0), backend=backend, expected=np.array(2.0))
    check_operation(lambda x: x.unsqueeze(0), np.array(2.0), backend=backend, expected=np.array([2.0]))
    check_operation(lambda x: x.expand(2, 2), np.array(2.0), backend=backend, expected=np.full((2, 2), 2.0))


def test_two_numbers_swap_also_in_a_matrix(backend):
    check_operation(lambda x: x.transpose(0, 1), X[0, 0], backend=backend, expected=np.einsum("ab->ba", X[0, 0]))
    check_operation(lambda x: x.transpose((0, 1)), X[0, 0], backend=backend, expected=X[0, 0])


@pytest.mark.parametrize(
    "action",
    [
        lambda x: x.permute(0, 1, 2),
        lambda x: x.transpose(0, 4),
        lambda x: x.squeeze(4),
        lambda x: x.unsqueeze(6),
        lambda x: x.flatten(2, 1),
        lambda x: x.expand(3, 1, 3, 4),
        lambda x: x.repeat(2, 2),
        lambda x: x.t(),
        lambda x: x.split(0),
        lambda x: x.split([1, 2], dim=-1),
        lambda x: x.chunk(0),
        lambda x: x.flip(4),
        lambda x: shapes.stack([]),
        lambda x: shapes.stack([x, x[0]]),
        lambda x: x.view(5, -1),
    ],
)
def test_bad_arguments(backend, action):
    with pytest.raises(ValueError):
        action(Tensor(backend.from_host(X)))
