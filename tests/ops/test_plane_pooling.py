"""The largest of each square against loops, at odd and even ends; equal numbers; against torch where it is."""

import numpy as np
import pytest
from operation_check import check_operation
from strict_device import STRICT

from npconformer import ops
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive(x):
    """As the definition says."""
    batch, time, bands, channels = x.shape
    y = np.empty((batch, -(-time // 2), -(-bands // 2), channels))
    for b, u, v, c in np.ndindex(y.shape):
        y[b, u, v, c] = max(
            x[b, t, f, c] for t in range(2 * u, min(2 * u + 2, time)) for f in range(2 * v, min(2 * v + 2, bands))
        )
    return y


@pytest.mark.parametrize(("time", "bands"), [(6, 4), (7, 4), (6, 5), (7, 5), (1, 1), (1, 2), (2, 1)])
def test_max_pool2d(backend, time, bands):
    x = draw(2, time, bands, 3) - 2.0  # mostly below 0: nothing may stand beyond the ends
    check_operation(ops.max_pool2d, x, backend=backend, expected=naive(x))


def test_of_equal_numbers_the_first_gets_the_gradient():
    x = Tensor(np.array([[0.0, 1.0, 5.0], [1.0, 1.0, 5.0], [2.0, 2.0, 3.0]])[None, :, :, None], requires_grad=True)
    ops.max_pool2d(x).backward(np.array([[10.0, 20.0], [30.0, 40.0]])[None, :, :, None])
    assert x.grad[0, :, :, 0].tolist() == [[0, 10, 20], [0, 0, 0], [30, 0, 40]]


@pytest.mark.parametrize("shape", [(2, 7, 5, 3), (1, 6, 8, 2)])
def test_as_in_torch(shape):
    torch = pytest.importorskip("torch")
    x = np.round(draw(*shape), 1)  # with equal numbers among them
    theirs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    y = torch.nn.functional.max_pool2d(theirs, 2, 2, ceil_mode=True)
    ours = Tensor(x, requires_grad=True)
    found = ops.max_pool2d(ours)
    np.testing.assert_array_equal(found.numpy(), y.detach().numpy().transpose(0, 2, 3, 1))
    grad = draw(*found.shape, seed=1)
    y.backward(torch.tensor(grad.transpose(0, 3, 1, 2)))
    found.backward(grad)
    np.testing.assert_array_equal(ours.grad, theirs.grad.numpy().transpose(0, 2, 3, 1))


def test_the_device_is_never_waited_for():
    from strict_array import count_synchronisations

    x = Tensor(STRICT.from_host(draw(1, 9, 6, 2).astype("float32")), requires_grad=True)
    with count_synchronisations() as waits:
        y = ops.max_pool2d(x)
        y.backward(STRICT.from_host(np.ones(y.shape, "float32")))
    assert waits.sites == []


def test_bad_input():
    with pytest.raises(ValueError, match=r"max_pool2d: expected x \(B, T, F, C\), got \(2, 3, 4\)"):
        ops.max_pool2d(draw(2, 3, 4))
