"""Two-dimensional convolution on channels-last activations: over time and over the bands of a spectrogram.

Letters: B batch, T x F input times and bands, U x V output times and bands, C input channels, O output channels, K
kernel taps along time and along the bands, s stride.

    y[b, u, v, o] = bias[o] + sum over c, i, j of  x[b, u*s + i, v*s + j, c] * weight[o, c, i, j]       with x padded

What one output sees is K runs of K*C numbers each, one run for each of its K times. Copied side by side they are a row
of a matrix, and all outputs one matrix product ("im2col", Chellapilla et al. 2006). The rows overlap, so the whole
matrix would take K*K / s^2 times the input's memory; it is made and used piece by piece, of some output times at once.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of, contiguous, sliding_view
from npconformer.arrays.column_sums import column_sums
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.products import product
from npconformer.arrays.types import Array
from npconformer.ops.depthwise import output_length
from npconformer.ops.plane_depthwise import PlaneDepthwise, pad_plane
from npconformer.tape.autograd import Operation, Tensor

ROWS_SIZE = 2  # pieces of the backend's size that the copied rows of one product may take


class Conv2d(Operation):
    """y = rows W + b, piece by piece;  d rows = dy W^T, summed where rows overlap,  dW = rows^T dy,  db = sum of dy"""

    def __init__(self, stride: int, padding: tuple[int, int]) -> None:
        self.stride, self.padding = stride, padding

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        self.save(x, weight)
        windows = self._windows(pad_plane(self.xp, x, self.padding), weight.shape[2])  # (B, U, V, K, K*C)
        batch, times, bands, kernel, run = windows.shape
        y = empty(self.xp, (batch, times, bands, weight.shape[0]), x.dtype)
        matrix = self._matrix(weight)

        def convolve(first: int, stop: int) -> None:
            for item in range(batch):
                rows, part = self._rows(windows, item, slice(first, stop)), y[item, first:stop]
                self.xp.matmul(rows, matrix, out=part.reshape(len(rows), -1))
                if bias is not None:
                    part += bias

        backend = backend_of(x)
        threads.run_products(convolve, times, bands * kernel * run, backend, ROWS_SIZE * backend.piece_size)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, weight = self.saved
        xp, (left, up) = self.xp, self.padding
        padded, kernel = pad_plane(self.xp, x, self.padding), weight.shape[2]
        windows, matrix = self._windows(padded, kernel), self._matrix(weight)
        dx = xp.zeros_like(padded) if self.needs[0] else None
        dmatrix = xp.zeros_like(matrix) if self.needs[1] else None
        grad = contiguous(grad)
        for item, times in self._pieces(windows):
            part = grad[item, times].reshape(-1, grad.shape[3])  # (rows, O)
            if dmatrix is not None:
                dmatrix += product(xp, self._rows(windows, item, times).T, part)
            if dx is not None:
                self._add_rows(dx[item], product(xp, part, matrix.T), times, windows.shape[2], kernel)
        if dx is not None:
            dx = dx[:, left : left + x.shape[1], up : up + x.shape[2]]
        dweight = None
        if dmatrix is not None:
            dweight = contiguous(dmatrix.reshape(kernel, kernel, x.shape[3], -1).transpose(3, 2, 0, 1))
        return dx, dweight, column_sums(xp, grad) if self.needs[2] else None

    def _windows(self, padded: Array, kernel: int) -> Array:
        """A view (B, U, V, K, K*C) of padded x: the runs that each output sees."""
        batch, time, bands, channels = padded.shape
        steps = [size * padded.itemsize for size in (time * bands * channels, bands * channels, channels, 1)]
        outputs = [output_length(size, kernel, self.stride) for size in (time, bands)]
        strides = (steps[0], self.stride * steps[1], self.stride * steps[2], steps[1], steps[3])
        return sliding_view(padded, (batch, *outputs, kernel, kernel * channels), strides)

    def _pieces(self, windows: Array) -> Iterator[tuple[int, slice]]:
        """(item of the batch, its output times) of each product."""
        batch, times, bands, kernel, run = windows.shape
        step = max(1, ROWS_SIZE * backend_of(windows).piece_size // (bands * kernel * run))
        return ((item, slice(u, min(u + step, times))) for item in range(batch) for u in range(0, times, step))

    def _rows(self, windows: Array, item: int, times: slice) -> Array:
        """What the outputs of these times see, copied: (times * V, K*K*C)."""
        piece = windows[item, times]
        return contiguous(piece).reshape(piece.shape[0] * piece.shape[1], -1)

    def _add_rows(self, dx: Array, rows: Array, times: slice, bands: int, kernel: int) -> None:
        """Add the gradient of rows (times * V, K*K*C) to that of the padded input (T, F, C), tap by tap."""
        taps, s = rows.reshape(-1, bands, kernel, kernel, dx.shape[2]), self.stride
        for i in range(kernel):
            first = times.start * s + i
            for j in range(kernel):
                dx[first : first + len(taps) * s : s, j : j + bands * s : s] += taps[:, :, i, j]

    def _matrix(self, weight: Array) -> Array:
        """(O, C, K, K) -> (K*K*C, O), in the order of the rows."""
        return contiguous(weight.transpose(2, 3, 1, 0)).reshape(-1, weight.shape[0])


def conv2d(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array | None = None,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
) -> Tensor:
    """The convolution (cross-correlation) over time and bands, as torch's of this name, channels last.

    Args:
        x: (B, T, F, C).
        weight: (O, C / groups, K, K), as checkpoints store it.
        bias: (O,) or None.
        stride: along both axes, at least 1.
        padding: zeros at both ends of the time, and at both ends of the bands.
        groups: 1, or the number of channels where O is that, too: each channel then meets itself alone.

    Returns:
        (B, U, V, O) with U = floor((T + 2 p - K) / s) + 1, and V likewise.

    Raises:
        ValueError: shapes or dtypes that do not fit, or an input smaller than the kernel.
    """
    if len(x.shape) != 4 or len(weight.shape) != 4 or weight.shape[2] != weight.shape[3]:
        raise ValueError(f"conv2d: expected x (B, T, F, C) and weight (O, C, K, K), got {x.shape} and {weight.shape}")
    out, width, kernel, _ = weight.shape
    if stride < 1 or len(padding) != 2 or min(padding) < 0:
        raise ValueError(f"conv2d: bad stride {stride} or padding {padding}")
    if groups != 1 and not groups == x.shape[3] == out:
        raise ValueError(f"conv2d: {groups} groups of {x.shape[3]} channels to {out}; expected 1, or one for each")
    if width * groups != x.shape[3]:
        raise ValueError(f"conv2d: weight {weight.shape} does not fit {x.shape[3]} input channels")
    if x.dtype != weight.dtype:
        raise ValueError(f"conv2d: x is {x.dtype} but the weight is {weight.dtype}")
    if bias is not None and bias.shape != (out,):
        raise ValueError(f"conv2d: expected a bias of shape {(out,)}, got {bias.shape}")
    if min(size + 2 * zeros for size, zeros in zip(x.shape[1:3], padding)) < kernel:
        raise ValueError(f"conv2d: x {x.shape} with padding {padding} is smaller than a kernel of {kernel}")
    if groups > 1:
        return PlaneDepthwise(stride, padding)(x, weight, bias)
    return Conv2d(stride, padding)(x, weight, bias)
