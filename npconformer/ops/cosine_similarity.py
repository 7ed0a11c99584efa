"""The cosine of the angle between vectors.

With u = a / |a| and v = b / |b|:  y = ⟨u, v⟩,  da = dy (v - u y) / |a|,  db = dy (u - v y) / |b|

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import unbroadcast
from npconformer.ops.unit_vectors import across, unit_vectors
from npconformer.tape.autograd import Operation, Tensor

SHORTEST = 1e-8  # vectors shorter than this are divided by it instead


class CosineSimilarity(Operation):
    """y = ⟨a, b⟩ / (|a| |b|) over the last axis, leading axes broadcast"""

    in_float32 = True

    def __init__(self, shortest: float = SHORTEST) -> None:
        self.shortest = shortest

    def forward(self, a: Array, b: Array) -> Array:
        u, a_length = unit_vectors(self.xp, a, self.shortest)
        v, b_length = unit_vectors(self.xp, b, self.shortest)
        y = (u * v).sum(axis=-1)
        self.save(u, v, a_length, b_length, y)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        u, v, a_length, b_length, y = self.saved
        grad, y, shortest = grad[..., None], y[..., None], self.shortest
        return (
            unbroadcast(grad * across(self.xp, v, u, y, a_length, shortest) / a_length, u) if self.needs[0] else None,
            unbroadcast(grad * across(self.xp, u, v, y, b_length, shortest) / b_length, v) if self.needs[1] else None,
        )


def cosine_similarity(a: Tensor | Array, b: Tensor | Array, shortest: float = SHORTEST) -> Tensor:
    """The cosine between the vectors along the last axis.

    Args:
        a, b: (..., D), leading axes broadcast.
        shortest: vectors shorter than this are divided by it instead of by their length.

    Returns:
        The leading axes' shape, in a's dtype.
    """
    if len(a.shape) < 1 or len(b.shape) < 1 or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"cosine_similarity: expected vectors of one size, got shapes {a.shape} and {b.shape}")
    return CosineSimilarity(shortest)(a, b)
