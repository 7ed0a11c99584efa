"""How far two arrays are apart, and where.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Gap(NamedTuple):
    """The largest difference between two arrays.

    Attributes:
        absolute: max|a - b|; infinity where the shapes differ, NaN where either side has one.
        relative: the same over the largest finite |b|, or over the scale that was given.
        where: the index of the largest difference, of the first NaN; None where the shapes differ or nothing does.
    """

    absolute: float
    relative: float
    where: tuple[int, ...] | None


def measure(ours: np.ndarray, theirs: np.ndarray, scale: float | None = None) -> Gap:
    """max|ours - theirs|, also over `scale`, by default the largest finite magnitude in theirs.

    Computed in float64. Equal infinities do not differ; any difference from a reference of zeros is infinitely large.
    """
    if ours.shape != theirs.shape:
        return Gap(np.inf, np.inf, None)
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    with np.errstate(invalid="ignore"):
        gaps = np.where(ours == theirs, 0.0, np.abs(ours - theirs))
    if not gaps.any():  # NaN counts as true
        return Gap(0.0, 0.0, None)
    flat = int(np.argmax(gaps))  # the first NaN, if there is one
    where = tuple(int(index) for index in np.unravel_index(flat, gaps.shape))
    absolute = float(gaps[where])
    if np.isnan(absolute):
        return Gap(absolute, absolute, where)
    scale = float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)) if scale is None else scale
    return Gap(absolute, absolute / scale if scale else np.inf, where)


def argmax_flips(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, int]:
    """For scores (..., V): at how many places the best class differs, and at how many it was looked for."""
    flips = ours.argmax(axis=-1) != theirs.argmax(axis=-1)
    return int(flips.sum()), int(flips.size)
