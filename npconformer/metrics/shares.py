"""How many of all, and how sure one can be of a share that was measured."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

CONFIDENCE = 0.95
Z = 1.959964  # normal deviations of 95 %
RESAMPLES = 2000


class Share(NamedTuple):
    """`count` of `total`."""

    count: int
    total: int

    @property
    def rate(self) -> float:
        """0 to 1; NaN of nothing."""
        return self.count / self.total if self.total else math.nan


def wilson_interval(share: Share) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which is sensible also at 0, at 1 and for few trials.

    Raises ValueError where there is nothing to tell from.
    """
    count, total = share
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"share: expected 0 <= count <= total and a total above 0, got {count} of {total}")
    p, z2 = count / total, Z * Z / total
    middle = (p + z2 / 2) / (1 + z2)
    half = math.sqrt(p * (1 - p) * z2 + z2 * z2 / 4) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(errors: Any, totals: Any, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of sum(errors) / sum(totals), by drawing the recordings anew, with replacement.

    errors, totals: of each recording (N,), such as its wrong words and its words. Recordings of one speaker are
    drawn as if they were independent, so for other speakers the interval is too narrow.

    Raises ValueError for shapes that differ and where there is nothing to tell from.
    """
    errors, totals = np.asarray(errors, np.float64), np.asarray(totals, np.float64)
    if errors.shape != totals.shape or errors.ndim != 1:
        raise ValueError(f"errors and totals must be two rows of one length, got {errors.shape} and {totals.shape}")
    if totals.sum() <= 0:
        raise ValueError("totals: there is nothing in them")
    random = np.random.default_rng(seed)
    rates = []
    for _ in range(RESAMPLES):
        times = np.bincount(random.integers(len(errors), size=len(errors)), minlength=len(errors))
        if (total := times @ totals) > 0:  # nothing can be told from a draw of silent recordings alone
            rates.append(times @ errors / total)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    return float(low), float(high)
