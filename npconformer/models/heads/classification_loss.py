"""The loss of a classifier, by the config's `problem_type`: regression, one label, or several.

Where `problem_type` is None it follows from the labels as the reference documents it: one label (`num_labels == 1`)
means regression; several mean one class for each item if the labels are integers, else independent binary targets.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from npconformer.losses import binary_cross_entropy_with_logits, cross_entropy, mean_squared_error
from npconformer.losses.class_labels import IGNORED, host_array
from npconformer.tape.autograd import Tensor


def sequence_loss(logits: Tensor, labels: ArrayLike, problem_type: str | None) -> Tensor:
    """The loss of one item per row.

    Args:
        logits: (B, C).
        labels: regression: numbers, (B, C), or (B,) where C is 1. One label: integers (B,) or (B, 1), -100 for items
            that do not count. Several labels: 0 and 1 (B, C).
        problem_type: "regression", "single_label_classification", "multi_label_classification" or None.

    Raises:
        ValueError: labels of another shape, dtype or range.
    """
    labels = host_array("labels", labels)
    batch, classes = logits.shape
    if problem_type is None:
        if classes == 1:
            problem_type = "regression"
        else:
            single = labels.dtype.kind in "iu"
            problem_type = "single_label_classification" if single else "multi_label_classification"
    if problem_type == "regression":
        if classes == 1 and labels.shape == (batch,):
            labels = labels[:, None]
        return mean_squared_error(logits, labels)
    if problem_type == "multi_label_classification":
        return binary_cross_entropy_with_logits(logits, labels)
    if labels.shape == (batch, 1):
        labels = labels[:, 0]
    return cross_entropy(logits, labels)


def frame_loss(logits: Tensor, labels: ArrayLike, problem_type: str | None) -> Tensor:
    """The mean loss of all frames, those of padding included unless their labels are -100.

    Args:
        logits: (B, T, C).
        labels: (B, T, C). One label: the class of a frame is the largest of its row, as in one-hot labels, and a
            frame whose row is all -100 does not count. Several labels (overlapping speakers): 0 and 1, independent of
            each other. Regression: numbers; (B, T) will do where C is 1.
        problem_type: as for `sequence_loss`; None means one label, or regression where C is 1.

    Raises:
        ValueError: labels of another shape or range, or a frame in which no class is marked.
    """
    labels = host_array("labels", labels)
    if problem_type is None:
        problem_type = "regression" if logits.shape[2] == 1 else "single_label_classification"
    if problem_type == "regression" and logits.shape[2] == 1 and labels.shape == logits.shape[:2]:
        labels = labels[:, :, None]
    if problem_type == "regression":
        return mean_squared_error(logits, labels)
    if problem_type == "multi_label_classification":
        return binary_cross_entropy_with_logits(logits, labels)
    return cross_entropy(logits, _classes_of(labels, logits.shape))


def _classes_of(one_hot: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(B, T, C) one-hot rows -> (B, T) classes; -100 for rows of -100."""
    if one_hot.shape != tuple(shape):
        raise ValueError(
            f"labels: expected one-hot labels of shape {tuple(shape)} (batch, frames, labels), got {one_hot.shape}"
        )
    ignored = (one_hot == IGNORED).all(axis=2)
    wrong = ~ignored & ~(np.isfinite(one_hot).all(axis=2) & (one_hot.min(axis=2) >= 0) & (one_hot.max(axis=2) > 0))
    if wrong.any():
        item, frame = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"labels: frame {frame} of item {item} is {one_hot[item, frame].tolist()}; expected one-hot labels. Frames "
            "with no or several labels need problem_type='multi_label_classification'; frames that do not count, -100"
        )
    return np.where(ignored, IGNORED, one_hot.argmax(axis=2))
