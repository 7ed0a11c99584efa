"""Vectors compared and scaled, and classes as vectors."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import functional as F
from npconformer.tape.autograd import Tensor

random = np.random.default_rng(0)
A, B = random.normal(size=(2, 3, 4)), random.normal(size=(2, 3, 4))


def dots(a, b, axis, eps=1e-8):
    shape = [n for i, n in enumerate(a.shape) if i != axis % a.ndim]
    result = []
    for x, y in zip(*(np.moveaxis(one, axis, -1).reshape(-1, one.shape[axis]).tolist() for one in (a, b))):
        result.append(math.fsum(p * q for p, q in zip(x, y)) / max(math.hypot(*x), eps) / max(math.hypot(*y), eps))
    return np.array(result).reshape(shape)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cosine_similarity(backend, dim):
    check_operation(lambda a, b: F.cosine_similarity(a, b, dim), A, B, backend=backend, expected=dots(A, B, dim))
    expected = dots(A, B, dim, 5.0)
    check_operation(lambda a, b: F.cosine_similarity(a, b, dim, 5.0), A, B, backend=backend, expected=expected)


def test_cosine_similarity_along_the_second_axis_and_with_broadcasting(backend):
    check_operation(F.cosine_similarity, A, B, backend=backend, expected=dots(A, B, 1))
    repeated = np.broadcast_to(B[:1, :1], A.shape)
    check_operation(lambda a, b: F.cosine_similarity(a, b, dim=2), A, B[0, :1], backend=backend,
                    expected=dots(A, repeated, 2))  # fmt: skip


@pytest.mark.parametrize("p", [1, 2.0, 3, math.inf])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize(backend, p, dim):
    lengths = np.linalg.norm(A, ord=p, axis=dim, keepdims=True)
    check_operation(lambda a: F.normalize(a, p, dim), A, backend=backend, expected=A / lengths)
    check_operation(lambda a: F.normalize(a, p, dim, eps=50.0), A, backend=backend, expected=A / 50)


def test_normalize_of_nothing_is_nothing(backend):
    x = Tensor(backend.from_host(np.zeros((2, 3))))
    assert F.normalize(x).tolist() == [[0] * 3] * 2


def test_one_hot(backend):
    y = F.one_hot(Tensor(backend.from_host(np.array([[2], [0]]))))
    assert y.tolist() == [[[0, 0, 1]], [[1, 0, 0]]] and y.dtype == np.int64 and type(y.data) is backend.array_type
    assert F.one_hot(np.array(1), num_classes=4).tolist() == [0, 1, 0, 0]
    for bad in (np.array([3]), np.array([-1]), np.array([1.0])):
        with pytest.raises(ValueError, match="one_hot"):
            F.one_hot(bad, num_classes=3)
    with pytest.raises(ValueError, match="num_classes"):
        F.one_hot(np.zeros(0, int))
