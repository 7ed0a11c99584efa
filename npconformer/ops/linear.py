"""Linear maps of frames, which every projection and 1x1 convolution is, with what follows them in the same pass.

Letters: N rows (all leading axes together), I inputs, O outputs.

    linear             y = x W^T + b
    with activation    y = f(x W^T + b)
    with residual      y = factor (x W^T + b) + residual
    gated              y = a sigmoid(c), where a and c are the halves of x W^T + b
    together           y_k = x W_k^T + b_k for several k

The product is cut into tiles (`arrays.products`), and the thread that has a tile adds the bias and computes the rest
while the tile is in its cache.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.arrays import threads
from npconformer.arrays.column_sums import column_sums, outer_sums
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.products import for_tiles, map_rows, product
from npconformer.arrays.types import Array
from npconformer.ops.activations import GLU, Activation
from npconformer.tape.autograd import Operation, Tensor


class Linear(Operation):
    """y = factor f(z) + residual, z = x W^T + b;  dz = factor dy f'(z),  dx = dz W,  dW = dz^T x,  db = sum of dz

    activation: f, of `Activation`'s subclasses; None: f(z) = z. Without a residual the factor is 1.
    """

    def __init__(self, activation: type[Activation] | None = None, factor: float = 1.0) -> None:
        self.activation, self.factor = activation, factor

    def forward(self, x: Array, weight: Array, bias: Array | None, residual: Array | None) -> Array:
        xp, activation = self.xp, self.activation
        rows = x.reshape(-1, x.shape[-1])  # (N, I)
        y = empty(xp, (len(rows), len(weight)), x.dtype)
        added = None if residual is None else residual.reshape(y.shape)
        z = empty(xp, y.shape, x.dtype) if activation is not None and self.recording else None

        def tile(n: slice, o: slice) -> None:
            part, offset = y[n, o], None if bias is None else bias[o]
            if activation is None:
                map_rows(xp, rows[n], weight[o], offset, part)
            else:
                before = empty(xp, part.shape, x.dtype) if z is None else z[n, o]
                map_rows(xp, rows[n], weight[o], offset, before)
                threads.run_elementwise(activation.compute, part, before)
            if added is not None:
                if self.factor != 1:
                    part *= self.factor
                part += added[n, o]

        for_tiles(tile, xp, len(rows), rows.shape[1], len(weight))
        self.save(x, weight, z)
        return y.reshape(*x.shape[:-1], len(weight))

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, weight, z = self.saved
        dz = grad.reshape(-1, grad.shape[-1])  # (N, O)
        if self.factor != 1:
            dz = dz * self.factor
        if self.activation is not None:
            dz = dz.copy() if self.factor == 1 else dz
            threads.run_elementwise(self.activation.differentiate, dz, z)
        return (*_gradients(self, dz, x, weight), grad if self.needs[3] else None)


class GatedLinear(Operation):
    """y = a sigmoid(c), (a, c) = x W^T + b;  da = dy sigmoid(c),  dc = dy a sigmoid(c) (1 - sigmoid(c))"""

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        xp, outputs = self.xp, len(weight) // 2
        rows = x.reshape(-1, x.shape[-1])  # (N, I)
        y = empty(xp, (len(rows), outputs), x.dtype)
        z = empty(xp, (len(rows), 2 * outputs), x.dtype) if self.recording else None

        def tile(n: slice, o: slice) -> None:
            halves = []
            for columns in (o, slice(o.start + outputs, o.stop + outputs)):
                half = empty(xp, y[n, o].shape, x.dtype) if z is None else z[n, columns]
                halves.append(map_rows(xp, rows[n], weight[columns], None if bias is None else bias[columns], half))
            threads.run_elementwise(GLU.compute, y[n, o], *halves)

        for_tiles(tile, xp, len(rows), 2 * rows.shape[1], outputs)
        self.save(x, weight, z)
        return y.reshape(*x.shape[:-1], outputs)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, weight, z = self.saved
        dz, outputs = empty(self.xp, z.shape, z.dtype), z.shape[1] // 2
        halves = [array[:, half] for array in (dz, z) for half in (slice(0, outputs), slice(outputs, None))]
        threads.run_elementwise(GLU.differentiate, *halves, grad.reshape(-1, outputs), outputs=2)
        return _gradients(self, dz, x, weight)


class LinearTogether(Operation):
    """y_k = x W_k^T + b_k of as many outputs each;  dx = sum over k of dy_k W_k. Inputs: x, W_1, b_1, W_2, b_2, ..."""

    def forward(self, x: Array, *maps: Any) -> tuple[Array, ...]:
        xp, weights, biases = self.xp, maps[::2], maps[1::2]
        rows, outputs = x.reshape(-1, x.shape[-1]), len(weights[0])
        results = [empty(xp, (len(rows), outputs), x.dtype) for _ in weights]

        def tile(n: slice, o: slice) -> None:
            for y, weight, bias in zip(results, weights, biases, strict=True):
                map_rows(xp, rows[n], weight[o], None if bias is None else bias[o], y[n, o])

        for_tiles(tile, xp, len(rows), len(weights) * rows.shape[1], outputs)
        self.save(x, weights)
        return tuple(y.reshape(*x.shape[:-1], outputs) for y in results)

    def backward(self, *gradients: Array) -> tuple[Array | None, ...]:
        x, weights = self.saved
        dx, found = None, []
        for k, (grad, weight) in enumerate(zip(gradients, weights, strict=True)):
            needs = (self.needs[0], *self.needs[2 * k + 1 : 2 * k + 3])
            part, *rest = _gradients(self, grad.reshape(-1, grad.shape[-1]), x, weight, needs)
            if part is not None:
                dx = part if dx is None else self.xp.add(dx, part, out=dx)
            found += rest
        return (dx, *found)


def _gradients(operation: Operation, dz: Array, x: Array, weight: Array, needs: Any = None) -> tuple[Array | None, ...]:
    """dx, dW and db from dz (N, O), as far as they are needed."""
    xp, needs = operation.xp, operation.needs if needs is None else needs
    return (
        product(xp, dz, weight).reshape(x.shape) if needs[0] else None,
        outer_sums(xp, dz[None], x.reshape(1, -1, x.shape[-1])) if needs[1] else None,  # (O, I)
        column_sums(xp, dz) if needs[2] else None,
    )


def linear(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array | None = None,
    activation: type[Activation] | None = None,
    residual: Tensor | Array | None = None,
    factor: float = 1.0,
) -> Tensor:
    """y = factor f(x W^T + b) + residual.

    Args:
        x: (..., I).
        weight: (O, I), as checkpoints store it.
        bias: (O,) or None.
        activation: f, a class of `ops.activations`; None leaves it out.
        residual: (..., O) or None.
        factor: of what is added to a residual.

    Returns:
        (..., O), in x's dtype.
    """
    check_linear(x.shape, x.dtype, weight, bias)
    if residual is not None:
        check_residual(x, weight, residual)
    elif factor != 1:
        raise ValueError(f"factor: it weighs what is added to a residual; without one expected 1, got {factor}")
    return Linear(activation, float(factor))(x, weight, bias, residual)


def gated_linear(x: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None = None) -> Tensor:
    """The gated linear unit of a linear map: x (..., I), weight (2 O, I), bias (2 O,) -> (..., O)."""
    check_linear(x.shape, x.dtype, weight, bias)
    if weight.shape[0] % 2:
        raise ValueError(f"gated_linear: the weight must have an even number of rows, got {weight.shape}")
    return GatedLinear()(x, weight, bias)


def linear_together(x: Tensor | Array, *maps: tuple[Tensor | Array, Tensor | Array | None]) -> tuple[Tensor, ...]:
    """Several linear maps of one x (..., I), given as (weight (O, I), bias (O,) or None): a result for each."""
    for weight, bias in maps:
        check_linear(x.shape, x.dtype, weight, bias)
    if len({weight.shape for weight, _ in maps}) != 1:
        raise ValueError(f"linear_together: expected weights of one shape, got {[weight.shape for weight, _ in maps]}")
    return LinearTogether()(x, *[part for pair in maps for part in pair])


def check_linear(shape: tuple[int, ...], dtype: Any, weight: Any, bias: Any) -> None:
    """Raises ValueError where x, of this shape and dtype, a weight (O, I) and a bias (O,) or None do not fit."""
    if len(weight.shape) != 2 or len(shape) < 1 or shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: x of shape {shape} does not fit a weight of shape {weight.shape} (out, in)")
    if dtype != weight.dtype:
        raise ValueError(f"linear: x is {dtype} but the weight is {weight.dtype}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: expected a bias of shape {weight.shape[:1]}, got {bias.shape}")


def check_residual(x: Any, weight: Any, residual: Any) -> None:
    """Raises ValueError for a residual of another shape or dtype than the map of x by the weight has."""
    shape = (*x.shape[:-1], weight.shape[0])
    if residual.shape != shape or residual.dtype != x.dtype:
        raise ValueError(f"residual: expected {x.dtype} {shape}, got {residual.dtype} {residual.shape}")
