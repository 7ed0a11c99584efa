"""Group normalisation (Wu and He 2018, "Group normalization"), over time and the channels of a group.

Letters: B batch, T time, G groups, D channels in a group, C = G D. For each utterance and group, over its T D numbers:

    mu = mean(x),  v = mean((x - mu)^2),  r = 1 / sqrt(v + eps),  n = (x - mu) r,  y = n w + b

With g = dy * w and the same means:   dx = r (g - mean(g) - n mean(g n))

All of it follows from sums over time for each channel, which are added up within a group. With a frame mask the sums
and means run over the marked frames only, so that padding changes nothing. The other frames are normalised with the
same numbers, and their gradient reaches x through those as well.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from npconformer.arrays import threads
from npconformer.arrays.backend import asarray
from npconformer.arrays.column_sums import column_products, column_sums
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class GroupNorm(Operation):
    """y = n w + b with n normalised by utterance and group; keeps x, mu and r."""

    in_float32 = True

    def __init__(self, groups: int, eps: float) -> None:
        self.groups, self.eps = groups, eps

    def forward(self, x: Array, weight: Array, bias: Array, frame_mask: Array | None) -> Array:
        y = empty(self.xp, x.shape, x.dtype)
        mean, r = empty(self.xp, (2, x.shape[0], x.shape[2]), x.dtype)  # (B, C) each

        def normalise(xp: ModuleType, y: Array, x: Array) -> None:
            xp.multiply(x, scale, out=y)
            y += shift

        for b, (rows, marks) in enumerate(_utterances(x, frame_mask)):
            count = x.shape[1] if marks is None else marks.sum()
            (total,) = threads.sum_over(_sum_of_marked, rows, *_given(marks))
            mean[b] = self._group_mean(total, count)
            (squares,) = threads.sum_over(_sum_of_squares(mean[b]), rows, *_given(marks))
            r[b] = 1 / self.xp.sqrt(self._group_mean(squares, count) + self.eps)
            scale = r[b] * weight
            shift = bias - mean[b] * scale
            threads.run(normalise, y[b], rows)
        self.save(x, weight, frame_mask, mean, r)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None, None]:
        x, weight, frame_mask, mean, r = self.saved
        dx = self.xp.empty(x.shape, dtype=x.dtype) if self.needs[0] else None
        dweight, dbias = self.xp.zeros_like(weight), self.xp.zeros_like(weight)

        def sums(xp: ModuleType, grad: Array, x: Array) -> tuple[Array, Array]:
            n = (x - mean[b]) * r[b]
            return column_products(xp, grad, n), column_sums(xp, grad)

        def differentiate(xp: ModuleType, dx: Array, grad: Array, x: Array, *marks: Array) -> None:
            through_means = (x - mean[b]) * (r[b] * mean_gn)
            through_means += mean_g
            if marks:
                through_means *= marks[0][:, None]
            xp.multiply(grad, weight, out=dx)
            dx -= through_means
            dx *= r[b]

        for b, (rows, marks) in enumerate(_utterances(x, frame_mask)):
            count = x.shape[1] if marks is None else marks.sum()
            grad_n, grad_sum = threads.sum_over(sums, grad[b], rows)
            dweight += grad_n
            dbias += grad_sum
            if dx is not None:
                mean_g, mean_gn = self._group_mean(grad_sum * weight, count), self._group_mean(grad_n * weight, count)
                threads.run(differentiate, dx[b], grad[b], rows, *_given(marks))
        return dx, dweight if self.needs[1] else None, dbias if self.needs[2] else None, None

    def _group_mean(self, sums: Array, count: Any) -> Array:
        """Sums over time (C,) -> means over time and a group's channels (C,), repeated for its channels."""
        grouped = sums.reshape(self.groups, -1)  # (G, D)
        means = grouped.sum(axis=1, keepdims=True) / (count * grouped.shape[1])
        return self.xp.broadcast_to(means, grouped.shape).reshape(-1)


def _utterances(x: Array, frame_mask: Array | None) -> Iterator[tuple[Array, Array | None]]:
    """(T, C), and (T,) ones at marked frames and zeros elsewhere or None, for each utterance."""
    marks = [None] * len(x) if frame_mask is None else frame_mask.astype(x.dtype)
    return zip(x, marks, strict=True)


def _given(marks: Array | None) -> tuple[Array, ...]:
    return () if marks is None else (marks,)


def _sum_of_marked(xp: ModuleType, x: Array, *marks: Array) -> tuple[Array]:
    return (column_sums(xp, x * marks[0][:, None] if marks else x),)


def _sum_of_squares(mean: Array) -> Callable[..., tuple[Array]]:
    def on_piece(xp: ModuleType, x: Array, *marks: Array) -> tuple[Array]:
        n = x - mean
        return (column_products(xp, n * marks[0][:, None] if marks else n, n),)

    return on_piece


def group_norm(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array,
    groups: int,
    eps: float = 1e-5,
    frame_mask: Array | None = None,
) -> Tensor:
    """Normalises each utterance's groups of channels over time.

    Args:
        x: (B, T, C).
        weight, bias: (C,).
        groups: how many groups the C channels form.
        frame_mask: None, or (B, T) booleans: the frames that the statistics are taken over.
    """
    if len(x.shape) != 3 or groups < 1 or x.shape[2] % groups:
        raise ValueError(f"group_norm: x of shape {x.shape} does not split into {groups} groups of channels")
    if weight.shape != (x.shape[2],) or bias.shape != (x.shape[2],):
        raise ValueError(f"group_norm: expected weight and bias of shape ({x.shape[2]},)")
    if not (x.dtype == weight.dtype == bias.dtype):
        raise ValueError(f"group_norm: x is {x.dtype}, but weight is {weight.dtype} and bias {bias.dtype}")
    if frame_mask is not None:
        if frame_mask.shape != tuple(x.shape[:2]):
            raise ValueError(f"frame_mask: expected shape {tuple(x.shape[:2])}, got {frame_mask.shape}")
        frame_mask = asarray(frame_mask, x.data if isinstance(x, Tensor) else x)
    return GroupNorm(groups, eps)(x, weight, bias, frame_mask)
