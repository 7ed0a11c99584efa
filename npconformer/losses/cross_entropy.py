"""Cross entropy of classes: what single-label classification minimises.

The loss of a row of logits x with label k is -log of k's probability under the softmax of x:

    loss = log Σ_j e^{x_j} - x_k,        d loss / d x_j = e^{x_j} / Σ_i e^{x_i} - [j = k]

Letters: N rows (all leading axes together), C classes.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.losses.class_labels import IGNORED, check_logits, check_reduction, class_labels, term_weights
from npconformer.ops.softmax import log_softmax_of
from npconformer.tape.autograd import Operation, Tensor


class CrossEntropy(Operation):
    """loss_n = log Σ_j e^{x_nj} - x_n[k_n];  dx = softmax(x) - onehot(k), times each row's weight"""

    in_float32 = True

    def __init__(self, labels: np.ndarray, ignore_index: int, reduction: str) -> None:
        self.labels, self.ignore_index, self.reduction = labels, ignore_index, reduction

    def forward(self, logits: Array) -> Array:
        xp = self.xp
        counted = self.labels.reshape(-1) != self.ignore_index  # (N,) on the host
        rows = xp.arange(counted.size)
        classes = asarray(np.where(counted, self.labels.reshape(-1), 0), like=logits)  # (N,)
        weights = asarray(term_weights(counted, self.reduction, logits.dtype), like=logits)  # (N,)

        log_probs = log_softmax_of(xp, logits.reshape(-1, logits.shape[-1]))  # (N, C)
        losses = xp.where(weights > 0, -log_probs[rows, classes] * weights, xp.zeros((), logits.dtype))  # (N,)
        self.save(log_probs, rows, classes, weights)
        self.shape = logits.shape
        return losses.reshape(self.labels.shape) if self.reduction == "none" else xp.asarray(losses.sum())

    def backward(self, grad: Array) -> Array:
        log_probs, rows, classes, weights = self.saved
        dx = self.xp.exp(log_probs)  # (N, C)
        dx[rows, classes] -= 1
        row_grad = (grad.reshape(-1) * weights)[:, None]  # (N, 1)
        dx = self.xp.where(weights[:, None] > 0, dx * row_grad, self.xp.zeros((), dx.dtype))
        return dx.reshape(self.shape)


def cross_entropy(
    logits: Tensor | Array, labels: ArrayLike, ignore_index: int = IGNORED, reduction: str = "mean"
) -> Tensor:
    """Cross entropy between the softmax of the logits and the labels.

    Args:
        logits: (..., C) floating tensor or array.
        labels: (...) integers, on the host or the device: classes, or `ignore_index` for rows that do not count.
        ignore_index: the label of rows whose loss and gradient are 0.
        reduction: "none" gives (...); "sum"; "mean" averages over the rows that count.

    Returns:
        The loss, 0-d or (...), in the logits' dtype.

    Raises:
        ValueError: wrong shapes, dtypes or labels, an unknown reduction, or a mean over rows that are all ignored.
    """
    array = check_logits("logits", logits)
    check_reduction(reduction)
    labels = class_labels(labels, array.shape[:-1], array.shape[-1], ignore_index)
    return CrossEntropy(labels, ignore_index, reduction)(logits)
