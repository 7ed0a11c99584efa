"""erf against the C library's, against scipy's where it is installed, and at the edges."""

import math

import numpy as np
import pytest

from npconformer.special import BLOCK, erf_numpy

# math.erf at points on both sides of every boundary of the formulas.
FROZEN = {
    1e-300: 1.1283791670955126e-300,
    1e-08: 1.1283791670955126e-08,
    0.001: 0.0011283787909692365,
    0.1: 0.1124629160182849,
    0.25: 0.2763263901682369,
    0.5: 0.5204998778130465,
    0.75: 0.7111556336535151,
    0.999999: 0.8427003778418023,
    1.0: 0.8427007929497149,
    1.5: 0.9661051464753108,
    2.0: 0.9953222650189527,
    3.0: 0.9999779095030014,
    4.2: 0.9999999971445058,
    5.0: 0.9999999999984626,
    5.9: 0.9999999999999999,
    6.5: 1.0,
}


def test_float64_frozen_values():
    x = np.array(list(FROZEN))
    np.testing.assert_allclose(erf_numpy(x), list(FROZEN.values()), rtol=1e-15, atol=0)


def test_float64_against_the_c_library():
    x = np.concatenate([np.linspace(-7, 7, 20001), np.logspace(-300, 0, 500)])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(erf_numpy(x), expected, rtol=1e-15, atol=0)


def test_float32_units_in_the_last_place():
    x = np.concatenate([np.linspace(1e-6, 5, 100001), np.logspace(-37, 0, 5000)]).astype(np.float32)
    expected = np.array([math.erf(v) for v in x.astype(np.float64)])
    error = np.abs(erf_numpy(x).astype(np.float64) - expected) / np.spacing(expected.astype(np.float32))
    assert error.max() <= 3
    assert error.mean() <= 0.6


def test_against_scipy():
    special = pytest.importorskip("scipy.special")
    x = np.random.default_rng(0).uniform(-6.5, 6.5, 300_000)
    np.testing.assert_allclose(erf_numpy(x), special.erf(x), rtol=1e-15, atol=0)
    np.testing.assert_allclose(erf_numpy(x.astype(np.float32)), special.erf(x.astype(np.float32)), rtol=4e-7, atol=0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_symmetry_tails_and_nan(dtype):
    x = np.random.default_rng(1).standard_normal(4000).astype(dtype) * dtype(3)
    y = erf_numpy(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(erf_numpy(-x), -y)
    assert np.all(np.abs(y) <= 1)
    tails = np.array([6, 1e4, np.inf], dtype)
    np.testing.assert_array_equal(erf_numpy(tails), np.ones(3, dtype))
    np.testing.assert_array_equal(erf_numpy(-tails), -np.ones(3, dtype))
    edges = erf_numpy(np.array([0.0, -0.0, np.nan], dtype))
    np.testing.assert_array_equal(edges, [0, 0, np.nan])
    np.testing.assert_array_equal(np.signbit(edges[:2]), [False, True])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (BLOCK + 1,), (2, 3, 4)])
def test_shapes_and_out(dtype, shape):
    x = np.asarray(np.random.default_rng(2).standard_normal(shape), dtype)
    before, expected = x.copy(), erf_numpy(x)
    assert isinstance(expected, np.ndarray) and expected.shape == shape
    np.testing.assert_array_equal(x, before)
    out = np.empty_like(x)
    assert erf_numpy(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    erf_numpy(x, out=x)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_strided_arrays(dtype):
    base = np.random.default_rng(3).standard_normal((50, 60)).astype(dtype)
    view = base[::2, ::-3]
    expected = erf_numpy(np.ascontiguousarray(view))
    np.testing.assert_array_equal(erf_numpy(view), expected)
    np.testing.assert_array_equal(erf_numpy(base.T).T, erf_numpy(base))
    erf_numpy(view, out=view)
    np.testing.assert_array_equal(view, expected)


def test_bad_input():
    with pytest.raises(ValueError, match="x has dtype int64"):
        erf_numpy(np.arange(3))
    with pytest.raises(ValueError, match="out has shape"):
        erf_numpy(np.zeros(3), out=np.zeros(4))
    with pytest.raises(ValueError, match="out has shape"):
        erf_numpy(np.zeros(3), out=np.zeros(3, np.float32))
