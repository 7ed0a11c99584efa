"""Connectionist temporal classification (Graves et al. 2006), in the log domain.

The loss of an item is -log p(labels | frames), where p sums over every alignment: one class for each frame that
gives the labels once repeats are merged and blanks removed. Let y_t be the softmax of frame t's logits and l_s the
class of state s, l = (blank, label 1, blank, label 2, …, blank). From one frame to the next a state is kept,
or followed by the next one, or by the next but one where that is a label other than the one before it. So

    α_t(s) = y_t(l_s) · (α_{t-1}(s) + α_{t-1}(s-1) + [may skip to s] α_{t-1}(s-2))
    β_t(s) = Σ_{s'} [s may be followed by s'] y_{t+1}(l_s') β_{t+1}(s'),    1 in the last label and blank at the end

(equations 6 and 10 of the paper, where β contains frame t too) and p = Σ_s α_t(s) β_t(s) for any t. The posterior
γ_t(s) = α_t(s) β_t(s) / p is the probability of being in state s at frame t.

The gradient. Every path has exactly one factor of frame t, y_t(l_s), which is in α_t(s) and not in β_t(s). So each term
α_t(s) β_t(s) of p is proportional to y_t(l_s), and its derivative by it is the term divided by y_t(l_s):

    d log p / d y_t(k) = Σ_{s: l_s = k} α_t(s) β_t(s) / (p y_t(k)) = g_t(k) / y_t(k),    g_t(k) = Σ_{s: l_s = k} γ_t(s)

With the softmax's d y_t(j) / d logit_t(k) = y_t(j) ([j = k] - y_t(k)) the outputs cancel,

    d loss / d logit_t(k) = -Σ_j g_t(j) ([j = k] - y_t(k)) = y_t(k) Σ_j g_t(j) - g_t(k) = y_t(k) - g_t(k)

as every path is in some state at frame t: Σ_j g_t(j) = 1 (equation 16). It is output minus posterior.

Letters: B batch, T frames, V classes, S labels (longest item), L = 2S+1 states. All items and states advance
together; the only Python loop runs over time. The recursions run in float64 whatever the logits' dtype, because
log α grows with the number of frames, and in float32 its rounding would be a visible error of the posterior.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from npconformer.arrays import threads
from npconformer.arrays.backend import asarray, get_array_module
from npconformer.arrays.types import Array
from npconformer.losses.class_labels import REDUCTIONS as USUAL_REDUCTIONS
from npconformer.losses.class_labels import check_reduction
from npconformer.losses.ctc_targets import CTCTargets, prepare_targets
from npconformer.ops.softmax import log_softmax_of
from npconformer.tape.autograd import Operation, Tensor

REDUCTIONS = (*USUAL_REDUCTIONS, "mean_batch", "mean_volume")
_LOWEST = float(np.finfo(np.float64).min)


def _log_sum(xp: ModuleType, *terms: Array) -> Array:
    """Log-sum-exp, log Σ exp(term); -inf where every term is -inf. (CuPy's logaddexp gives NaN there.)"""
    largest = terms[0]
    for term in terms[1:]:
        largest = xp.maximum(largest, term)
    shift = xp.maximum(largest, _LOWEST)  # -inf - -inf would be NaN
    total = xp.exp(terms[0] - shift)
    for term in terms[1:]:
        total += xp.exp(term - shift)
    return xp.log(total) + shift


def _advance(xp: ModuleType, alpha: Array, stay: Array, step: Array, skip: Array, penalty: Array, y: Array) -> None:
    """log α_t from the log α_(t-1) of the same states, of those before them and of those before these."""
    alpha[...] = _log_sum(xp, stay, step, skip + penalty) + y


def _add(xp: ModuleType, total: Array, x: Array, y: Array) -> None:
    xp.add(x, y, out=total)


def _retreat(
    xp: ModuleType,
    beta: Array,
    stay: Array,
    step: Array,
    skip: Array,
    penalty: Array,
    at_end: Array,
    last: Array,
    t: int,
) -> None:
    """log β_t from log β_(t+1) y_(t+1) of the same states, the next and those after; at_end from the last frame on."""
    beta[...] = xp.where(last > t, _log_sum(xp, stay, step, skip + penalty), at_end)


def _state_log_probs(log_probs: Array, targets: CTCTargets) -> Array:
    """log y_t(l_s) as (T, B, L) float64, up to the longest item's last frame."""
    xp = get_array_module(log_probs)
    frames = int(targets.input_lengths.max())
    item = xp.arange(log_probs.shape[0])[None, :, None]
    time = xp.arange(frames)[:, None, None]
    states = asarray(targets.states, like=log_probs)
    return log_probs[item, time, states[None]].astype(np.float64)


def _skip_penalty(targets: CTCTargets, like: Array) -> Array:
    """(B, L): 0 where state s may follow state s-2, -inf where it may not."""
    return asarray(np.where(targets.skips, 0.0, -np.inf), like=like)


def ctc_forward(log_probs: Array, targets: CTCTargets) -> tuple[Array, Array]:
    """-log p of each item, and log α.

    Args:
        log_probs: (B, T, V) logarithms of the class probabilities.
        targets: from `prepare_targets`.

    Returns:
        losses (B,) float64, inf where no alignment exists; log_alpha (T', B, L+2) float64, T' the longest
        item's frames, with two states before the first that are never reached (-inf).
    """
    xp = get_array_module(log_probs)
    emissions = _state_log_probs(log_probs, targets)
    frames, batch, size = emissions.shape
    skip = _skip_penalty(targets, like=log_probs)
    log_alpha = xp.full((frames, batch, size + 2), -np.inf)
    log_alpha[0, :, 2:4] = emissions[0, :, :2]  # an alignment starts with the first blank or the first label
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant
        for t in range(1, frames):
            before = log_alpha[t - 1]
            earlier = before[:, 2:], before[:, 1:-1], before[:, :-2]
            threads.run_step(_advance, log_alpha[t, :, 2:], *earlier, skip, emissions[t])
        last = asarray(targets.input_lengths - 1, like=log_probs)
        end = asarray(2 * targets.target_lengths + 2, like=log_probs)
        item = xp.arange(batch)
        log_p = _log_sum(xp, log_alpha[last, item, end], log_alpha[last, item, end - 1])  # (B,)
    return -log_p, log_alpha


def ctc_posteriors(log_probs: Array, targets: CTCTargets, losses: Array, log_alpha: Array) -> Array:
    """The probability of each state at each frame given the labels, by the β recursion.

    Args:
        log_probs, targets: as given to `ctc_forward`.
        losses, log_alpha: as it returned them.

    Returns:
        (B, T', L) float64. Undefined past an item's last frame and for an item without alignment.
    """
    xp = get_array_module(log_probs)
    emissions = _state_log_probs(log_probs, targets)
    frames, batch, size = emissions.shape
    skip_from = xp.full((batch, size), -np.inf)  # from state s to s+2
    skip_from[:, :-2] = _skip_penalty(targets, like=log_probs)[:, 2:]
    at_end = asarray(np.where(targets.ends, 0.0, -np.inf), like=log_probs)  # (B, L)
    last = asarray(targets.input_lengths - 1, like=log_probs)[:, None]
    posteriors = xp.empty((batch, frames, size))
    onward = xp.full((batch, size + 2), -np.inf)  # log β_{t+1}(s) y_{t+1}(l_s), two unreachable states at the end
    posteriors[:, -1] = at_end
    with np.errstate(divide="ignore"):
        for t in range(frames - 2, -1, -1):
            log_beta, later = posteriors[:, t], (onward[:, :-2], onward[:, 1:-1], onward[:, 2:])
            threads.run_step(_add, later[0], posteriors[:, t + 1], emissions[t + 1])
            threads.run_step(_retreat, log_beta, *later, skip_from, at_end, last, t)
    posteriors += log_alpha[:, :, 2:].swapaxes(0, 1)
    with np.errstate(invalid="ignore", over="ignore"):
        posteriors += losses[:, None, None]
        return xp.exp(posteriors, out=posteriors)


def ctc_backward(log_probs: Array, targets: CTCTargets, losses: Array, log_alpha: Array) -> Array:
    """d loss / d logits of each item: softmax minus the classes' posteriors, 0 past the item's last frame.

    Returns:
        (B, T, V) in log_probs' dtype; NaN in the frames of an item without alignment.
    """
    xp = get_array_module(log_probs)
    posteriors = ctc_posteriors(log_probs, targets, losses, log_alpha)  # (B, T', L)
    frames = posteriors.shape[1]
    # Summed over the states of a class by a matrix product with the classes that occur, K of V: it is
    # deterministic on a GPU, which scatter-add is not.
    classes, column = np.unique(targets.states, return_inverse=True)
    is_class = np.arange(len(classes)) == column.reshape(targets.states.shape)[:, :, None]  # (B, L, K)
    with np.errstate(invalid="ignore"):  # past an item's last frame
        occupation = posteriors @ asarray(is_class.astype(np.float64), like=log_probs)  # (B, T', K)
    grad = xp.exp(log_probs)
    grad[:, :frames, asarray(classes, like=log_probs)] -= occupation.astype(grad.dtype)
    length = asarray(targets.input_lengths, like=log_probs)[:, None, None]
    grad = xp.where(xp.isinf(losses)[:, None, None], np.nan, grad)
    return xp.where(xp.arange(grad.shape[1])[None, :, None] < length, grad, 0.0)


class CTCLoss(Operation):
    """loss_b = -log p(labels_b | logits_b), reduced; the log-softmax is part of the operation.

    With `normalized`, the logits are logarithms of probabilities already, and used as they are. The gradient stays the
    one through a log-softmax, as torch's.
    """

    def __init__(
        self,
        targets: CTCTargets,
        reduction: str,
        zero_infinity: bool,
        compute_dtype: DTypeLike | None,
        normalized: bool = False,
    ) -> None:
        self.targets, self.reduction, self.zero_infinity = targets, reduction, zero_infinity
        self.compute_dtype, self.normalized = compute_dtype, normalized

    def forward(self, logits: Array) -> Array:
        xp = self.xp
        self.grad_dtype = logits.dtype
        copy = logits.astype(self.compute_dtype or logits.dtype)
        log_probs = copy if self.normalized else log_softmax_of(xp, copy, out=copy)  # (B, T, V)
        losses, log_alpha = ctc_forward(log_probs, self.targets)  # (B,)
        self.save(log_probs, losses, log_alpha)
        if self.zero_infinity:
            losses = xp.where(xp.isinf(losses), 0.0, losses)
        losses = losses * asarray(self._item_weights(), like=logits)
        if self.reduction != "none":
            losses = losses.sum()
        return losses.astype(log_probs.dtype)

    def backward(self, grad: Array) -> Array:
        log_probs, losses, log_alpha = self.saved
        xp = self.xp
        item_grad = grad * asarray(self._item_weights().astype(grad.dtype), like=grad)  # (B,)
        logits_grad = ctc_backward(log_probs, self.targets, losses, log_alpha) * item_grad[:, None, None]
        if self.zero_infinity:
            logits_grad = xp.where(xp.isinf(losses)[:, None, None], 0.0, logits_grad)
        return logits_grad.astype(self.grad_dtype, copy=False)

    def _item_weights(self) -> np.ndarray:
        """What each item's loss counts for in the result, as `ctc_loss` says."""
        lengths = self.targets.target_lengths
        one = np.ones(len(lengths))
        if self.reduction == "mean":
            return one / (len(lengths) * np.maximum(lengths, 1))
        if self.reduction == "mean_batch":
            return one / len(lengths)
        if self.reduction == "mean_volume":
            return one / max(lengths.sum(), 1)
        return one


def ctc_loss(
    logits: Tensor | Array,
    labels: ArrayLike,
    input_lengths: ArrayLike | None = None,
    target_lengths: ArrayLike | None = None,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    compute_dtype: DTypeLike | None = None,
) -> Tensor:
    """CTC loss of a batch of logits (not of probabilities: the log-softmax is taken here).

    Args:
        logits: (B, T, V) floating tensor or array.
        labels: (B, S) integers, or (S,) where B is 1, on the host or the device: classes other than
            the blank, and -100 anywhere for padding. An item may have no label at all.
        input_lengths: (B,) frames of each item, 1..T; None: T for all. Later frames have no influence.
        target_lengths: (B,) labels of each item, which are then its first ones and the rest is ignored; None:
            whatever is not -100.
        blank: the class of the blank.
        reduction: "none" gives (B,); "sum"; "mean" divides each loss by its number of labels (at least 1) and
            averages over the batch, as torch does. Of NeMo's two, "mean_batch" averages the losses as they are, and
            "mean_volume" divides their sum by the number of all labels (at least 1).
        zero_infinity: gives items without alignment (more labels and repeats than frames) loss and gradient
            0. Without it their loss is inf and the gradient in their frames NaN, as torch's, so that nobody
            trains on them unaware.
        compute_dtype: dtype of the log-softmax and of the loss; None for the logits' own, and float32 for float16.
            "float32" rounds float64 logits as the reference does, which computes this loss in nothing else.

    Returns:
        The loss, 0-d or (B,), in compute_dtype. The gradient has the logits' dtype.

    Raises:
        ValueError: a wrong shape or dtype, a label that is no class or is the blank, a length out of range,
            an unknown reduction.
    """
    data = logits.data if isinstance(logits, Tensor) else logits
    if data.ndim != 3 or data.dtype.kind != "f" or 0 in data.shape:
        raise ValueError(f"logits: expected a floating array (batch, frames, classes), got {data.dtype} {data.shape}")
    check_reduction(reduction, REDUCTIONS)
    targets = prepare_targets(data.shape, labels, input_lengths, target_lengths, blank)
    if compute_dtype is None:
        compute_dtype = np.result_type(data.dtype, np.float32)
    return CTCLoss(targets, reduction, zero_infinity, compute_dtype)(logits)
