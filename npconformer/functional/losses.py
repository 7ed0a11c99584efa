"""Losses as `torch.nn.functional` has them: classes along the second axis, frames first for CTC."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer import losses, ops
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.functional.arguments import as_tensor, reduced, refuse_old
from npconformer.losses.class_labels import IGNORED, check_reduction, class_labels, host_array
from npconformer.losses.ctc import CTCLoss
from npconformer.losses.ctc_targets import prepare_targets
from npconformer.ops.elementwise import absolute
from npconformer.ops.extrema import gather
from npconformer.tape.autograd import Tensor


def _classes_last(x: Tensor) -> Tensor:
    """(N, C, d1, ...) -> (N, d1, ..., C); (C,) and (N, C) as they are."""
    return x if x.ndim < 3 else x.movedim(1, -1)


def cross_entropy(
    input: Tensor | Array,
    target: Any,
    weight: Tensor | Array | None = None,
    size_average: None = None,
    ignore_index: int = IGNORED,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of logits (C,), (N, C) or (N, C, d1, ...) with classes, or with probabilities of that shape.

    Args:
        weight: (C,) what each class counts for; the mean is then over the weights of the labels.
        ignore_index: the label of what does not count.
        label_smoothing: this share of each label is spread over all classes.

    Raises:
        ValueError: wrong shapes or labels, or a mean over labels that are all ignored (torch says NaN there).
    """
    refuse_old(size_average, reduce)
    logits = _classes_last(as_tensor(input))
    if host_array("target", target).dtype.kind == "f":
        return _with_probabilities(logits, _classes_last(as_tensor(target)), weight, reduction, label_smoothing)
    if weight is None and not label_smoothing:
        return losses.cross_entropy(logits, target, ignore_index, reduction)
    log_probs = ops.log_softmax(logits)
    of_labels = _negative_log_likelihood(log_probs, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return of_labels
    weighted = log_probs if weight is None else log_probs * weight
    counted = host_array("target", target) != ignore_index
    over_classes = -weighted.sum(-1) * asarray(counted, logits.data)
    if reduction == "mean":
        over_classes = over_classes.sum() / _label_weights(target, weight, ignore_index, logits).sum()
    elif reduction == "sum":
        over_classes = over_classes.sum()
    return of_labels * (1 - label_smoothing) + over_classes * (label_smoothing / logits.shape[-1])


def _with_probabilities(logits: Tensor, target: Tensor, weight: Any, reduction: str, label_smoothing: float) -> Tensor:
    check_reduction(reduction)
    if target.shape != logits.shape:
        raise ValueError(f"target: expected classes, or probabilities of shape {logits.shape}, got {target.shape}")
    classes = logits.shape[-1]
    smooth = target * (1 - label_smoothing) + label_smoothing / classes if label_smoothing else target
    log_probs = ops.log_softmax(logits) if weight is None else ops.log_softmax(logits) * weight
    return reduced(-(log_probs * smooth).sum(-1), reduction)


def nll_loss(
    input: Tensor | Array,
    target: Any,
    weight: Tensor | Array | None = None,
    size_average: None = None,
    ignore_index: int = IGNORED,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of each label, for log-probabilities (C,), (N, C) or (N, C, d1, ...)."""
    refuse_old(size_average, reduce)
    return _negative_log_likelihood(_classes_last(as_tensor(input)), target, weight, ignore_index, reduction)


def _negative_log_likelihood(log_probs: Tensor, target: Any, weight: Any, ignore_index: int, reduction: str) -> Tensor:
    check_reduction(reduction)
    labels = class_labels(target, log_probs.shape[:-1], log_probs.shape[-1], ignore_index)
    places = asarray(np.where(labels == ignore_index, 0, labels)[..., None], log_probs.data)
    weights = _label_weights(target, weight, ignore_index, log_probs)
    terms = -gather(log_probs, -1, places)[..., 0] * weights
    if reduction == "mean":
        if not (labels != ignore_index).any():
            raise ValueError("labels: every one is ignored, so there is nothing to average over")
        return terms.sum() / weights.sum()
    return reduced(terms, reduction)


def _label_weights(target: Any, weight: Any, ignore_index: int, like: Tensor) -> Tensor:
    """What each label counts for: its class's weight, or 1; 0 where it is ignored."""
    labels = host_array("target", target)
    counted = labels != ignore_index
    of_class = np.ones(like.shape[-1]) if weight is None else host_array("weight", weight)
    if of_class.shape != like.shape[-1:]:
        raise ValueError(f"weight: expected one for each of {like.shape[-1]} classes, got shape {of_class.shape}")
    return Tensor(asarray(np.asarray(of_class[np.where(counted, labels, 0)] * counted, like.dtype), like.data))


def binary_cross_entropy_with_logits(
    input: Tensor | Array,
    target: Any,
    weight: Tensor | Array | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Tensor | Array | None = None,
) -> Tensor:
    """Binary cross entropy between the sigmoid of the logits and targets from 0 to 1 of the same shape.

    weight: what each element counts for; pos_weight: what a positive counts for beside a negative. Both broadcast.
    """
    refuse_old(size_average, reduce)
    check_reduction(reduction)
    logits, targets = as_tensor(input), host_array("target", target)
    if targets.size and not targets.min() >= 0:
        raise ValueError(f"target: expected numbers from 0 to 1, got {targets.min()}")
    if weight is None and pos_weight is None:
        return losses.binary_cross_entropy_with_logits(logits, targets, reduction)
    if pos_weight is None:
        terms = losses.binary_cross_entropy_with_logits(logits, targets, "none")
    else:
        share = Tensor(asarray(targets.astype(logits.dtype), logits.data))
        of_yes, of_no = (
            losses.binary_cross_entropy_with_logits(logits, np.full(logits.shape, answer), "none")
            for answer in (1.0, 0.0)
        )
        terms = of_yes * share * pos_weight + of_no * (1 - share)
    return reduced(terms if weight is None else terms * weight, reduction)


def mse_loss(
    input: Tensor | Array, target: Any, size_average: None = None, reduce: None = None, reduction: str = "mean"
) -> Tensor:
    """The squared differences, with broadcasting; both sides have gradients."""
    refuse_old(size_average, reduce)
    difference = ops.subtract(as_tensor(input), target)
    row = difference.reshape(-1)
    loss = losses.mean_squared_error(row, np.zeros(row.shape), reduction)
    return loss.reshape(difference.shape) if reduction == "none" else loss


def l1_loss(
    input: Tensor | Array, target: Any, size_average: None = None, reduce: None = None, reduction: str = "mean"
) -> Tensor:
    """The absolute differences, with broadcasting; both sides have gradients."""
    refuse_old(size_average, reduce)
    return reduced(absolute(ops.subtract(as_tensor(input), target)), reduction)


def ctc_loss(
    log_probs: Tensor | Array,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """CTC loss of log-probabilities, frames first.

    Args:
        log_probs: (T, B, V) or (T, V), as `log_softmax` gives them.
        targets: (B, S), of which each item's first `target_lengths` count; or all labels in a row.
        input_lengths, target_lengths: (B,) integers.
        blank, reduction, zero_infinity: as in `npconformer.ctc_loss`.
    """
    check_reduction(reduction)
    batch = as_tensor(log_probs)
    is_single = batch.ndim == 2
    batch = (batch.unsqueeze(1) if is_single else batch).transpose(0, 1)  # (B, T, V)
    labels = host_array("targets", targets)
    frames, counts = (
        host_array(name, one).reshape(-1)
        for name, one in (("input_lengths", input_lengths), ("target_lengths", target_lengths))
    )
    if labels.ndim == 1:
        labels = _rows(labels, counts)
    if batch.ndim != 3:
        raise ValueError(f"log_probs: expected shape (T, B, V) or (T, V), got {as_tensor(log_probs).shape}")
    prepared = prepare_targets((batch.shape[0], batch.shape[1], batch.shape[2]), labels, frames, counts, blank)
    loss = CTCLoss(prepared, reduction, zero_infinity, None, normalized=True)(batch)
    return loss[0] if is_single and reduction == "none" else loss


def _rows(labels: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Labels in a row -> (B, S), padded with -100."""
    if lengths.sum() != len(labels):
        raise ValueError(f"targets: {len(labels)} labels in a row, but target_lengths add up to {lengths.sum()}")
    rows = np.full((len(lengths), int(lengths.max(initial=0))), IGNORED, dtype=np.int64)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = labels
    return rows
