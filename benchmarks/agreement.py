"""Whether two outputs are the same up to rounding. Nothing is timed before this has been asked."""

from __future__ import annotations

import numpy as np

TOLERANCE = 2e-4  # float32; largest absolute difference over the largest absolute value
GRADIENT_TOLERANCE = 1e-3  # float32, base size, CTC computed in float32; norm of the difference over the norm


class DisagreementError(RuntimeError):
    """The two sides computed different things: their times must not be compared."""


def largest_difference(ours: np.ndarray, theirs: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """max|a - b| / max|b|.

    Raises:
        DisagreementError: shapes differ, something is not finite, or the difference is above the tolerance.
    """
    if ours.shape != theirs.shape:
        raise DisagreementError(f"the outputs have shapes {ours.shape} and {theirs.shape}")
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise DisagreementError("the outputs contain NaN or infinity")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return _within(float(np.abs(ours - theirs).max() / np.abs(theirs).max()), tolerance, "outputs")


def gradient_difference(
    ours: dict[str, np.ndarray | None], theirs: dict[str, np.ndarray | None], tolerance: float = GRADIENT_TOLERANCE
) -> float:
    """||a - b|| / ||b|| over all parameters together; None counts as zero. Raises as `largest_difference` does."""
    if ours.keys() != theirs.keys():
        raise DisagreementError(f"gradients of different parameters: {sorted(ours.keys() ^ theirs.keys())[:5]}")
    apart = size = 0.0
    for name, reference in theirs.items():
        mine = ours[name]
        if reference is None and mine is None:
            continue
        reference = np.zeros_like(mine) if reference is None else reference
        mine = np.zeros_like(reference) if mine is None else mine
        apart += float(np.square(mine - reference, dtype=np.float64).sum())
        size += float(np.square(reference, dtype=np.float64).sum())
    if not np.isfinite(apart):
        raise DisagreementError("the gradients contain NaN or infinity")
    return _within((apart / size) ** 0.5, tolerance, "gradients")


def _within(difference: float, tolerance: float, what: str) -> float:
    if not difference <= tolerance:
        raise DisagreementError(f"the {what} differ by {difference:.1e}, relative; at most {tolerance:.0e} is allowed")
    return difference
