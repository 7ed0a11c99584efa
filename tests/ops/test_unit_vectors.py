"""Vectors of length 1: values by naive loops, gradients by differences, and what is too short to have a direction."""

import math

import numpy as np
import pytest

from npconformer.arrays.backend import get_array_module, to_host
from npconformer.ops.unit_vectors import across, unit_vectors, unit_vectors_backward

SHORTEST = 1e-3
X = np.random.default_rng(0).normal(size=(3, 4, 5))


def naive(x, axis):
    rows = np.moveaxis(x, axis, -1)
    units = np.empty_like(rows)
    for index in np.ndindex(rows.shape[:-1]):
        length = math.sqrt(math.fsum(v * v for v in rows[index]))
        units[index] = [v / max(length, SHORTEST) for v in rows[index]]
    return np.moveaxis(units, -1, axis)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("size", [1.0, 1e-5])
def test_values_and_gradients(backend, axis, size):
    """The gradient along a random direction, for vectors longer and shorter than what is divided by."""
    rng = np.random.default_rng(1)
    x, du, direction = X * size, rng.normal(size=X.shape), rng.normal(size=X.shape) * size
    device = backend.from_host(x)
    xp = get_array_module(device)
    u, length = unit_vectors(xp, device, SHORTEST, axis)
    np.testing.assert_allclose(to_host(u), naive(x, axis), rtol=1e-13)
    assert length.shape == tuple(1 if i == axis % 3 else n for i, n in enumerate(X.shape))
    dx = to_host(unit_vectors_backward(xp, backend.from_host(du), u, length, SHORTEST, axis))
    step = 1e-6
    difference = (naive(x + step * direction, axis) - naive(x - step * direction, axis)) / (2 * step)
    assert (dx * direction).sum() == pytest.approx((difference * du).sum(), rel=1e-7)


def test_zeros_stay_zeros_and_the_dtype_is_kept(backend):
    x = backend.from_host(np.array([[0, 0], [3, 4]], np.float32))
    xp = get_array_module(x)
    u, length = unit_vectors(xp, x, 1e-12)
    assert to_host(u).tolist() == [[0, 0], [np.float32(0.6), np.float32(0.8)]]
    dx = unit_vectors_backward(xp, x, u, length, 1e-12)
    assert {u.dtype, length.dtype, dx.dtype} == {np.dtype(np.float32)}
    np.testing.assert_allclose(to_host(dx), 0, atol=1e-7)  # a change along a vector only stretches it


def test_what_is_left_lies_across():
    u, length = unit_vectors(np, X, SHORTEST)
    du = np.random.default_rng(2).normal(size=X.shape)
    left = across(np, du, u, (u * du).sum(-1, keepdims=True), length, SHORTEST)
    np.testing.assert_allclose((left * u).sum(-1), 0, atol=1e-14)
