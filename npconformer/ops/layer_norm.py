"""Layer normalisation over the last axis (Ba et al. 2016, "Layer normalization", equation 4).

Letters: C channels (the last axis). For each row of x:

    mu = mean(x),  v = mean((x - mu)^2),  r = 1 / sqrt(v + eps),  n = (x - mu) r,  y = n w + b

With g = dy * w, and means over C:   dx = r (g - mean(g) - n mean(g n)),  dw = sum of dy n,  db = sum of dy

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of
from npconformer.arrays.column_sums import column_products, column_sums
from npconformer.arrays.dtypes import wide_dtype
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class LayerNorm(Operation):
    """y = n w + b with n the normalised rows; keeps n and r."""

    def __init__(self, eps: float, overwrite: bool) -> None:
        self.eps, self.overwrite = eps, overwrite

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        xp, channels = self.xp, x.shape[-1]
        rows, backend = x.reshape(-1, channels), backend_of(x)  # (N, C)
        in_place = self.overwrite and not self.recording and x.flags.c_contiguous
        y = rows if in_place else empty(xp, rows.shape, x.dtype)
        n = empty(xp, rows.shape, x.dtype) if self.recording else y  # without a recording n is overwritten by y
        r = empty(xp, (rows.shape[0], 1), wide_dtype(x.dtype))

        def normalise(xp: ModuleType, y: Array, n: Array, r: Array, rows: Array) -> None:
            threads.run_step(_subtract_mean, n, rows, backend.row_sums(rows), channels)
            threads.run_step(_reciprocal_deviation, r, backend.row_products(n, n), channels, self.eps)
            if n is y:
                threads.run_step(_normalise, y, n, r, weight, bias)
            else:
                n *= r
                threads.run_step(_scale_and_shift, y, n, weight, bias)

        threads.run(normalise, y, n, r, rows)
        if self.recording:
            self.save(n.reshape(x.shape), r.reshape(*x.shape[:-1], 1), weight)
        return y.reshape(x.shape)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        n, r, weight = self.saved
        channels, backend = n.shape[-1], backend_of(n)
        grad_rows, n_rows = grad.reshape(-1, channels), n.reshape(-1, channels)  # (N, C)
        dx = dweight = dbias = None
        if self.needs[0]:
            dx = empty(self.xp, n_rows.shape, n.dtype)

            def differentiate(xp: ModuleType, dx: Array, grad: Array, n: Array, r: Array) -> None:
                xp.multiply(grad, weight, out=dx)  # g
                projection = backend.sums_of_products("nc,nc->n", dx, n)[:, None]
                threads.run_step(
                    _through_mean_and_deviation, dx, dx.mean(axis=-1, keepdims=True), n, r, projection, channels
                )

            threads.run(differentiate, dx, grad_rows, n_rows, r.reshape(-1, 1))
            dx = dx.reshape(n.shape)
        if self.needs[1]:
            dweight = column_products(self.xp, grad_rows, n_rows)
        if self.needs[2]:
            dbias = column_sums(self.xp, grad_rows)
        return dx, dweight, dbias


def _subtract_mean(xp: ModuleType, n: Array, rows: Array, sums: Array, channels: int) -> None:
    xp.subtract(rows, sums / channels, out=n)


def _reciprocal_deviation(xp: ModuleType, r: Array, squares: Array, channels: int, eps: float) -> None:
    xp.divide(squares, channels, out=r)
    r += eps
    xp.sqrt(r, out=r)
    xp.reciprocal(r, out=r)


def _normalise(xp: ModuleType, y: Array, n: Array, r: Array, weight: Array, bias: Array) -> None:
    xp.multiply(n, r, out=y)  # y and n may be one array
    y *= weight
    y += bias


def _scale_and_shift(xp: ModuleType, y: Array, n: Array, weight: Array, bias: Array) -> None:
    xp.multiply(n, weight, out=y)
    y += bias


def _through_mean_and_deviation(
    xp: ModuleType, dx: Array, mean: Array, n: Array, r: Array, projection: Array, channels: int
) -> None:
    dx -= mean
    dx -= n * (projection / channels)
    dx *= r


def layer_norm(
    x: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array, eps: float = 1e-5, overwrite: bool = False
) -> Tensor:
    """Normalises each row of x (..., C) to mean 0 and variance 1, then scales by weight (C,) and adds bias (C,).

    With `overwrite`, the result may take x's memory where no gradient is recorded.
    """
    if not (x.shape[-1:] == weight.shape == bias.shape):
        raise ValueError(
            f"layer_norm: x has {x.shape[-1]} channels, but weight has shape {weight.shape} and bias {bias.shape}"
        )
    if not (x.dtype == weight.dtype == bias.dtype):
        raise ValueError(f"layer_norm: x is {x.dtype}, but weight is {weight.dtype} and bias {bias.dtype}")
    return LayerNorm(eps, overwrite)(x, weight, bias)
