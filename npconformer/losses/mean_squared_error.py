"""Mean squared error: what regression minimises.

loss = mean of (x - t)²,        d loss / d x = 2 (x - t) / n

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.losses.class_labels import check_logits, check_reduction, host_array
from npconformer.tape.autograd import Operation, Tensor


class SquaredError(Operation):
    """loss = w (x - t)² added up, with w = 1 or 1 / n;  dx = 2 w (x - t) dy"""

    in_float32 = True

    def __init__(self, targets: np.ndarray, reduction: str) -> None:
        self.targets, self.reduction = targets, reduction

    def forward(self, x: Array) -> Array:
        difference = x - asarray(self.targets.astype(x.dtype, copy=False), like=x)
        self.weight = 1.0 / difference.size if self.reduction == "mean" else 1.0
        self.save(difference)
        squares = difference * difference
        return squares if self.reduction == "none" else self.xp.asarray(squares.sum() * self.weight)

    def backward(self, grad: Array) -> Array:
        (difference,) = self.saved
        return difference * (grad * (2.0 * self.weight))


def mean_squared_error(predictions: Tensor | Array, targets: Tensor | Array, reduction: str = "mean") -> Tensor:
    """The squared difference to the targets, averaged over all elements.

    Args:
        predictions: floating tensor or array of any shape.
        targets: finite numbers of the same shape, on the host or the device.
        reduction: "none" gives the predictions' shape; "sum"; "mean".

    Returns:
        The loss, 0-d or of the predictions' shape, in their dtype.

    Raises:
        ValueError: another shape, targets that are not finite numbers, the mean of nothing, an unknown reduction.
    """
    array = check_logits("predictions", predictions)
    check_reduction(reduction)
    targets = host_array("labels", targets)
    if targets.shape != array.shape:
        raise ValueError(f"labels: expected shape {array.shape} as the predictions, got {targets.shape}")
    if reduction == "mean" and targets.size == 0:
        raise ValueError(f"labels: the mean over nothing, of shape {targets.shape}, does not exist")
    if not np.isfinite(targets).all():
        raise ValueError("labels: a target of a regression is NaN or infinite")
    return SquaredError(targets, reduction)(predictions)
