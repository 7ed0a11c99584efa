"""How far two arrays are apart: against a slow twin, and at the values that arithmetic stumbles over."""

import numpy as np
import pytest

from npconformer.verify.differences import argmax_flips, measure

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_against_a_slow_twin(dtype):
    random = np.random.default_rng(0)
    for _ in range(20):
        a, b = ((100 * random.standard_normal((3, 4, 5))).astype(dtype) for _ in range(2))
        gaps = {index: abs(float(a[index]) - float(b[index])) for index in np.ndindex(a.shape)}
        found = measure(a, b)
        assert found.where == max(gaps, key=gaps.get)
        assert found.absolute == gaps[found.where]
        assert found.relative == found.absolute / max(abs(float(value)) for value in b.ravel())


def test_a_small_difference_between_large_numbers_is_seen():
    a = np.array([1e8, 1.0])
    assert measure(a, a + np.array([0, 1e-12])).absolute == pytest.approx(1e-12, rel=1e-3)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], (0, 0, None)),
        ([], [], (0, 0, None)),
        (3.0, 2.0, (1, 0.5, ())),
        ([0.0, 0.0], [0.0, 0.0], (0, 0, None)),
        ([0.0, 1e-30], [0.0, 0.0], (1e-30, INF, (1,))),
        ([INF, 1.0], [INF, 1.0], (0, 0, None)),
        ([1.0, INF], [1.0, 2.0], (INF, INF, (1,))),
        ([INF, 1.0, 4.0], [INF, 2.0, 4.0], (1, 0.25, (1,))),
        ([-INF, 1.0], [INF, 1.0], (INF, INF, (0,))),
        ([1.0, NAN, 9.0], [1.0, 2.0, 3.0], (NAN, NAN, (1,))),
        ([1.0, 2.0, 9.0], [1.0, NAN, 3.0], (NAN, NAN, (1,))),
        ([NAN], [NAN], (NAN, NAN, (0,))),
        ([[1.0]], [1.0], (INF, INF, None)),
    ],
)
def test_special_values(ours, theirs, expected):
    np.testing.assert_equal(tuple(measure(np.array(ours), np.array(theirs))), expected)


def test_a_scale_of_ones_own():
    assert measure(np.array([1.0]), np.array([3.0]), scale=8.0).relative == 0.25
    assert measure(np.array([1.0]), np.array([3.0]), scale=0.0).relative == INF


def test_flips():
    ours = np.array([[[0.0, 1.0], [2.0, 1.0]], [[5.0, 1.0], [0.0, 1.0]]])
    theirs = np.array([[[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [0.0, 0.1]]])
    assert argmax_flips(ours, theirs) == (2, 4)
