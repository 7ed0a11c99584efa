"""Labels beside each other on a line, none over another, each as near as can be to where it belongs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread(centres: Sequence[float], widths: Sequence[float], low: float, high: float) -> np.ndarray:
    """Where to centre labels (S,) of `widths` so that they do not overlap, in their order, within [low, high].

    Minimises Σ (p_i - c_i)² under p_{i+1} - p_i >= (w_i + w_{i+1}) / 2. With z_i = p_i - (what the labels before
    need), that is a least-squares fit by a non-decreasing sequence, which pooling neighbours in the wrong order solves
    (pool adjacent violators; Ayer et al., 1955). Labels wider together than high - low overlap past `high`.

    Raises ValueError for centres that are not in order or lists of two lengths.
    """
    centres, widths = np.asarray(centres, np.float64), np.asarray(widths, np.float64)
    if centres.shape != widths.shape or centres.ndim != 1 or np.any(np.diff(centres) < 0):
        raise ValueError(f"expected centres in order and as many widths, got {centres.tolist()}, {widths.tolist()}")
    if not len(centres):
        return centres
    fitted, needed = _fit(centres, widths, np.ones(len(centres)))
    lowest, highest = low + widths[0] / 2, high - widths[-1] / 2 - needed[-1]
    return np.clip(fitted, lowest, max(lowest, highest)) + needed


def separate(centres: Sequence[float], widths: Sequence[float], weights: Sequence[float] | None = None) -> np.ndarray:
    """The same without ends; centres (S,) may be in any order, and the labels keep that of the list.

    weights: (S,) how much each label insists on its place: Σ w_i (p_i - c_i)² is minimised. None: all the same.
    """
    heavy = np.ones(len(centres)) if weights is None else np.asarray(weights, np.float64)
    fitted, needed = _fit(np.asarray(centres, np.float64), np.asarray(widths, np.float64), heavy)
    return fitted + needed


def _fit(centres: np.ndarray, widths: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(z, what the labels before need), both (S,): z does not decrease and is as near as can be to centres - needed."""
    needed = np.concatenate([[0.0], np.cumsum((widths[1:] + widths[:-1]) / 2)])
    pools: list[tuple[float, float, int]] = []  # (weighted sum, weight, count); their means do not decrease
    for value, weight in zip(centres - needed, weights):
        total, heavy, count = value * weight, weight, 1
        while pools and pools[-1][0] / pools[-1][1] > total / heavy:
            total, heavy, count = total + pools[-1][0], heavy + pools[-1][1], count + pools[-1][2]
            pools.pop()
        pools.append((total, heavy, count))
    return np.concatenate([np.full(count, total / heavy) for total, heavy, count in pools]), needed
