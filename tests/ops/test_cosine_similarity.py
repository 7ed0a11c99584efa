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


def test_bad_input():
    with pytest.raises(ValueError, match="vectors of one size"):
        ops.cosine_similarity(np.ones((2, 3)), np.ones((2, 4)))
