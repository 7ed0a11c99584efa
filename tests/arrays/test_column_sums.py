"""Sums down long columns against math.fsum, and the gradients that are made of them over a recording of ten minutes."""

import math

import numpy as np
import pytest

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.arrays.column_sums import STRETCH, column_products, column_sums, outer_sums, time_sums
from npconformer.tape.autograd import Tensor

EPS = np.finfo(np.float32).eps
FRAMES = 30_000


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


def exact_columns(rows):
    return np.array([math.fsum(column) for column in np.asarray(rows, np.float64).T])


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 200])
def test_against_exact_sums(backend, rows):
    x, y = draw(rows, 5), draw(rows, 5, seed=1)
    xp = backend.xp
    ours = [backend.from_host(a) for a in (x, y)]
    for found, expected in (
        (column_sums(xp, ours[0]), exact_columns(x)),
        (column_products(xp, *ours), exact_columns(x.astype(np.float64) * y)),
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(to_host(found), expected, rtol=20 * EPS, atol=20 * EPS)


def test_each_recording_by_itself(backend):
    x = draw(3, 130, 4)
    found = to_host(time_sums(backend.xp, backend.from_host(x)))
    np.testing.assert_allclose(found, [exact_columns(one) for one in x], rtol=20 * EPS)


@pytest.mark.parametrize("rows", [0, 1, STRETCH, STRETCH + 1, 5 * STRETCH + 100])
@pytest.mark.parametrize("lead", [(1,), (2,), (2, 3)])
def test_products_of_columns(backend, rows, lead):
    x, y = draw(*lead, rows, 3), draw(*lead, rows, 4, seed=1)
    found = to_host(outer_sums(backend.xp, *[backend.from_host(a) for a in (x, y)]))
    expected = np.einsum("b...ni,b...nj->...ij", x.astype(np.float64), y.astype(np.float64))
    assert found.shape == expected.shape and found.dtype == np.float32
    weight = np.einsum("b...ni,b...nj->...ij", np.abs(x).astype(np.float64), np.abs(y)).max(initial=1)
    np.testing.assert_allclose(found, expected, atol=2 * EPS * weight)


def test_float64_stays_exact_to_its_own_rounding():
    x = draw(1000, 3).astype(np.float64)
    np.testing.assert_allclose(column_sums(np, x), exact_columns(x), rtol=1e-14)


def test_rows_that_do_not_lie_together(backend):
    x = np.ascontiguousarray(draw(5, 200)).T
    np.testing.assert_allclose(to_host(column_sums(backend.xp, backend.from_host(x))), exact_columns(x), rtol=20 * EPS)


# Every gradient that is a sum over time, in float32 over 30,000 frames against the same in float64. What the terms
# weigh together bounds their errors, of which one by rounding is EPS / 2; added in their order they err by 60 EPS.
LONG = {
    "linear, bias": (lambda x, w, b: ops.linear(x, w, b), [(4, 4), (4,)]),
    "layer norm": (lambda x, w, b: ops.layer_norm(x, w, b), [(4,), (4,)]),
    "group norm": (lambda x, w, b: ops.group_norm(x, w, b, 2), [(4,), (4,)]),
    "batch norm": (lambda x, w, b: ops.batch_norm(x, w, b, np.zeros(4, x.dtype), np.ones(4, x.dtype)), [(4,), (4,)]),
    "batch norm in training": (lambda x, w, b: ops.batch_norm_training(x, w, b)[0], [(4,), (4,)]),
    "depthwise": (lambda x, w, b: ops.conv1d(x, w, b, padding=2, groups=4), [(4, 1, 5), (4,)]),
    "convolution": (lambda x, w, b: ops.conv1d(x, w, b, padding=2), [(4, 4, 5), (4,)]),
    "convolution with a stride": (
        lambda x, w, b: ops.conv1d(np.concatenate([x.data] * 2, 1), w, b, 2),
        [(4, 4, 2), (4,)],
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_gradients_of_a_long_recording(name):
    function, shapes = LONG[name]
    arrays = [draw(1, FRAMES, 4)] + [draw(*shape, seed=2 + i) for i, shape in enumerate(shapes)]
    upstream = draw(1, FRAMES, 4, seed=9)
    gradients = {}
    for dtype in (np.float32, np.float64):
        tensors = [Tensor(a.astype(dtype), requires_grad=True) for a in arrays]
        function(*tensors).backward(upstream.astype(dtype))
        gradients[dtype] = [t.grad for t in tensors[1:]]
    weight = np.abs(upstream).sum(axis=(0, 1)).max()
    for single, double in zip(gradients[np.float32], gradients[np.float64], strict=True):
        assert np.abs(single - double).max() <= EPS * weight


@pytest.mark.parametrize("pool", [ops.mean_pool, ops.statistics_pool])
def test_pools_of_a_long_recording(pool):
    x = draw(2, FRAMES, 4)
    single, double = pool(x).numpy(), pool(x.astype(np.float64)).numpy()
    np.testing.assert_allclose(single, double, rtol=8 * EPS)
