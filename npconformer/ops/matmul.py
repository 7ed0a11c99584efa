"""Matrix products: batched `matmul`, and `linear`, which every projection and 1x1 convolution uses.

Letters: N rows (all leading axes together), I inputs, O outputs.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from npconformer.arrays import threads
from npconformer.arrays.column_sums import column_sums
from npconformer.arrays.types import Array
from npconformer.arrays.weight_layout import lies_as_stored
from npconformer.ops.arithmetic import pair_operands, unbroadcast
from npconformer.tape.autograd import Operation, Tensor


class MatMul(Operation):
    """y = a b over the last two axes, leading axes broadcast;  da = dy b^T,  db = a^T dy"""

    def forward(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return self.xp.matmul(a, b)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        return (
            unbroadcast(self.xp.matmul(grad, b.swapaxes(-1, -2)), a) if self.needs[0] else None,
            unbroadcast(self.xp.matmul(a.swapaxes(-1, -2), grad), b) if self.needs[1] else None,
        )


FEW_ROWS = 128  # up to here a product is faster with the weight on its left
SHARED_PRODUCT = 2**20  # multiplications from which on the threads of the library have a share each


class Linear(Operation):
    """y = x W^T + b;  dx = dy W,  dW = dy^T x,  db = sum of dy over the rows

    With few rows it is computed as y^T = W x^T: a library for matrix products rearranges its right-hand matrix first,
    which costs least when that is the small one. y is transposed back while the bias is added.
    """

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        self.save(x, weight)
        rows = x.reshape(-1, x.shape[-1])  # (N, I)
        if _is_best_on_the_left(weight, len(rows)):
            y = self.xp.matmul(weight, rows.T).T  # (N, O)
            y = self.xp.ascontiguousarray(y) if bias is None else self.xp.add(y, bias, order="C")
        else:
            y = self.xp.matmul(rows, weight.T)  # (N, O)
            if bias is not None:
                threads.add_to_rows(y, bias)
        return y.reshape(*x.shape[:-1], weight.shape[0])

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        x, weight = self.saved
        grad_rows = grad.reshape(-1, grad.shape[-1])  # (N, O)
        dx = dweight = dbias = None
        if self.needs[0]:
            dx = self.xp.matmul(grad_rows, weight).reshape(x.shape)
        if self.needs[1]:
            dweight = self.xp.matmul(grad_rows.T, x.reshape(-1, x.shape[-1]))  # (O, I)
        if self.needs[2]:
            dbias = column_sums(self.xp, grad_rows)
        return dx, dweight, dbias


def _is_best_on_the_left(weight: Array, rows: int) -> bool:
    """Whether W x^T is faster than x W^T. One that lies transposed needs no rearranging; but OpenBLAS
    shares a small product among threads by the columns of the result, so these should be the longer axis."""
    if lies_as_stored(weight):
        return rows <= FEW_ROWS
    return rows < weight.shape[0] and rows * weight.size >= SHARED_PRODUCT and threads.get_num_threads() > 1


def matmul(a: Tensor | Array, b: Tensor | Array) -> Tensor:
    """The matrix product over the last two axes; leading axes are broadcast. Both have at least two axes."""
    if len(a.shape) < 2 or len(b.shape) < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul: expected shapes (..., N, I) and (..., I, O), got {a.shape} and {b.shape}")
    return MatMul()(*pair_operands(a, b))


def linear(x: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None = None) -> Tensor:
    """y = x W^T + b.

    Args:
        x: (..., I).
        weight: (O, I), as checkpoints store it.
        bias: (O,) or None.

    Returns:
        (..., O), in x's dtype.
    """
    if len(weight.shape) != 2 or len(x.shape) < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: x of shape {x.shape} does not fit a weight of shape {weight.shape} (out, in)")
    if x.dtype != weight.dtype:
        raise ValueError(f"linear: x is {x.dtype} but the weight is {weight.dtype}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: expected a bias of shape {weight.shape[:1]}, got {bias.shape}")
    return Linear()(x, weight, bias)
