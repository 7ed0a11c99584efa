"""The normal distribution function against the C library's erfc, scipy's where it is installed, and at the edges."""

import math

import numpy as np
import pytest

from npconformer.arrays.special import normal_cdf_numpy


def exact(x):
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in np.asarray(x, np.float64).ravel()])


# 0.5 erfc(-x / sqrt 2) at points on both sides of every boundary of the formulas, computed with 40 digits.
FROZEN = {
    -8.0: 6.220960574271785e-16,
    -3.0: 0.0013498980316300946,
    -1.5: 0.06680720126885807,
    -1.4: 0.08075665923377107,
    -0.5: 0.3085375387259869,
    0.0: 0.5,
    0.001: 0.500398942213911,
    0.25: 0.5987063256829237,
    1.0: 0.8413447460685429,
    1.4: 0.9192433407662289,
    1.5: 0.9331927987311419,
    3.0: 0.9986501019683699,
    9.0: 1.0,
}


def test_float64_frozen_values():
    np.testing.assert_allclose(normal_cdf_numpy(np.array(list(FROZEN))), list(FROZEN.values()), rtol=3e-15, atol=0)


def test_float64_against_the_c_library():
    x = np.concatenate([np.linspace(-8.4, 8.4, 20001), np.logspace(-300, 0, 500), -np.logspace(-300, 0, 500)])
    np.testing.assert_allclose(normal_cdf_numpy(x), exact(x), rtol=2e-14, atol=0)


def test_float64_vanishes_far_to_the_left():
    far = normal_cdf_numpy(np.array([-9.0, -20.0, -37.0, -1e4, -np.inf]))
    assert np.all(np.diff(far) <= 0)
    assert 0 < far[0] < 2e-19
    assert far[-1] == 0


def test_float32_is_within_the_stated_error():
    x = np.concatenate([np.linspace(-9, 9, 200001), np.logspace(-37, 0, 5000)]).astype(np.float32)
    error = np.abs(normal_cdf_numpy(x) - exact(x))
    assert error.max() <= 1.6e-7
    assert (np.abs(x) * error).max() <= 6e-7
    assert error.mean() <= 2.5e-8


def test_against_scipy():
    special = pytest.importorskip("scipy.special")
    x = np.random.default_rng(0).uniform(-8, 8, 300_000)
    np.testing.assert_allclose(normal_cdf_numpy(x), special.ndtr(x), rtol=2e-14, atol=0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_symmetry_tails_and_nan(dtype):
    x = np.random.default_rng(1).standard_normal(4000).astype(dtype) * dtype(3)
    y = normal_cdf_numpy(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(normal_cdf_numpy(-x) + y, 1, atol=2 * np.finfo(dtype).eps)
    assert np.all((y >= 0) & (y <= 1))
    tails = np.array([9, 1e4, np.inf], dtype)
    np.testing.assert_array_equal(normal_cdf_numpy(tails), np.ones(3, dtype))
    np.testing.assert_allclose(normal_cdf_numpy(-tails), 0, atol=1e-12)
    np.testing.assert_array_equal(normal_cdf_numpy(np.array([0.0, -0.0, np.nan], dtype)), [0.5, 0.5, np.nan])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (100_001,), (2, 3, 4)])
def test_shapes_and_out(dtype, shape):
    x = np.asarray(np.random.default_rng(2).standard_normal(shape), dtype)
    before, expected = x.copy(), normal_cdf_numpy(x)
    assert isinstance(expected, np.ndarray) and expected.shape == shape
    np.testing.assert_array_equal(x, before)
    out = np.empty_like(x)
    assert normal_cdf_numpy(x, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_strided_arrays(dtype):
    base = np.random.default_rng(3).standard_normal((50, 60)).astype(dtype)
    view = base[::2, ::-3]
    expected = normal_cdf_numpy(np.ascontiguousarray(view))
    np.testing.assert_array_equal(normal_cdf_numpy(view), expected)
    np.testing.assert_array_equal(normal_cdf_numpy(base.T).T, normal_cdf_numpy(base))
    out = np.zeros_like(base)
    normal_cdf_numpy(view, out=out[::2, ::-3])
    np.testing.assert_array_equal(out[::2, ::-3], expected)


def test_bad_input():
    with pytest.raises(ValueError, match="x has dtype int64"):
        normal_cdf_numpy(np.arange(3))
    with pytest.raises(ValueError, match="out has shape"):
        normal_cdf_numpy(np.zeros(3), out=np.zeros(4))
    with pytest.raises(ValueError, match="out has shape"):
        normal_cdf_numpy(np.zeros(3), out=np.zeros(3, np.float32))
