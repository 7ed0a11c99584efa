"""A weighted sum of several tensors of one shape, without stacking them.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class WeightedSum(Operation):
    """y = Σ_l w_l x_l;  dw_l = Σ dy x_l over all elements,  dx_l = w_l dy"""

    in_float32 = True

    def forward(self, weights: Array, *terms: Array) -> Array:
        self.save(weights, *terms)
        y = terms[0] * weights[0]
        for l, x in enumerate(terms[1:], start=1):
            y += x * weights[l]
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        weights, *terms = self.saved
        dweights = None
        if self.needs[0]:
            dweights = self.xp.stack([(grad * x).sum() for x in terms]).astype(weights.dtype, copy=False)
        return dweights, *[grad * weights[l] if need else None for l, need in enumerate(self.needs[1:])]


def weighted_sum(weights: Tensor | Array, terms: Sequence[Tensor | Array]) -> Tensor:
    """weights[0] terms[0] + weights[1] terms[1] + ...

    Args:
        weights: (L,).
        terms: L tensors or arrays of one shape.

    Raises:
        ValueError: another number of weights than terms, or terms of different shapes.
    """
    if len(weights.shape) != 1 or len(terms) != weights.shape[0] or not terms:
        raise ValueError(f"weights: expected one for each of {len(terms)} terms, got shape {weights.shape}")
    if len({tuple(x.shape) for x in terms}) > 1:
        raise ValueError(f"terms: expected equal shapes, got {sorted({tuple(x.shape) for x in terms})}")
    return WeightedSum()(weights, *terms)
