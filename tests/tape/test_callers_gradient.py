"""The array that is given to `backward` stays its owner's: it is neither kept nor edited."""

import numpy as np
import pytest
from tape import X, leaf

from npconformer import ops
from npconformer.tape.autograd import Operation, Tensor, backward


class PassOn(Operation):
    """y = x; its backward returns the very array it was given."""

    def forward(self, x):
        return x + 0

    def backward(self, grad):
        return grad


def given_to_a_leaf(g):
    x = leaf()
    x.backward(g)
    return x


def given_as_a_view_to_a_leaf(g):
    x = leaf()
    x.backward(g[:])
    return x


def given_as_a_tensor(g):
    x = leaf()
    x.backward(Tensor(g))
    return x


def passed_on_as_it_is(g):
    x = leaf()
    PassOn()(x).backward(g)
    return x


def passed_on_in_another_shape(g):
    x = leaf()
    ops.reshape(x, (-1,)).backward(g.reshape(-1))
    return x


def passed_on_transposed(g):
    x = leaf()
    ops.transpose(x, (1, 0)).backward(g.T)
    return x


def retained_on_its_way(g):
    y = ops.multiply(leaf(), 2.0)
    y.retain_grad()
    y.backward(g)
    return y


WAYS = (
    given_to_a_leaf,
    given_as_a_view_to_a_leaf,
    given_as_a_tensor,
    passed_on_as_it_is,
    passed_on_in_another_shape,
    passed_on_transposed,
    retained_on_its_way,
)


@pytest.mark.parametrize("way", WAYS)
def test_the_callers_gradient_stays_the_callers(way):
    """Whoever gave it may edit it afterwards, and whoever accumulates in .grad does not reach it."""
    g = np.random.default_rng(4).normal(size=X.shape)
    assert g.base is None  # a view would be copied anyway
    before = g.copy()
    x = way(g)
    assert not np.shares_memory(x.grad, g)
    g[:] = -1.0
    np.testing.assert_array_equal(x.grad, before)
    x.grad += 5.0
    assert (g == -1.0).all()


def test_a_gradient_that_meets_another_on_its_way_is_not_edited():
    """y gets the caller's array first, and then what comes back from y * 3; nothing may be added into the former."""
    x = leaf([1.0, 2.0])
    y = ops.multiply(x, 2.0)
    given, other = np.array([1.0, 0.5]), np.array([0.25, 1.0])
    backward([y, ops.multiply(y, 3.0)], [given, other])
    assert given.tolist() == [1.0, 0.5] and other.tolist() == [0.25, 1.0]
    assert x.grad.tolist() == [2 * (1.0 + 0.75), 2 * (0.5 + 3.0)]
