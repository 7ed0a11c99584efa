"""One-dimensional convolution on channels-last activations, as a few matrix products on views of the input.

Letters: B batch, T input time, U output time, C input channels, O output channels, K kernel taps, G groups,
s stride, d dilation.

    y[b, u, o] = bias[o] + sum over c, k of  x[b, u*s + k*d, c] * weight[o, c, k]

In a contiguous (B, T, C) array the s rows from u*s on are one run of s*C numbers, and the next output's run starts
right behind it. So s neighbouring taps together are one matrix product on a view, and nothing is copied: a kernel of 3
with a stride of 2 is one product over taps 0 and 1, and one over tap 2. With dilation or groups a run is a single tap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npconformer.autograd import Operation, Tensor
from npconformer.backend import sliding_view
from npconformer.ops.depthwise import Depthwise

Padding = int | tuple[int, int]


class Conv1d(Operation):
    """y = x * W + b;  dx and dW follow tap by tap from the product's own rule (dA = dY B^T, dB = A^T dY)"""

    def __init__(self, stride: int, padding: tuple[int, int], dilation: int, groups: int) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        self.save(x, weight)
        x = pad_time(self.xp, x, self.padding)
        y = None
        for taps in self._runs(weight):
            product = self.xp.matmul(self._rows(x, weight, taps), self._weights(weight, taps))  # (B, G, U, O/G)
            y = product if y is None else self.xp.add(y, product, out=y)
        batch, _, length, _ = y.shape
        y = y.swapaxes(1, 2).reshape(batch, length, weight.shape[0])  # (B, U, O)
        if bias is not None:
            y += bias
        return y

    def backward(self, grad: Any) -> tuple[Any, Any, Any]:
        x, weight = self.saved
        xp, padded = self.xp, pad_time(self.xp, x, self.padding)
        batch, length, channels = grad.shape
        grouped = grad.reshape(batch, length, self.groups, channels // self.groups).swapaxes(1, 2)  # (B, G, U, O/G)
        dx = xp.zeros_like(padded) if self.needs[0] else None
        dweight = xp.empty_like(weight) if self.needs[1] else None
        for taps in self._runs(weight):
            if dx is not None:  # the rows of one run do not overlap, so += on the view is safe
                rows = self._rows(dx, weight, taps)
                rows += xp.matmul(grouped, self._weights(weight, taps).swapaxes(-1, -2))
            if dweight is not None:
                product = xp.matmul(self._rows(padded, weight, taps).swapaxes(-1, -2), grouped).sum(axis=0)
                self._store_weights(dweight, taps, product)
        if dx is not None and self.padding != (0, 0):
            dx = dx[:, self.padding[0] : self.padding[0] + x.shape[1]]
        return dx, dweight, grad.sum(axis=(0, 1)) if self.needs[2] else None

    def _runs(self, weight: Any) -> Iterator[slice]:
        """The taps, cut into runs whose rows lie one behind the other in memory without overlapping."""
        taps = weight.shape[2]
        length = self.stride if self.dilation == 1 and self.groups == 1 else 1
        return (slice(first, min(first + length, taps)) for first in range(0, taps, length))

    def _rows(self, x: Any, weight: Any, taps: slice) -> Any:
        """A view (B, G, U, run*C/G) of padded x: for each output the inputs that this run of taps touches."""
        batch, time, channels = x.shape
        outputs = output_length(time, weight.shape[2], self.stride, self.dilation)
        width = channels // self.groups
        step_b, step_t, step_c = x.strides
        shape = (batch, self.groups, outputs, (taps.stop - taps.start) * width)
        strides = (step_b, width * step_c, self.stride * step_t, step_c)
        return sliding_view(x[:, taps.start * self.dilation :], shape, strides)

    def _weights(self, weight: Any, taps: slice) -> Any:
        """This run's weights as a matrix (G, run*C/G, O/G)."""
        out, width, _ = weight.shape
        part = weight[:, :, taps].reshape(self.groups, out // self.groups, width, -1)
        return part.transpose(0, 3, 2, 1).reshape(self.groups, -1, out // self.groups)

    def _store_weights(self, dweight: Any, taps: slice, product: Any) -> None:
        out, width, _ = dweight.shape
        product = product.reshape(self.groups, -1, width, out // self.groups)  # (G, run, C/G, O/G)
        dweight[:, :, taps] = product.transpose(0, 3, 2, 1).reshape(out, width, -1)


def pad_time(xp: Any, x: Any, padding: tuple[int, int]) -> Any:
    """(B, T, C) -> contiguous (B, left + T + right, C), with zeros before and after; x itself if it is that already."""
    left, right = padding
    if left == right == 0:
        return xp.ascontiguousarray(x)
    batch, time, channels = x.shape
    padded = xp.zeros((batch, left + time + right, channels), dtype=x.dtype)
    padded[:, left : left + time] = x
    return padded


def output_length(time: int, kernel: int, stride: int, dilation: int = 1) -> int:
    """U = floor((T - d(K-1) - 1) / s) + 1, for a length that includes the padding."""
    return (time - dilation * (kernel - 1) - 1) // stride + 1


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution (cross-correlation, as in every deep-learning library) over time.

    Args:
        x: (B, T, C).
        weight: (O, C / groups, K), as checkpoints store it.
        bias: (O,) or None.
        stride, dilation, groups: at least 1.
        padding: zeros at both ends, or (left, right); (d(K-1), 0) makes the convolution causal.

    Returns:
        (B, U, O) with U = floor((T + left + right - d(K-1) - 1) / s) + 1.

    Raises:
        ValueError: shapes that do not fit, or an input shorter than the kernel reaches.
    """
    left, right = (padding, padding) if isinstance(padding, int) else padding
    if len(x.shape) != 3 or len(weight.shape) != 3:
        raise ValueError(f"conv1d: expected x (B, T, C) and weight (O, C/groups, K), got {x.shape} and {weight.shape}")
    if min(stride, dilation, groups) < 1 or min(left, right) < 0:
        raise ValueError(f"conv1d: bad stride {stride}, dilation {dilation}, groups {groups} or padding {padding}")
    (_, time, channels), (out, width, kernel) = x.shape, weight.shape
    if width * groups != channels or out % groups:
        raise ValueError(f"conv1d: weight {weight.shape} with {groups} groups does not fit {channels} input channels")
    if x.dtype != weight.dtype:
        raise ValueError(f"conv1d: x is {x.dtype} but the weight is {weight.dtype}")
    if bias is not None and bias.shape != (out,):
        raise ValueError(f"conv1d: expected a bias of shape {(out,)}, got {bias.shape}")
    if output_length(time + left + right, kernel, stride, dilation) < 1:
        raise ValueError(
            f"conv1d: x has {time} time steps, too few for a kernel that reaches over {dilation * (kernel - 1) + 1}"
        )
    operation = Depthwise if groups == channels == out else Conv1d
    settings = (stride, (left, right), dilation) + (() if operation is Depthwise else (groups,))
    return operation(*settings)(x, weight, bias)
