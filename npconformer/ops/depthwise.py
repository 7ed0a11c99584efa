"""Depthwise convolution: each channel has its own kernel, so it is K multiply-adds of whole rows, no product at all.

Letters: B batch, T input time, U output time, C channels, K kernel taps, s stride, d dilation.

    y[b, u, c] = bias[c] + sum over k of  x[b, u*s + k*d, c] * weight[c, 0, k]
"""

from __future__ import annotations

from typing import Any

from npconformer import blocks
from npconformer.autograd import Operation
from npconformer.backend import backend_of


class Depthwise(Operation):
    """y = sum_k x_k w_k + b with x_k = x shifted by tap k;  dx_k += dy w_k,  dw_k = sum of dy x_k,  db = sum of dy"""

    def __init__(self, stride: int, padding: tuple[int, int], dilation: int) -> None:
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        self.save(x, weight)
        batch, _, channels = x.shape
        outputs = self._output_length(x, weight)
        taps = self.xp.ascontiguousarray(weight[:, 0].T)  # (K, C)
        y = self.xp.empty((batch, outputs, channels), dtype=x.dtype)  # (B, U, C)

        def convolve(first: int, stop: int) -> None:
            part = y[:, first:stop]
            part[...] = 0 if bias is None else bias
            products = self.xp.empty_like(part)
            for tap, (outs, ins) in self._overlaps(x, weight, first, stop):
                product = products[:, outs]
                self.xp.multiply(x[:, ins], taps[tap], out=product)
                part[:, outs] += product

        blocks.run_ranges(convolve, outputs, batch * channels, backend_of(x))
        return y

    def backward(self, grad: Any) -> tuple[Any, Any, Any]:
        x, weight = self.saved
        dx = self.xp.zeros_like(x) if self.needs[0] else None
        dweight = self.xp.zeros_like(weight) if self.needs[1] else None
        for tap, (outs, ins) in self._overlaps(x, weight, 0, grad.shape[1]):
            if dx is not None:
                dx[:, ins] += grad[:, outs] * weight[:, 0, tap]
            if dweight is not None:
                dweight[:, 0, tap] = self.xp.einsum("buc,buc->c", grad[:, outs], x[:, ins])
        return dx, dweight, grad.sum(axis=(0, 1)) if self.needs[2] else None

    def _output_length(self, x: Any, weight: Any) -> int:
        reach = self.dilation * (weight.shape[2] - 1) + 1
        return (x.shape[1] + sum(self.padding) - reach) // self.stride + 1

    def _overlaps(self, x: Any, weight: Any, first: int, stop: int) -> Any:
        """For each tap, the outputs from `first` on whose input at this tap is inside x (not padding), and those inputs.

        Output u reads input i = u*s + offset with offset = k*d - left; 0 <= i < T bounds u on both sides.
        """
        time, stride = x.shape[1], self.stride
        for tap in range(weight.shape[2]):
            offset = tap * self.dilation - self.padding[0]
            low = max(first, -(offset // stride))  # the smallest u with u*s + offset >= 0
            high = min(stop, (time - 1 - offset) // stride + 1)  # one behind the largest with u*s + offset < T
            if low < high:
                start = low * stride + offset
                ins = slice(start, start + (high - low - 1) * stride + 1, stride)
                yield tap, (slice(low - first, high - first), ins)
