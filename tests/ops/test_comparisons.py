"""Comparisons and logic of tensors, element by element; identity where Python asks for a hash."""

import operator

import numpy as np
import pytest

from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

A = np.array([[1.0, 2.0, 3.0], [np.nan, 0.0, -1.0]])
B = np.array([1.0, 3.0, -1.0])
OPERATORS = ["eq", "ne", "lt", "le", "gt", "ge"]


def values(x):
    assert type(x) is Tensor and not x.requires_grad
    return to_host(x.data).tolist()


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("recorded", [False, True])
def test_comparisons(backend, name, recorded):
    compare = getattr(operator, name)
    x = Tensor(backend.from_host(A), requires_grad=recorded)
    one_by_one = [[compare(a, b) for a, b in zip(row, B.tolist())] for row in A.tolist()]
    assert values(compare(x, Tensor(backend.from_host(B)))) == one_by_one
    assert values(compare(x, backend.from_host(B))) == one_by_one
    assert values(compare(x, B.tolist())) == one_by_one
    assert values(getattr(x, name)(B.tolist())) == one_by_one
    with_two = [[compare(a, 2) for a in row] for row in A.tolist()]
    assert values(compare(x, 2)) == values(compare(x, np.float64(2))) == values(compare(x, np.float32(2))) == with_two
    turned = [[compare(2, a) for a in row] for row in A.tolist()]
    assert values(compare(2, x)) == turned
    assert values(compare(backend.from_host(B), x)) == [
        [compare(b, a) for a, b in zip(row, B.tolist())] for row in A.tolist()
    ]


def test_what_is_no_number_is_never_equal():
    x = Tensor(A)
    for other in (None, "text", object()):
        assert (x == other) is False and (x != other) is True
    with pytest.raises(TypeError):
        x < None  # noqa: B015


def test_dictionaries_sets_and_lists_tell_tensors_apart():
    x, y = Tensor(np.zeros(2)), Tensor(np.zeros(2))
    assert {x: 1, y: 2}[y] == 2 and len({x, y, x}) == 2 and x in {x} and y not in {x}
    assert [x, y].index(x) == 0 and hash(x) != hash(y)
    assert 0 in x and 1 not in x


def test_logic(backend):
    a, b = ([True, True, False, False], [True, False, True, False])
    x, y = (Tensor(backend.from_host(np.array(one))) for one in (a, b))
    assert values(x & y) == values(x.logical_and(y)) == [True, False, False, False]
    assert values(x | y) == values(x.logical_or(y)) == [True, True, True, False]
    assert values(x ^ y) == values(x.logical_xor(y)) == [False, True, True, False]
    assert values(~x) == values(x.logical_not()) == [False, False, True, True]
    assert values(True & x) == a and values(False | x) == a and values(True ^ x) == values(~x)


def test_all_and_any(backend):
    x = Tensor(backend.from_host(np.array([[True, False], [True, True]])))
    assert values(x.all()) is False and values(x.any()) is True
    assert values(x.all(dim=1)) == [False, True] and values(x.all(0, keepdim=True)) == [[True, False]]
    assert values(x.any(axis=0)) == [True, True] and values((~x).any(1, keepdims=True)) == [[True], [False]]


def test_kinds_of_numbers(backend):
    x = Tensor(backend.from_host(np.array([1.0, np.nan, np.inf, -np.inf])))
    assert values(x.isnan()) == [False, True, False, False]
    assert values(x.isinf()) == [False, False, True, True]
    assert values(x.isfinite()) == [True, False, False, False]


def test_whole_tensors(backend):
    x, y = Tensor(backend.from_host(B)), Tensor(backend.from_host(B + 1e-9))
    assert x.equal(x.clone()) and not x.equal(y) and not x.equal(x[:2])
    assert x.allclose(y) and not x.allclose(y, rtol=0, atol=1e-10)


def test_nonzero(backend):
    x = Tensor(backend.from_host(np.array([[0, 3], [5, 0]])))
    assert values(x.nonzero()) == [[0, 1], [1, 0]]
    assert [values(axis) for axis in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
