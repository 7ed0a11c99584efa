"""Matrix products against loops over elements."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_matmul(a, b):
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, lead + a.shape[-2:]), np.broadcast_to(b, lead + b.shape[-2:])
    y = np.zeros(lead + (a.shape[-2], b.shape[-1]))
    for i in np.ndindex(y.shape):
        y[i] = sum(a[i[:-1]][k] * b[i[:-2]][k, i[-1]] for k in range(a.shape[-1]))
    return y


@pytest.mark.parametrize(
    "a, b",
    [
        ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (2, 2, 3, 4)),
        ((2, 1, 2, 3), (3, 3, 1)),
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((1, 1), (1, 1)),
    ],
    ids=str,
)
def test_matmul(backend, a, b):
    a, b = draw(*a), draw(*b, seed=1)
    check_operation(ops.matmul, a, b, backend=backend, expected=naive_matmul(a, b))
    check_operation(lambda a, b: a @ b, a, b, backend=backend)


def test_matmul_with_an_array_on_the_left(backend):
    a, b = draw(2, 3), draw(3, 4)
    check_operation(lambda b, a: a @ b, b, a, wrt=[0], backend=backend, expected=naive_matmul(a, b))


@pytest.mark.parametrize("lead", [(), (2,)], ids=["one", "a stack"])
def test_large_ones_are_shared(lead):
    """Of more rows than a tile has, so that several threads compute it."""
    a, b, g = draw(*lead, 500, 3), draw(*lead, 3, 450, seed=1), draw(*lead, 500, 450, seed=2)
    ours = [Tensor(x, requires_grad=True) for x in (a, b)]
    y = ops.matmul(*ours)
    y.backward(g)
    np.testing.assert_allclose(y.data, np.einsum("...ik,...ko->...io", a, b), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours[0].grad, np.einsum("...io,...ko->...ik", g, b), rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(ours[1].grad, np.einsum("...ik,...io->...ko", a, g), rtol=1e-12, atol=1e-11)


def test_square(backend):
    check_operation(lambda x: x @ x.transpose(0, 2, 1), draw(2, 3, 4), backend=backend)


@pytest.mark.parametrize(
    "action",
    [
        lambda a, b: ops.matmul(a, b),
        lambda a, b: ops.matmul(a[0], b),
        lambda a, b: ops.matmul(a, a),
    ],
)
def test_bad_shapes(backend, action):
    with pytest.raises(ValueError, match="matmul"):
        action(Tensor(backend.from_host(draw(3, 2))), Tensor(backend.from_host(draw(4, 5))))
