"""Additive-margin softmax (Wang et al. 2018, "Additive margin softmax for face verification"): speaker vectors.

Vectors h and one direction w_j for each class are compared by their angle alone; the right class has to win by the
margin m, at the scale s:

    cos_j = ⟨h, w_j⟩ / (|h| |w_j|),    z_j = s (cos_j - m [j = k]),    loss = log Σ_j e^{z_j} - z_k      (equation 6)

With p the softmax of z the gradient of the cosines is s (p - onehot(k)); that of the vectors behind their directions is
derived in ops/unit_vectors.py.

Letters: B vectors, D dimensions, C classes.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.losses.class_labels import check_logits, check_reduction, class_labels, term_weights
from npconformer.ops.softmax import log_softmax_of
from npconformer.ops.unit_vectors import unit_vectors, unit_vectors_backward
from npconformer.tape.autograd import Operation, Tensor

SHORTEST = 1e-12  # vectors shorter than this are divided by it instead


class AMSoftmax(Operation):
    """loss of h (B, D) and the classes' directions W (D, C), through their cosines (B, C)"""

    in_float32 = True

    def __init__(self, labels: np.ndarray, scale: float, margin: float, reduction: str) -> None:
        self.labels, self.scale, self.margin, self.reduction = labels, scale, margin, reduction

    def forward(self, vectors: Array, weight: Array) -> Array:
        xp = self.xp
        h, h_length = unit_vectors(xp, vectors, SHORTEST, axis=1)
        w, w_length = unit_vectors(xp, weight, SHORTEST, axis=0)
        rows, classes = xp.arange(len(self.labels)), asarray(self.labels, like=vectors)
        z = xp.matmul(h, w)  # (B, C) cosines
        z[rows, classes] -= self.margin
        z *= self.scale
        log_p = log_softmax_of(xp, z, out=z)
        counted = np.ones(len(self.labels), bool)
        weights = asarray(term_weights(counted, self.reduction, vectors.dtype), like=vectors)
        losses = -log_p[rows, classes] * weights
        self.save(h, h_length, w, w_length, xp.exp(log_p), rows, classes, weights)
        return losses if self.reduction == "none" else xp.asarray(losses.sum())

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        h, h_length, w, w_length, p, rows, classes, weights = self.saved
        dcos = p * self.scale  # (B, C)
        dcos[rows, classes] -= self.scale
        dcos *= (grad * weights)[:, None]
        xp, dh, dw = self.xp, None, None
        if self.needs[0]:
            dh = unit_vectors_backward(xp, xp.matmul(dcos, w.T), h, h_length, SHORTEST, axis=1)
        if self.needs[1]:
            dw = unit_vectors_backward(xp, xp.matmul(h.T, dcos), w, w_length, SHORTEST, axis=0)
        return dh, dw


def am_softmax_loss(
    vectors: Tensor | Array,
    weight: Tensor | Array,
    labels: ArrayLike,
    scale: float = 30.0,
    margin: float = 0.4,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of scaled cosines, with a margin taken from the right class.

    Args:
        vectors: (B, D) floating tensor or array.
        weight: (D, C), a column for each class; its length does not matter.
        labels: (B,) integers, classes in 0..C-1.
        scale, margin: s and m of the equation.
        reduction: "none" gives (B,); "sum"; "mean".

    Returns:
        The loss, 0-d or (B,), in the vectors' dtype.

    Raises:
        ValueError: shapes or dtypes that do not fit, a label that is no class, an unknown reduction.
    """
    array, directions = check_logits("vectors", vectors, 2), check_logits("weight", weight, 2)
    check_reduction(reduction)
    if array.shape[1] != directions.shape[0] or array.dtype != directions.dtype:
        raise ValueError(
            f"weight: {directions.dtype} {directions.shape} (dimensions, classes) does not fit vectors "
            f"{array.dtype} {array.shape}"
        )
    labels = class_labels(labels, array.shape[:1], directions.shape[1], ignore_index=None)
    return AMSoftmax(labels, float(scale), float(margin), reduction)(vectors, weight)
