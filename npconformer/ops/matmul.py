"""The matrix product over the last two axes. `linear` has the products with weights.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays.products import product
from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import pair_operands, unbroadcast
from npconformer.tape.autograd import Operation, Tensor


class MatMul(Operation):
    """y = a b over the last two axes, leading axes broadcast;  da = dy b^T,  db = a^T dy"""

    def forward(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return _product(self.xp, a, b)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        return (
            unbroadcast(_product(self.xp, grad, b.swapaxes(-1, -2)), a) if self.needs[0] else None,
            unbroadcast(_product(self.xp, a.swapaxes(-1, -2), grad), b) if self.needs[1] else None,
        )


def matmul(a: Tensor | Array, b: Tensor | Array) -> Tensor:
    """The matrix product over the last two axes; leading axes are broadcast. Both have at least two axes."""
    if len(a.shape) < 2 or len(b.shape) < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul: expected shapes (..., N, I) and (..., I, O), got {a.shape} and {b.shape}")
    return MatMul()(*pair_operands(a, b))


def _product(xp: ModuleType, a: Array, b: Array) -> Array:
    """a b, shared among threads; of two dtypes the library decides which one the result has."""
    return product(xp, a, b) if a.dtype == b.dtype else xp.matmul(a, b)
