"""From the frames of an utterance to one vector: their mean, and their mean and standard deviation.

Letters: B batch, T time, C channels, n[b] the frames of utterance b that count, which are its first ones.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.backend import asarray, to_host
from npconformer.arrays.column_sums import time_sums
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class MeanPool(Operation):
    """y = Σ_{t<n} x_t / n;  dx_t = dy / n for t < n, else 0"""

    in_float32 = True

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths

    def forward(self, x: Array) -> Array:
        counted, n = _counted(self.lengths, x)
        self.save(counted, n)
        return _mean(self.xp, x, counted, n)

    def backward(self, grad: Array) -> Array:
        counted, n = self.saved
        return self.xp.where(counted, (grad / n)[:, None, :], self.xp.zeros((), grad.dtype))


class StatisticsPool(Operation):
    """y = (μ, σ) with μ the mean and σ² = Σ_{t<n} (x_t - μ)² / (n - 1);  dx_t = dμ / n + dσ (x_t - μ) / (σ (n - 1))

    A channel that does not move has σ = 0, where σ has no derivative: its dσ is taken as 0.
    """

    in_float32 = True

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths

    def forward(self, x: Array) -> Array:
        xp = self.xp
        counted, n = _counted(self.lengths, x)  # (B, T, 1), (B, 1)
        mean = _mean(xp, x, counted, n)  # (B, C)
        centred = xp.where(counted, x - mean[:, None, :], xp.zeros((), x.dtype))  # (B, T, C)
        deviation = xp.sqrt(time_sums(xp, centred * centred) / (n - 1))  # (B, C)
        self.save(counted, n, centred, deviation)
        return xp.concatenate([mean, deviation], axis=1)  # (B, 2C)

    def backward(self, grad: Array) -> Array:
        counted, n, centred, deviation = self.saved
        xp, channels = self.xp, deviation.shape[1]
        dmean, ddeviation = grad[:, :channels] / n, grad[:, channels:]
        moves = deviation > 0
        one = xp.ones((), grad.dtype)
        slope = xp.where(moves, ddeviation / (xp.where(moves, deviation, one) * (n - 1)), xp.zeros((), grad.dtype))
        dx = centred * slope[:, None, :]
        dx += dmean[:, None, :]
        return xp.where(counted, dx, xp.zeros((), grad.dtype))


def _counted(lengths: np.ndarray, x: Array) -> tuple[Array, Array]:
    """Which frames count, (B, T, 1) booleans, and how many, (B, 1) in x's dtype."""
    counted = np.arange(x.shape[1]) < lengths[:, None]
    return asarray(counted[:, :, None], like=x), asarray(lengths[:, None].astype(x.dtype), like=x)


def _mean(xp: ModuleType, x: Array, counted: Array, n: Array) -> Array:
    return time_sums(xp, xp.where(counted, x, xp.zeros((), x.dtype))) / n


def mean_pool(x: Tensor | Array, lengths: ArrayLike | None = None) -> Tensor:
    """The mean over time.

    Args:
        x: (B, T, C).
        lengths: (B,) integers in 1..T, how many frames of each utterance count; None: all.

    Returns:
        (B, C) in x's dtype.
    """
    return MeanPool(_checked(x, lengths, at_least=1))(x)


def statistics_pool(x: Tensor | Array, lengths: ArrayLike | None = None) -> Tensor:
    """The mean and the unbiased standard deviation over time (Snyder et al. 2018, "X-vectors").

    Args:
        x: (B, T, C).
        lengths: (B,) integers in 2..T, how many frames of each utterance count; None: all.

    Returns:
        (B, 2C) in x's dtype: the means, then the deviations.
    """
    return StatisticsPool(_checked(x, lengths, at_least=2))(x)


def _checked(x: Tensor | Array, lengths: ArrayLike | None, at_least: int) -> np.ndarray:
    if len(x.shape) != 3:
        raise ValueError(f"x: expected shape (batch, time, channels), got {x.shape}")
    batch, time, _ = x.shape
    lengths = np.full(batch, time) if lengths is None else to_host(lengths)
    if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"lengths: expected {batch} integers, got {lengths.dtype} {lengths.shape}")
    if ((lengths < at_least) | (lengths > time)).any():
        raise ValueError(f"lengths: expected {at_least}..{time} frames, got {lengths.tolist()}")
    return lengths
