"""Cosines between vectors."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor, ops

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("a", "b"), [((3, 4), (3, 4)), ((3, 4), (2, 3, 4)), ((2, 1, 4), (3, 4)), ((4,), (4,))], ids=str
)
def test_values_and_gradients(backend, a, b):
    a, b = RNG.standard_normal(a), RNG.standard_normal(b)
    expected = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    check_operation(ops.cosine_similarity, a, b, backend=backend, expected=expected)


def test_zeros_give_zero_and_finite_gradients():
    a, b = Tensor(np.zeros((2, 4), np.float32), requires_grad=True), Tensor(np.ones((2, 4), np.float32), True)
    y = ops.cosine_similarity(a, b)
    y.backward(np.ones(2))
    assert not y.numpy().any() and np.isfinite(a.grad).all() and not b.grad.any()


@pytest.mark.parametrize("short", ["a", "b", "both"])
def test_vectors_shorter_than_the_shortest_are_divided_by_it(backend, short):
    """a = 1e-8 x with |x| < 1: a / 1e-8 = x takes the place of a / |a|, which is no unit vector and is linear in a."""
    x, y = RNG.standard_normal((2, 3, 4))
    x, y = (v * np.array([0.3, 0.6, 0.9])[:, None] / np.linalg.norm(v, axis=-1, keepdims=True) for v in (x, y))
    tiny = {"a": short != "b", "b": short != "a"}
    expected = (x * y).sum(-1)
    expected = expected if tiny["a"] else expected / np.linalg.norm(x, axis=-1)
    expected = expected if tiny["b"] else expected / np.linalg.norm(y, axis=-1)

    def cosine(x, y):
        a = ops.multiply(x, 1e-8) if tiny["a"] else x
        b = ops.multiply(y, 1e-8) if tiny["b"] else y
        return ops.cosine_similarity(a, b)

    check_operation(cosine, x, y, backend=backend, expected=expected)


def test_a_vector_just_longer_than_the_shortest_has_its_own_length():
    a = np.array([[1.01e-8, 0.0]])
    x = Tensor(a, requires_grad=True)
    y = ops.cosine_similarity(x, np.array([[1.0, 1.0]]))
    y.backward(np.ones(1))
    assert y.item() == pytest.approx(0.5**0.5, rel=1e-14)
    np.testing.assert_allclose(x.grad, [[0.0, 0.5**0.5 / 1.01e-8]], rtol=1e-14, atol=1e-6)


def test_bad_input():
    with pytest.raises(ValueError, match="vectors of one size"):
        ops.cosine_similarity(np.ones((2, 3)), np.ones((2, 4)))
