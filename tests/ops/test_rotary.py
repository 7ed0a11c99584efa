"""Rotary positions: turning pairs of channels, one complex number at a time."""

import cmath

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_rotary(x, angles, heads):
    y, width = np.zeros(x.shape), x.shape[2] // heads
    for b, t, h, i in np.ndindex(*x.shape[:2], heads, width // 2):
        first, second = h * width + i, h * width + width // 2 + i
        turned = complex(x[b, t, first], x[b, t, second]) * cmath.exp(1j * angles[t, i])
        y[b, t, first], y[b, t, second] = turned.real, turned.imag
    return y


@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize("batch, time", [(2, 5), (1, 1), (0, 3)])
def test_rotary(backend, heads, batch, time):
    x, angles = draw(batch, time, 12), draw(time, 6 // heads, seed=1) * 3
    check_operation(
        lambda x, cos, sin: ops.rotary(x, cos, sin, heads),
        *(x, np.cos(angles), np.sin(angles)),
        wrt=[0],
        backend=backend,
        expected=naive_rotary(x, angles, heads),
    )


def test_length_is_kept_and_backward_turns_back(backend):
    angles = draw(4, 3, seed=1)
    x = Tensor(backend.from_host(draw(2, 4, 6)), requires_grad=True)
    y = ops.rotary(x, *(backend.from_host(f(angles)) for f in (np.cos, np.sin)), heads=1)
    np.testing.assert_allclose((to_host(y.data) ** 2).sum(), (to_host(x.data) ** 2).sum(), rtol=1e-12)
    y.backward(y.data)
    np.testing.assert_allclose(to_host(x.grad), to_host(x.data), atol=1e-12)


BAD = {
    "odd heads": lambda x, a: ops.rotary(x, a, a, 4),
    "no heads": lambda x, a: ops.rotary(x, a, a, 0),
    "rank": lambda x, a: ops.rotary(x[0], a, a, 1),
    "time": lambda x, a: ops.rotary(x, a[:3], a[:3], 1),
    "frequencies": lambda x, a: ops.rotary(x, a, a, 3),
    "sine": lambda x, a: ops.rotary(x, a, a[:3], 1),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(backend, name):
    with pytest.raises(ValueError, match="rotary"):
        BAD[name](*(backend.from_host(a) for a in (draw(2, 4, 12), draw(4, 6))))
