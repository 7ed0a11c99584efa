"""The intervals of shares and rates."""

import numpy as np
import pytest

from npconformer.metrics import Share, bootstrap_interval, wilson_interval


@pytest.mark.parametrize(
    ("share", "expected"),
    [  # Newcombe 1998, table I
        (Share(81, 263), (0.2553, 0.3662)),
        (Share(15, 148), (0.0624, 0.1605)),
        (Share(0, 20), (0.0, 0.1611)),
        (Share(1, 29), (0.0061, 0.1718)),
    ],
)
def test_wilson_interval_as_published(share, expected):
    assert wilson_interval(share) == pytest.approx(expected, abs=5e-5)


def test_wilson_interval_is_symmetric():
    low, high = wilson_interval(Share(3, 40))
    assert wilson_interval(Share(37, 40)) == pytest.approx((1 - high, 1 - low))


def test_wilson_interval_needs_trials():
    for share in (Share(0, 0), Share(3, 2), Share(-1, 2)):
        with pytest.raises(ValueError, match="share"):
            wilson_interval(share)


def test_bootstrap_interval_of_single_words_is_near_wilsons():
    errors = np.arange(400) < 60
    expected = wilson_interval(Share(60, 400))
    assert bootstrap_interval(errors, np.ones(400)) == pytest.approx(expected, abs=0.006)


def test_bootstrap_interval_knows_that_errors_come_together():
    alone = bootstrap_interval([1] * 20 + [0] * 180, [1] * 200)
    together = bootstrap_interval([10, 10] + [0] * 18, [10] * 20)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_bootstrap_interval_is_the_same_every_time():
    assert bootstrap_interval([1, 0, 2], [3, 3, 4]) == bootstrap_interval([1, 0, 2], [3, 3, 4])
    assert bootstrap_interval([0, 0], [5, 5]) == (0, 0)


def test_bootstrap_interval_needs_something():
    with pytest.raises(ValueError, match="nothing"):
        bootstrap_interval([], [])
    with pytest.raises(ValueError, match="one length"):
        bootstrap_interval([1], [1, 2])


def test_draws_of_recordings_without_words_say_nothing():
    """One word, wrong, and a recording in which nothing is said and one word heard: the rate is never below 1."""
    assert bootstrap_interval([1, 1], [1, 0]) == (1.0, 2.0)
