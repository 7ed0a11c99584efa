"""The two losses of wav2vec 2.0's pre-training (Baevski et al. 2020, section 3.2): contrastive and diversity.

For each masked frame t the context vector c_t has to tell the quantized vector q_t of its own frame from those of K
other masked frames of the utterance, by the cosine of their angle, at a temperature κ (equation 3):

    x_t0 = cos(c_t, q_t) / κ,    x_tk = cos(c_t, q_{n_tk}) / κ,    L_m = Σ_t (log Σ_k e^{x_tk} - x_t0)

A negative that equals its positive (both frames chose the same codewords) gets the logit -∞, so that it takes no part.
The diversity loss (equation 4) rewards the use of all codewords; here, as the reference writes it, with the
perplexity P of the codebooks' G V entries, for each masked frame: L_d = (G V - P) / (G V).

No vector of a negative is ever copied: the cosines of all pairs of frames of an utterance are one matrix product, and
the K + 1 of each frame are picked from it. Letters: B batch, T frames, D dimensions, K negatives.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from npconformer import ops
from npconformer.arrays.backend import asarray, scatter_add
from npconformer.arrays.types import Array
from npconformer.losses.class_labels import IGNORED, check_logits, host_array
from npconformer.losses.cross_entropy import cross_entropy
from npconformer.ops.cosine_similarity import SHORTEST
from npconformer.ops.unit_vectors import unit_vectors, unit_vectors_backward
from npconformer.tape.autograd import Operation, Tensor


class ContrastiveLogits(Operation):
    """x[b, t, k] = cos(c[b, t], q[b, i]) / κ for i = candidates[b, t, k];  -∞ where `hidden[b, t, k]`

    With S = C Qᵀ over the normalised rows:  dS adds up dx at the candidates,  dC = dS Q,  dQ = dSᵀ C.
    """

    in_float32 = True

    def __init__(self, candidates: np.ndarray, hidden: np.ndarray | None, temperature: float) -> None:
        self.candidates, self.hidden, self.temperature = candidates, hidden, temperature

    def forward(self, context: Array, targets: Array) -> Array:
        xp = self.xp
        c, c_length = unit_vectors(xp, context, SHORTEST)  # (B, T, D)
        q, q_length = unit_vectors(xp, targets, SHORTEST)
        cosines = xp.matmul(c, q.swapaxes(1, 2))  # (B, T, T)
        index = self._index(context)
        logits = cosines[index] * (1.0 / self.temperature)  # (B, T, K+1)
        hidden = None if self.hidden is None else asarray(self.hidden, like=context)
        if hidden is not None:
            logits = xp.where(hidden, xp.asarray(-np.inf, logits.dtype), logits)
        self.save(c, c_length, q, q_length, index, hidden)
        return logits

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        c, c_length, q, q_length, index, hidden = self.saved
        xp = self.xp
        grad = grad * (1.0 / self.temperature)
        if hidden is not None:
            grad = xp.where(hidden, xp.zeros((), grad.dtype), grad)
        dcosines = xp.zeros((*c.shape[:2], q.shape[1]), grad.dtype)  # (B, T, T)
        scatter_add(dcosines, index, grad)
        dcontext = dtargets = None
        if self.needs[0]:
            dcontext = unit_vectors_backward(xp, xp.matmul(dcosines, q), c, c_length, SHORTEST)
        if self.needs[1]:
            dq = xp.matmul(dcosines.swapaxes(1, 2), c)
            dtargets = unit_vectors_backward(xp, dq, q, q_length, SHORTEST)
        return dcontext, dtargets

    def _index(self, like: Array) -> tuple[Array, Array, Array]:
        batch, frames, _ = self.candidates.shape
        xp = self.xp
        return xp.arange(batch)[:, None, None], xp.arange(frames)[:, None], asarray(self.candidates, like=like)


def contrastive_logits(
    context: Tensor | Array,
    targets: Tensor | Array,
    negative_indices: ArrayLike,
    temperature: float = 0.1,
    codes: ArrayLike | None = None,
) -> Tensor:
    """Scaled cosines of each frame's context vector with its own target and with its negatives'.

    Args:
        context: (B, T, D) floating tensor or array, what the model predicts.
        targets: (B, T, D), the quantized vectors.
        negative_indices: (B, T, K) integers: frames of the whole batch, b T + t, as `sample_negative_indices` gives
            them.
        temperature: κ, above 0.
        codes: None or (B, T) integers that are equal for frames with equal codewords. A negative with the code of its
            positive gets -∞; without codes, one whose vector equals the positive's.

    Returns:
        (B, T, K+1) in the context's dtype, the positive first.

    Raises:
        ValueError: shapes or dtypes that do not fit, an index that is no frame, a temperature that is not positive.
    """
    c, q = check_logits("context", context, 3), check_logits("targets", targets, 3)
    if c.shape != q.shape or c.dtype != q.dtype:
        raise ValueError(f"targets: expected {c.dtype} {c.shape} as the context, got {q.dtype} {q.shape}")
    if not temperature > 0:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}")
    batch, frames, _ = c.shape
    negatives = check_negative_indices(negative_indices, batch, frames)
    positives = np.arange(batch * frames).reshape(batch, frames, 1)
    candidates = np.concatenate([positives, negatives], axis=2)  # (B, T, K+1), frames of the batch
    codes = _codes_of(q) if codes is None else host_array("codes", codes)
    if codes.shape != (batch, frames):
        raise ValueError(f"codes: expected shape {(batch, frames)}, got {codes.shape}")
    hidden = codes.reshape(-1)[candidates] == codes[:, :, None]  # (B, T, K+1)
    hidden[:, :, 0] = False

    local = candidates - np.arange(batch)[:, None, None] * frames
    if ((local >= 0) & (local < frames)).all():  # every negative lies in its own utterance
        return ContrastiveLogits(local, hidden if hidden.any() else None, temperature)(context, targets)
    one = (1, batch * frames, -1)
    operation = ContrastiveLogits(candidates.reshape(one), hidden.reshape(one), temperature)
    return ops.reshape(operation(ops.reshape(context, one), ops.reshape(targets, one)), candidates.shape)


def check_negative_indices(negative_indices: ArrayLike, batch: int, frames: int) -> np.ndarray:
    """The indices as int64 (B, T, K), or a ValueError that says what is wrong with them."""
    indices = host_array("sampled_negative_indices", negative_indices)
    if indices.dtype.kind not in "iu" or indices.ndim != 3 or indices.shape[:2] != (batch, frames):
        raise ValueError(
            f"sampled_negative_indices: expected integers of shape ({batch}, {frames}, negatives), "
            f"got {indices.dtype} {indices.shape}"
        )
    if indices.size and not 0 <= indices.min() <= indices.max() < batch * frames:
        raise ValueError(
            f"sampled_negative_indices: expected frames 0..{batch * frames - 1} of the batch, "
            f"got {indices.min()}..{indices.max()}"
        )
    return indices.astype(np.int64)


def _codes_of(vectors: Array) -> np.ndarray:
    """(B, T) numbers that are equal where the vectors are equal in every bit."""
    host = np.ascontiguousarray(host_array("targets", vectors)) + 0.0  # -0.0 becomes 0.0
    rows = host.reshape(-1, host.shape[-1])
    as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    return np.unique(as_bytes, return_inverse=True)[1].reshape(host.shape[:-1])


def contrastive_loss(logits: Tensor | Array, mask_time_indices: ArrayLike, reduction: str = "sum") -> Tensor:
    """Cross entropy of the positive, which is the first logit, at the masked frames.

    Args:
        logits: (B, T, K+1) from `contrastive_logits`.
        mask_time_indices: (B, T) booleans (or 0 and 1), true at the masked frames.
        reduction: "sum" as the reference does, "mean", "none".

    Raises:
        ValueError: a mask of another shape or without a masked frame.
    """
    mask = check_time_mask(mask_time_indices, logits.shape[:2])
    return cross_entropy(logits, np.where(mask, 0, IGNORED), reduction=reduction)


def check_time_mask(mask_time_indices: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """The mask as booleans (B, T), or a ValueError that says what is wrong with it."""
    mask = host_array("mask_time_indices", mask_time_indices).astype(bool)
    if mask.shape != tuple(shape):
        raise ValueError(f"mask_time_indices: expected shape {tuple(shape)}, got {mask.shape}")
    if not mask.any():
        raise ValueError("mask_time_indices: no frame is masked, so there is nothing to predict")
    return mask


def diversity_loss(perplexity: Tensor, num_codevectors: int, mask_time_indices: ArrayLike) -> Tensor:
    """(n - perplexity) / n for each masked frame: 0 when all n codewords are used evenly.

    Args:
        perplexity: 0-d, the sum of the codebooks' perplexities.
        num_codevectors: n = G V, the codewords of all codebooks.
        mask_time_indices: booleans; only their number counts.
    """
    masked = int((host_array("mask_time_indices", mask_time_indices) != 0).sum())
    share = ops.add(ops.multiply(perplexity, -1.0 / num_codevectors), 1.0)
    return ops.multiply(share, float(masked))
