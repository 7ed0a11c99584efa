"""y = x W^T + b where W is stored in fewer bits than it is multiplied in: widened block by block, just in time.

The columns of y are shared among the threads. A thread takes a block of them, has the block's rows of W widened into
memory that is kept for the next block and the next call (`arrays.kept_memory`), and multiplies:

    y[:, o:o'] = x W[o:o']^T + b[o:o']

So W in float32 never exists as a whole. For the same number of threads the blocks are the same, and so are the bits.

Letters: N rows (all leading axes together), I inputs, O outputs.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays import threads
from npconformer.arrays.backend import NUMPY
from npconformer.arrays.column_sums import column_sums
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.products import SHARED_PRODUCT, map_rows
from npconformer.arrays.stored_weights import StoredWeight
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor

BLOCK = 256  # rows of W: enough that arranging x for the product is little beside it, few enough to stay in the cache


class StoredLinear(Operation):
    """y = x W^T + b;  dx = dy W,  db = sum of dy over the rows. The stored weight has no gradient."""

    def __init__(self, weight: StoredWeight) -> None:
        self.weight = weight

    def forward(self, x: Array, bias: Array | None) -> Array:
        rows = x.reshape(-1, x.shape[-1])  # (N, I)
        outputs, inputs = self.weight.shape
        y = empty(np, (len(rows), outputs), x.dtype)

        def on_block(first: int, stop: int) -> None:
            block = self.weight[first:stop]  # (O', I)
            map_rows(np, rows, block, None if bias is None else bias[first:stop], y[:, first:stop])

        worth_a_thread = max(1, SHARED_PRODUCT // max(len(rows), 1))
        threads.run_products(on_block, outputs, max(inputs, 1), NUMPY, BLOCK * max(inputs, 1), worth_a_thread)
        return y.reshape(*x.shape[:-1], outputs)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        rows = grad.reshape(-1, grad.shape[-1])  # (N, O)
        dx = dbias = None
        if self.needs[0]:
            dx = np.zeros((len(rows), self.weight.shape[1]), grad.dtype)
            for first in range(0, self.weight.shape[0], BLOCK):
                stop = min(first + BLOCK, self.weight.shape[0])
                dx += np.matmul(rows[:, first:stop], self.weight[first:stop])
            dx = dx.reshape(*grad.shape[:-1], -1)
        if self.needs[1]:
            dbias = column_sums(self.xp, rows)
        return dx, dbias


def stored_linear(x: Tensor | Array, weight: StoredWeight, bias: Tensor | Array | None = None) -> Tensor:
    """y = x W^T + b.

    Args:
        x: (..., I), float32, on the host.
        weight: (O, I), stored in float16, bfloat16 or int8.
        bias: (O,) or None, float32.

    Returns:
        (..., O), float32.
    """
    if len(x.shape) < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"stored_linear: x of shape {x.shape} does not fit a weight of shape {weight.shape} (out, in)")
    if x.dtype != weight.dtype or not isinstance(x.data if isinstance(x, Tensor) else x, np.ndarray):
        raise ValueError(
            f"stored_linear: a weight stored in {weight.kind} is multiplied by {weight.dtype} on a CPU, got {x.dtype}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"stored_linear: expected a bias of shape {weight.shape[:1]}, got {bias.shape}")
    return StoredLinear(weight)(x, bias)
