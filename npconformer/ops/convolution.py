"""One-dimensional convolution on channels-last activations, as a few matrix products on views of the input.

Letters: B batch, T input time, U output time, C input channels, O output channels, K kernel taps, G groups,
s stride, d dilation.

    y[b, u, o] = bias[o] + sum over c, k of  x[b, u*s + k*d, c] * weight[o, c, k]

In a contiguous (B, T, C) array the K rows that output u sees are one run of K*C numbers, which starts s*C numbers
behind that of output u-1. The runs of neighbouring outputs overlap, and a matrix product takes no such matrix. But the
runs of every P-th output, P = ceil(K / s), do not: for each of P phases they are the rows of a matrix that is a view of
x, and the outputs are every P-th row of y. So a kernel of 3 with a stride of 2 is two products, one for the even
outputs and one for the odd, with nothing copied and nothing added. With few outputs, whose phases would be thin, the
runs are copied into one matrix instead. With dilation or groups it is a product for each tap.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator

from npconformer.arrays import threads
from npconformer.arrays.backend import contiguous, sliding_view
from npconformer.arrays.column_sums import column_sums, outer_sums
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.products import product
from npconformer.arrays.types import Array
from npconformer.arrays.weight_layout import matrix_of_taps
from npconformer.ops.depthwise import Depthwise, output_length, pad_time
from npconformer.tape.autograd import Operation, Tensor

Padding = int | tuple[int, int]
EVERY = slice(0, None, 1)
FEW_ROWS = 128  # outputs of a phase: up to here one product with a copy of the runs is faster


class Conv1d(Operation):
    """y = rows W^T + b, piece by piece;  d rows = dy W,  dW = dy^T rows,  db = sum of dy"""

    def __init__(self, stride: int, padding: tuple[int, int], dilation: int, groups: int) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        self.save(x, weight)
        padded = pad_time(self.xp, x, self.padding)
        length = output_length(padded.shape[1], weight.shape[2], self.stride, self.dilation)
        y = empty(self.xp, (x.shape[0], length, weight.shape[0]), x.dtype)  # (B, U, O)
        phases = self._phases(weight)
        is_copied = 1 < phases and length <= FEW_ROWS * phases
        for outputs, taps in [(EVERY, slice(0, weight.shape[2]))] if is_copied else self._pieces(weight):
            part = self._grouped(y)[:, :, outputs]
            if outputs.start == 0:  # all phases have all taps
                matrix = self._matrix(weight, taps).swapaxes(-1, -2)
            rows = self._rows(padded, weight, outputs, taps)
            if is_copied:
                rows = contiguous(rows)
            if taps.start == 0:
                product(self.xp, rows, matrix, out=part)
            else:
                part += product(self.xp, rows, matrix)
        if bias is not None:
            threads.add_to_rows(y.reshape(-1, y.shape[2]), bias)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, weight = self.saved
        xp, padded = self.xp, pad_time(self.xp, x, self.padding)
        dx = xp.zeros_like(padded) if self.needs[0] else None
        dweight = xp.zeros_like(weight) if self.needs[1] else None
        for outputs, taps in self._pieces(weight):
            part = self._grouped(grad)[:, :, outputs]
            if outputs.start == 0:
                matrix = self._matrix(weight, taps)
            if dx is not None:  # the rows of one piece do not overlap, so += on the view is safe
                rows = self._rows(dx, weight, outputs, taps)
                rows += product(xp, part, matrix)
            if dweight is not None:
                rows = self._rows(padded, weight, outputs, taps)
                self._add_matrix(dweight, taps, outer_sums(xp, part, rows))
        if dx is not None and self.padding != (0, 0):
            dx = dx[:, self.padding[0] : self.padding[0] + x.shape[1]]
        return dx, dweight, column_sums(xp, grad) if self.needs[2] else None

    def _pieces(self, weight: Array) -> Iterator[tuple[slice, slice]]:
        """(outputs, taps) of each product: the phases with all taps, or all outputs with each tap."""
        taps, phases = weight.shape[2], self._phases(weight)
        if phases:
            return ((slice(phase, None, phases), slice(0, taps)) for phase in range(phases))
        return ((EVERY, slice(tap, tap + 1)) for tap in range(taps))

    def _phases(self, weight: Array) -> int:
        """P; 0 where there is a product for each tap."""
        return -(-weight.shape[2] // self.stride) if self.dilation == self.groups == 1 else 0

    def _grouped(self, y: Array) -> Array:
        """A view (B, G, U, O/G) of (B, U, O)."""
        batch, length, channels = y.shape
        return y.reshape(batch, length, self.groups, channels // self.groups).swapaxes(1, 2)

    def _rows(self, x: Array, weight: Array, outputs: slice, taps: slice) -> Array:
        """A view (B, G, outputs, taps*C/G) of padded x: for each of these outputs the inputs that these taps touch."""
        batch, time, channels = x.shape
        length = output_length(time, weight.shape[2], self.stride, self.dilation)
        width = channels // self.groups
        step_b, step_t, step_c = _contiguous_strides(x)
        first = outputs.start * self.stride + taps.start * self.dilation
        shape = (batch, self.groups, len(range(length)[outputs]), (taps.stop - taps.start) * width)
        strides = (step_b, width * step_c, outputs.step * self.stride * step_t, step_c)
        return sliding_view(x[:, first:], shape, strides)

    def _matrix(self, weight: Array, taps: slice) -> Array:
        """These taps' weights as a matrix (G, O/G, taps*C/G)."""
        return matrix_of_taps(weight, taps, self.groups)

    def _add_matrix(self, dweight: Array, taps: slice, matrix: Array) -> None:
        out, width, _ = dweight.shape
        dweight[:, :, taps] += matrix.reshape(out, -1, width).swapaxes(1, 2)


def _contiguous_strides(x: Array) -> tuple[int, int, int]:
    """The strides of a contiguous (B, T, C) in bytes, also where an axis of length 1 carries another number."""
    _, time, channels = x.shape
    return time * channels * x.itemsize, channels * x.itemsize, x.itemsize


def conv1d(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array | None = None,
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
    if groups == channels == out:
        return Depthwise(stride, (left, right), dilation)(x, weight, bias)
    return Conv1d(stride, (left, right), dilation, groups)(x, weight, bias)
