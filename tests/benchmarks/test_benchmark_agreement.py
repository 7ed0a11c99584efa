"""Outputs that differ are never timed."""

import numpy as np
import pytest

from benchmarks.agreement import DisagreementError, gradient_difference, largest_difference

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.standard_normal((2, 5, 3)).astype(np.float32)


def test_difference_is_relative_to_the_largest_value():
    other = LOGITS.copy()
    other[1, 2, 0] += 1e-4 * np.abs(LOGITS).max()
    assert largest_difference(other, LOGITS) == pytest.approx(1e-4, rel=0.01)


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        (LOGITS * np.float32(1.001), "differ by"),
        (LOGITS[:, :4], "shapes"),
        (np.where(LOGITS == LOGITS.max(), np.nan, LOGITS), "NaN"),
    ],
)
def test_outputs_that_differ_raise(ours, message):
    with pytest.raises(DisagreementError, match=message):
        largest_difference(ours, LOGITS)


def test_gradients_of_all_parameters_together():
    theirs = {"a": LOGITS, "b": None, "c": None}
    assert gradient_difference({"a": LOGITS, "b": None, "c": np.zeros(3)}, theirs) == 0
    nearly = {"a": LOGITS * 1.0001, "b": None, "c": None}
    assert gradient_difference(nearly, theirs) == pytest.approx(1e-4, rel=0.01)
    with pytest.raises(DisagreementError, match="gradients differ"):
        gradient_difference({"a": None, "b": None, "c": None}, theirs)
    with pytest.raises(DisagreementError, match="NaN"):
        gradient_difference({"a": LOGITS * np.nan, "b": None, "c": None}, theirs)
    with pytest.raises(DisagreementError, match="different parameters"):
        gradient_difference({"a": LOGITS}, theirs)
