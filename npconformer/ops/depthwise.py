"""Depthwise convolution over time: every channel has a kernel of its own and meets no other channel.

Letters: B batch, T input time, U output time, C channels, K kernel taps, s stride, d dilation.

    y[b, u, c] = bias[c] + sum over k of  x[b, u*s + k*d, c] * weight[c, 0, k]            with x padded

There is no matrix product in it. The windows that the outputs see are a view of x, so nothing is copied, and the sum
over the taps runs while a frame's channels are in the cache. With g[u*s] = dy[u], and 0 between, the input's gradient
is the same sum over the windows of g with the taps in reverse:  dx[i] = sum over k of  g[i - k*d] * weight[k].

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of, contiguous, sliding_view
from npconformer.arrays.column_sums import column_sums
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation

SUMMED_AT_ONCE = 256  # frames that one float32 sum of the weight's gradient may have: it grows less exact with each


class Depthwise(Operation):
    """y = x * w + b, channel by channel;  dx = dy * reversed w,  dw[k] = sum over u of dy[u] x[u*s + k*d]"""

    def __init__(self, stride: int, padding: tuple[int, int], dilation: int) -> None:
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        self.save(x, weight)
        taps = contiguous(weight[:, 0].T)  # (K, C)
        windows = self._windows(pad_time(self.xp, x, self.padding), len(taps), self.stride)  # (B, U, K, C)
        y = self._sum_over_taps(windows, taps)
        if bias is not None:
            threads.add_to_rows(y.reshape(-1, y.shape[2]), bias)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, weight = self.saved
        xp, kernel, backend = self.xp, weight.shape[2], backend_of(x)
        dx = dweight = None
        if self.needs[0]:
            reversed_taps = contiguous(weight[:, 0, ::-1].T)  # (K, C)
            spread = self._spread(grad, x.shape[1], kernel)  # (B, T + d(K-1), C)
            dx = self._sum_over_taps(self._windows(spread, kernel, 1), reversed_taps)  # (B, T, C)
        if self.needs[1]:
            windows = self._windows(pad_time(xp, x, self.padding), kernel, self.stride)
            step = max(grad.shape[1], 1) if backend.longest_sum is None else SUMMED_AT_ONCE
            sums = xp.zeros((kernel, x.shape[2]))  # float64: one float32 sum over a long time would be too coarse

            def correlate(first: int, stop: int) -> None:
                part = slice(first, stop)
                for start in range(0, grad.shape[1], step):
                    time = slice(start, start + step)
                    pair = grad[:, time, part], windows[:, time, :, part]
                    sums[:, part] += backend.sums_of_products("buc,bukc->kc", *pair)

            threads.run_ranges(correlate, x.shape[2], grad.shape[1], backend)
            dweight = sums.T[:, None].astype(x.dtype, order="C")  # (C, 1, K)
        return dx, dweight, column_sums(xp, grad) if self.needs[2] else None

    def _sum_over_taps(self, windows: Array, taps: Array) -> Array:
        """(B, U, K, C), (K, C) -> (B, U, C)"""
        batch, outputs, _, channels = windows.shape
        backend = backend_of(windows)
        y = empty(self.xp, (batch, outputs, channels), taps.dtype)

        def convolve(first: int, stop: int) -> None:
            part = slice(first, stop)
            backend.sums_of_products("bukc,kc->buc", windows[:, part], taps, out=y[:, part])

        threads.run_ranges(convolve, outputs, batch * channels, backend)
        return y

    def _windows(self, padded: Array, kernel: int, stride: int) -> Array:
        """A view (B, U, K, C) of padded x: what each output sees."""
        batch, time, channels = padded.shape
        step_b, step_t, step_c = padded.strides
        shape = (batch, output_length(time, kernel, stride, self.dilation), kernel, channels)
        return sliding_view(padded, shape, (step_b, stride * step_t, self.dilation * step_t, step_c))

    def _spread(self, grad: Array, time: int, kernel: int) -> Array:
        """dy at multiples of the stride, as many zeros before it as its windows need, without what falls on padding."""
        batch, outputs, channels = grad.shape
        reach, (left, right) = self.dilation * (kernel - 1), self.padding
        spread = self.xp.zeros((batch, reach + left + time + right, channels), dtype=grad.dtype)
        spread[:, reach : reach + outputs * self.stride : self.stride] = grad
        return spread[:, left : left + time + reach]


def pad_time(xp: ModuleType, x: Array, padding: tuple[int, int]) -> Array:
    """(B, T, C) -> contiguous (B, left + T + right, C), with zeros before and after; x itself if it is that already."""
    left, right = padding
    if left == right == 0:
        return contiguous(x)
    batch, time, channels = x.shape
    padded = empty(xp, (batch, left + time + right, channels), x.dtype)
    padded[:, :left] = padded[:, left + time :] = 0
    padded[:, left : left + time] = x
    return padded


def output_length(time: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """U = floor((T - d(K-1) - 1) / s) + 1, for a length that includes the padding."""
    return (time - dilation * (kernel - 1) - 1) // stride + 1
