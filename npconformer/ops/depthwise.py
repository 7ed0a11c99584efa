"""Depthwise convolution: each channel has its own kernel, so it is K multiply-adds of whole rows, no product at all.

Letters: B batch, T input time, U output time, C channels, K kernel taps, s stride, d dilation.

    y[b, u, c] = bias[c] + sum over k of  x[b, u*s + k*d, c] * weight[c, 0, k]
"""

from __future__ import annotations

from typing import Any

from npconformer.autograd import Operation


class Depthwise(Operation):
    """y = sum_k x_k w_k + b with x_k = x shifted by tap k;  dx_k += dy w_k,  dw_k = sum of dy x_k,  db = sum of dy"""

    def __init__(self, stride: int, padding: tuple[int, int], dilation: int) -> None:
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        self.save(x, weight)
        outputs = self._output_length(x, weight)
        y = self.xp.zeros((x.shape[0], outputs, x.shape[2]), dtype=x.dtype)  # (B, U, C)
        for tap, (outs, ins) in self._overlaps(x, weight, outputs):
            y[:, outs] += x[:, ins] * weight[:, 0, tap]
        if bias is not None:
            y += bias
        return y

    def backward(self, grad: Any) -> tuple[Any, Any, Any]:
        x, weight = self.saved
        dx = self.xp.zeros_like(x) if self.needs[0] else None
        dweight = self.xp.zeros_like(weight) if self.needs[1] else None
        for tap, (outs, ins) in self._overlaps(x, weight, grad.shape[1]):
            if dx is not None:
                dx[:, ins] += grad[:, outs] * weight[:, 0, tap]
            if dweight is not None:
                dweight[:, 0, tap] = self.xp.einsum("buc,buc->c", grad[:, outs], x[:, ins])
        return dx, dweight, grad.sum(axis=(0, 1)) if self.needs[2] else None

    def _output_length(self, x: Any, weight: Any) -> int:
        reach = self.dilation * (weight.shape[2] - 1) + 1
        return (x.shape[1] + sum(self.padding) - reach) // self.stride + 1

    def _overlaps(self, x: Any, weight: Any, outputs: int) -> Any:
        """For each tap, the outputs whose input at this tap is inside x (not padding), and those inputs.

        Output u reads input i = u*s + offset with offset = k*d - left; 0 <= i < T bounds u on both sides.
        """
        time, stride = x.shape[1], self.stride
        for tap in range(weight.shape[2]):
            offset = tap * self.dilation - self.padding[0]
            first = max(0, -(offset // stride))  # the smallest u with u*s + offset >= 0
            last = min(outputs, (time - 1 - offset) // stride + 1)  # one behind the largest with u*s + offset < T
            if first < last:
                start = first * stride + offset
                yield tap, (slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride))
