"""Depthwise convolution over time and bands: every channel has a kernel of its own and meets no other channel.

Letters: B batch, T x F input times and bands, U x V output times and bands, C channels, K kernel taps along time and
along the bands, s stride.

    y[b, u, v, c] = bias[c] + sum over i, j of  x[b, u*s + i, v*s + j, c] * weight[c, 0, i, j]       with x padded

For each tap (i, j) the inputs that all outputs meet are a view of x, every s-th time and band; the sum runs over these
K*K views. The gradients are such sums, too: dx gets dy * weight[i, j] at the places of tap (i, j), and dweight[i, j] is
the sum of dy times the view. With a pointwise convolution behind it, it takes the place of a full convolution at about
1 / K^2 of the products (Howard et al. 2017, "MobileNets").

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import ModuleType

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of, contiguous
from npconformer.arrays.column_sums import column_sums
from npconformer.arrays.kept_memory import zeros
from npconformer.arrays.types import Array
from npconformer.ops.depthwise import SUMMED_AT_ONCE, output_length
from npconformer.tape.autograd import Operation


class PlaneDepthwise(Operation):
    """y = sum over taps of view * w + b;  d view += dy * w,  dw = sum of dy * view,  db = sum of dy"""

    def __init__(self, stride: int, padding: tuple[int, int]) -> None:
        self.stride, self.padding = stride, padding

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        self.save(x, weight)
        padded, taps = pad_plane(self.xp, x, self.padding), self._taps(weight)
        (times, bands), (batch, channels) = self._outputs(padded, weight), (x.shape[0], x.shape[3])
        y = zeros(self.xp, (batch, times, bands, channels), x.dtype)

        def convolve(first: int, stop: int) -> None:
            for item in range(batch):
                part = y[item, first:stop]
                for i, j in self._places(weight):
                    part += self._view(padded[item], i, j, first, stop, bands) * taps[i, j]

        threads.run_ranges(convolve, times, batch * bands * channels, backend_of(x))
        if bias is not None:
            threads.add_to_rows(y.reshape(-1, channels), bias)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, weight = self.saved
        xp, padded, taps = self.xp, pad_plane(self.xp, x, self.padding), self._taps(weight)
        dx = xp.zeros_like(padded) if self.needs[0] else None
        dtaps = xp.zeros(taps.shape) if self.needs[1] else None  # float64: sums over whole pictures
        times, bands = grad.shape[1:3]
        for item, (i, j) in product(range(len(x)), self._places(weight)):
            if dx is not None:
                view = self._view(dx[item], i, j, 0, times, bands)
                view += grad[item] * taps[i, j]
            if dtaps is not None:
                for first, stop in _few_times(times, bands):
                    view = self._view(padded[item], i, j, first, stop, bands)
                    dtaps[i, j] += backend_of(x).sums_of_products("uvc,uvc->c", grad[item, first:stop], view)
        if dx is not None:
            left, up = self.padding
            dx = dx[:, left : left + x.shape[1], up : up + x.shape[2]]
        dweight = None
        if dtaps is not None:
            dweight = contiguous(dtaps.transpose(2, 0, 1)[:, None]).astype(weight.dtype, copy=False)
        return dx, dweight, column_sums(xp, grad) if self.needs[2] else None

    def _outputs(self, padded: Array, weight: Array) -> list[int]:
        """U and V."""
        return [output_length(size, weight.shape[2], self.stride) for size in padded.shape[1:3]]

    def _places(self, weight: Array) -> Iterator[tuple[int, int]]:
        """Every tap (i, j)."""
        return product(range(weight.shape[2]), range(weight.shape[2]))

    def _taps(self, weight: Array) -> Array:
        """(C, 1, K, K) -> contiguous (K, K, C)"""
        return contiguous(weight[:, 0].transpose(1, 2, 0))

    def _view(self, padded: Array, i: int, j: int, first: int, stop: int, bands: int) -> Array:
        """(stop - first, V, C): what tap (i, j) of these output times meets in padded x (T, F, C)."""
        s = self.stride
        return padded[i + first * s : i + (stop - 1) * s + 1 : s, j : j + (bands - 1) * s + 1 : s]


def _few_times(times: int, bands: int) -> Iterator[tuple[int, int]]:
    """Ranges of output times that have few enough outputs for one float32 sum."""
    step = max(1, SUMMED_AT_ONCE // bands)
    return ((first, min(first + step, times)) for first in range(0, times, step))


def pad_plane(xp: ModuleType, x: Array, padding: tuple[int, int]) -> Array:
    """Contiguous (B, T, F, C) with `padding` zeros before and behind, along time and along the bands."""
    (left, up), (batch, time, bands, channels) = padding, x.shape
    padded = zeros(xp, (batch, time + 2 * left, bands + 2 * up, channels), x.dtype)
    padded[:, left : left + time, up : up + bands] = x
    return padded
