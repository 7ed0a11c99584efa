"""Mean and statistics pooling over the frames of each utterance."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor, ops

X, LENGTHS = np.random.default_rng(0).standard_normal((3, 5, 4)), np.array([5, 2, 3])


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["all", "some"])
def test_values_and_gradients(backend, lengths):
    counts = [5, 5, 5] if lengths is None else lengths
    means = np.array([x[:n].mean(axis=0) for x, n in zip(X, counts)])
    deviations = np.array([x[:n].std(axis=0, ddof=1) for x, n in zip(X, counts)])
    check_operation(lambda x: ops.mean_pool(x, lengths), X, backend=backend, expected=means)
    expected = np.concatenate([means, deviations], axis=1)
    check_operation(lambda x: ops.statistics_pool(x, lengths), X, backend=backend, expected=expected)


def test_a_channel_that_does_not_move_has_no_gradient_of_its_deviation():
    """As torch has it; relu leaves such channels behind."""
    x = Tensor(np.repeat(X[:, :1], 5, axis=1).astype(np.float32) * 0, requires_grad=True)
    y = ops.statistics_pool(x)
    y.backward(np.ones(y.shape))
    np.testing.assert_allclose(x.grad, 1 / 5, rtol=1e-6)


def test_padding_may_hold_anything(backend):
    x = X.copy()
    for row, n in zip(x, LENGTHS):
        row[n:] = np.nan
    garbage, clean = (Tensor(backend.from_host(a), requires_grad=True) for a in (x, X))
    for pool in (ops.mean_pool, ops.statistics_pool):
        a, b = pool(garbage, LENGTHS), pool(clean, LENGTHS)
        np.testing.assert_array_equal(backend.to_host(a.data), backend.to_host(b.data))
        a.backward(backend.from_host(np.ones(a.shape)))
        b.backward(backend.from_host(np.ones(b.shape)))
    np.testing.assert_array_equal(backend.to_host(garbage.grad), backend.to_host(clean.grad))


@pytest.mark.parametrize("lengths", [[1, 2, 3], [2, 2, 6], [2, 2], [2.0, 3.0, 4.0]])
def test_bad_lengths(lengths):
    with pytest.raises(ValueError, match="lengths: expected"):
        ops.statistics_pool(X, np.array(lengths))
    with pytest.raises(ValueError, match="x: expected shape"):
        ops.mean_pool(X[0])
