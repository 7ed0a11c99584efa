"""Dropout with given and with random masks."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays import generator
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(3, 4, 5))
KEPT = np.random.default_rng(1).random(X.shape) > 0.4


@pytest.mark.parametrize("p", [0.0, 0.4, 0.9])
def test_given_mask(backend, p):
    expected = np.array([x / (1 - p) if k else 0.0 for x, k in zip(X.ravel(), KEPT.ravel())]).reshape(X.shape)
    check_operation(lambda x, kept: ops.dropout(x, p, kept), X, KEPT, backend=backend, expected=expected)


def test_everything_dropped(backend):
    x = Tensor(backend.from_host(X), requires_grad=True)
    y = ops.dropout(x, 1.0)
    y.sum().backward()
    assert not to_host(y.data).any() and not to_host(x.grad).any()


def test_random_mask_has_the_right_rate_and_mean(backend):
    generator.manual_seed(0)
    x = Tensor(backend.from_host(np.ones((200, 500), np.float32)), requires_grad=True)
    y = ops.dropout(x, 0.3)
    values = to_host(y.data)
    assert y.dtype == np.float32 and set(np.unique(values).round(5)) == {0.0, np.float32(1 / 0.7).round(5)}
    assert abs((values == 0).mean() - 0.3) < 0.01
    y.backward(backend.from_host(np.ones_like(values)))
    np.testing.assert_array_equal(to_host(x.grad), values)


def test_same_seed_same_mask_on_every_backend(backend):
    generator.manual_seed(5)
    host = ops.dropout(X, 0.5).data
    generator.manual_seed(5)
    np.testing.assert_array_equal(to_host(ops.dropout(backend.from_host(X), 0.5).data), host)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_bad_probability(p):
    with pytest.raises(ValueError, match="p:"):
        ops.dropout(Tensor(X), p)


@pytest.mark.parametrize("kept", [KEPT[0], KEPT.astype(np.float64), np.ones((3, 4, 1), bool)])
def test_bad_mask(backend, kept):
    with pytest.raises(ValueError, match="kept"):
        ops.dropout(Tensor(backend.from_host(X)), 0.5, kept)
