"""Equal error rates against thresholds tried one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.metrics import equal_error_rate


def naive_rate(scores, same):
    """Every threshold by a loop, then the crossing between two neighbours."""
    thresholds = [*sorted(set(scores)), np.inf]
    targets = [s for s, is_same in zip(scores, same) if is_same]
    impostors = [s for s, is_same in zip(scores, same) if not is_same]
    points = [
        (sum(s < t for s in targets) / len(targets), sum(s >= t for s in impostors) / len(impostors))
        for t in thresholds
    ]
    for (r0, a0), (r1, a1) in pairwise(points):
        if r1 >= a1:
            share = (a0 - r0) / ((a0 - r0) + (r1 - a1))
            return r0 + share * (r1 - r0)
    raise AssertionError("the rates do not cross")


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=40))
def test_equals_the_naive_twin(trials):
    scores, same = zip(*trials)
    if all(same) or not any(same):
        return
    assert equal_error_rate(scores, same).rate == pytest.approx(naive_rate(scores, same), abs=1e-12)


@pytest.mark.parametrize(
    ("targets", "impostors", "expected"),
    [
        ([3, 4], [1, 2], 0.0),  # kept apart
        ([1, 2], [3, 4], 1.0),  # the wrong way round
        ([1, 1], [1, 1], 0.5),  # nothing told apart
        ([1, 3, 4, 5], [0, 0, 0, 2], 0.25),
    ],
)
def test_known_cases(targets, impostors, expected):
    scores = [*targets, *impostors]
    same = [True] * len(targets) + [False] * len(impostors)
    assert equal_error_rate(scores, same).rate == pytest.approx(expected)


def test_threshold_separates():
    rate, threshold = equal_error_rate([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0])
    assert rate == 0
    assert 0.2 < threshold <= 0.8


def test_two_normal_distributions():
    random = np.random.default_rng(0)
    scores = np.concatenate([random.normal(2, 1, 40000), random.normal(0, 1, 60000)])
    result = equal_error_rate(scores, np.arange(100000) < 40000)
    assert result.rate == pytest.approx(0.158655, abs=0.004)  # of a deviation of 1 at the middle
    assert result.threshold == pytest.approx(1, abs=0.03)


def test_growing_scores_monotonically_changes_nothing():
    random = np.random.default_rng(1)
    scores, same = random.normal(size=200), random.random(200) < 0.4
    assert equal_error_rate(np.exp(scores), same).rate == pytest.approx(equal_error_rate(scores, same).rate)


@pytest.mark.parametrize(
    ("scores", "same", "message"),
    [
        ([1.0, 2.0], [True], "one length"),
        ([1.0, np.nan], [True, False], "NaN"),
        ([1.0, 2.0], [True, True], "2 of the same and 0 of others"),
        ([1.0, 2.0], [0, 2], "0 and 1"),
    ],
)
def test_wrong_trials(scores, same, message):
    with pytest.raises(ValueError, match=message):
        equal_error_rate(scores, same)
