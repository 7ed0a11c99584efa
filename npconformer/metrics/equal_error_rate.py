"""Equal error rate of a verifier: where it accepts as large a share of impostors as it rejects of the right ones.

A trial with score s is accepted at threshold t when s ≥ t. The false acceptance rate falls with t, the false
rejection rate grows; between two thresholds at which one overtakes the other both are interpolated linearly, which
is where the straight lines between the points of the receiver operating characteristic meet the diagonal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class EqualErrorRate(NamedTuple):
    """The rate, 0 to 1, and the threshold at which it is reached."""

    rate: float
    threshold: float


def equal_error_rate(scores: Any, same: Any) -> EqualErrorRate:
    """The equal error rate of trials (N,).

    scores: higher means more likely the same speaker. same: whether it is the same, booleans or 0 and 1.

    Raises ValueError for shapes that differ, scores that are NaN, and trials of one kind only.
    """
    scores, same = np.asarray(scores, np.float64), np.asarray(same)
    if scores.ndim != 1 or scores.shape != same.shape:
        raise ValueError(f"scores and same must be two rows of one length, got shapes {scores.shape} and {same.shape}")
    if np.isnan(scores).any():
        raise ValueError("scores: some are NaN")
    if not np.isin(same, (0, 1)).all():
        raise ValueError("same: must be booleans, or 0 and 1")
    same = same.astype(bool)
    targets, impostors = int(same.sum()), int((~same).sum())
    if not (targets and impostors):
        raise ValueError(f"same: trials of both kinds are needed, got {targets} of the same and {impostors} of others")

    order = np.argsort(scores, kind="stable")
    scores, same = scores[order], same[order]
    first = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])  # of each score: equal ones move together
    thresholds = np.append(scores[first], scores[-1])
    rejected_targets = np.append(np.r_[0, np.cumsum(same)][first], targets) / targets
    accepted_impostors = np.append(impostors - np.r_[0, np.cumsum(~same)][first], 0) / impostors

    difference = rejected_targets - accepted_impostors  # from -1 to 1, growing
    k = int(np.argmax(difference >= 0))
    step = difference[k] - difference[k - 1]  # k > 0: the first difference is -1
    share = -difference[k - 1] / step
    rate = rejected_targets[k - 1] + share * (rejected_targets[k] - rejected_targets[k - 1])
    threshold = thresholds[k - 1] + share * (thresholds[k] - thresholds[k - 1])
    return EqualErrorRate(float(rate), float(threshold))
