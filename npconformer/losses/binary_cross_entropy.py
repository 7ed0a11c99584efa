"""Binary cross entropy of logits: independent yes-or-no decisions, as in multi-label classification.

With p = 1 / (1 + e^{-x}) the loss -t log p - (1-t) log(1-p) is, without ever taking the logarithm of a small number,

    loss = max(x, 0) - x t + log(1 + e^{-|x|}),        d loss / d x = p - t

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.losses.class_labels import IGNORED, check_logits, check_reduction, host_array, term_weights
from npconformer.tape.autograd import Operation, Tensor


class BinaryCrossEntropy(Operation):
    """loss = w (max(x, 0) - x t + log(1 + e^{-|x|})) added up;  dx = w (p - t) dy"""

    in_float32 = True

    def __init__(self, targets: np.ndarray, counted: np.ndarray, reduction: str) -> None:
        self.targets, self.counted, self.reduction = targets, counted, reduction

    def forward(self, x: Array) -> Array:
        xp = self.xp
        targets = asarray(np.where(self.counted, self.targets, 0).astype(x.dtype), like=x)
        weights = asarray(term_weights(self.counted, self.reduction, x.dtype), like=x)
        losses = xp.log1p(xp.exp(-xp.abs(x)))
        losses += xp.maximum(x, 0)
        losses -= x * targets
        losses *= weights
        self.save(x, targets, weights)
        return losses if self.reduction == "none" else xp.asarray(losses.sum())

    def backward(self, grad: Array) -> Array:
        x, targets, weights = self.saved
        e = self.xp.exp(-self.xp.abs(x))
        p = self.xp.where(x >= 0, 1.0, e) / (1.0 + e)  # the sigmoid, for either sign without overflow
        return ((p - targets) * weights * grad).astype(x.dtype, copy=False)


def binary_cross_entropy_with_logits(
    logits: Tensor | Array, targets: Tensor | Array, reduction: str = "mean"
) -> Tensor:
    """Binary cross entropy between the sigmoid of the logits and the targets.

    Args:
        logits: floating tensor or array of any shape.
        targets: the same shape, on the host or the device: 0, 1, or a probability between; -100 for what does not
            count.
        reduction: "none" gives the logits' shape; "sum"; "mean" averages over all elements that count.

    Returns:
        The loss, 0-d or of the logits' shape, in their dtype.

    Raises:
        ValueError: another shape, a target outside 0..1, an unknown reduction, a mean over ignored elements only.
    """
    array = check_logits("logits", logits)
    check_reduction(reduction)
    targets = host_array("labels", targets)
    if targets.shape != array.shape:
        raise ValueError(f"labels: expected shape {array.shape} as the logits, got {targets.shape}")
    counted = targets != IGNORED
    wrong = counted & ~((targets >= 0) & (targets <= 1))  # also NaN
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"labels: {targets[tuple(where)]} at {where}: expected 0, 1 or a probability between, "
            f"or {IGNORED} for what does not count"
        )
    return BinaryCrossEntropy(targets, counted, reduction)(logits)
