"""SpecAugment (Park et al. 2019, as wav2vec 2.0 has it): spans of frames and of channels are hidden in training.

In fine-tuning this is data augmentation: the labels stay, and the model must do without what is hidden. In pre-training
the hidden frames are the questions, and only they have a loss. Both hide the projected features, not the spectrogram.

Letters: B items, N positions, K spans of an item; T frames, C channels.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npconformer import ops
from npconformer.arrays.backend import asarray, to_host
from npconformer.arrays.generator import get_generator
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Tensor


def compute_mask_indices(
    shape: tuple[int, int],
    mask_prob: float,
    mask_length: int,
    attention_mask: Array | None = None,
    min_masks: int = 0,
    rng: np.random.Generator | np.random.RandomState | None = None,
) -> np.ndarray:
    """Draws spans of `mask_length` positions, and marks the positions they cover.

    An item of n positions gets K = mask_prob · n / mask_length spans, rounded up or down by one random number that
    the batch shares, at least `min_masks`, and at most as many as there are different starts. Starts are drawn
    without replacement among those whose span ends inside the item, so spans may overlap and the share of hidden
    positions is somewhat below mask_prob. Items shorter than mask_length get no span (where
    the reference then hides the last position, which is padding, nothing is hidden here). If an item of all N
    positions would get none, nobody gets any.

    Args:
        shape: (B, N).
        mask_prob: share of the positions to hide, 0..1, before overlaps.
        mask_length: positions in a span, 1..N.
        attention_mask: (B, N) array, on the host or a device; an item's n is the number of its nonzero entries,
            which come first.
        min_masks: least number of spans of an item that has room for them.
        rng: where randomness comes from; None: `arrays.generator.get_generator()`. A RandomState draws what
            the same seed of NumPy's global generator gives the reference.

    Returns:
        (B, N) bool, on the host. True: hide.

    Raises:
        ValueError: mask_length, mask_prob, min_masks or attention_mask do not fit the shape.
    """
    batch, positions = shape
    if not 1 <= mask_length <= positions:
        raise ValueError(f"mask_length: expected 1..{positions} for shape {shape}, got {mask_length}")
    if not 0 <= mask_prob <= 1:
        raise ValueError(f"mask_prob: expected 0..1, got {mask_prob}")
    if min_masks < 0:
        raise ValueError(f"min_masks: expected 0 or more, got {min_masks}")
    lengths = _item_lengths(shape, attention_mask)  # (B,)
    rng = get_generator() if rng is None else rng

    rounding = float(rng.random(1)[0])
    counts = _span_counts(lengths, positions, mask_prob, mask_length, min_masks, rounding)  # (B,)
    mask = np.zeros(shape, dtype=bool)
    if _span_counts(np.array([positions]), positions, mask_prob, mask_length, min_masks, rounding)[0] == 0:
        return mask

    # One draw for each item in order, also where no span is wanted: that makes the stream the reference's.
    starts = [
        rng.choice(max(int(length) - mask_length + 1, 1), int(count), replace=False)
        for length, count in zip(lengths, counts, strict=True)
    ]
    items = np.repeat(np.arange(batch), counts)[:, None]  # (ΣK, 1)
    mask[items, np.concatenate(starts)[:, None] + np.arange(mask_length)] = True
    return mask


def _item_lengths(shape: tuple[int, int], attention_mask: Array | None) -> np.ndarray:
    if attention_mask is None:
        return np.full(shape[0], shape[1])
    valid = to_host(attention_mask) != 0
    if valid.shape != tuple(shape):
        raise ValueError(f"attention_mask: expected shape {tuple(shape)}, got {valid.shape}")
    if (valid[:, 1:] > valid[:, :-1]).any():
        raise ValueError("attention_mask: expected the padding to the right of the valid positions")
    return valid.sum(axis=1)


def _span_counts(
    lengths: np.ndarray, positions: int, mask_prob: float, mask_length: int, min_masks: int, rounding: float
) -> np.ndarray:
    counts = (mask_prob * lengths / mask_length + rounding).astype(np.int64)  # positive: truncation is floor
    counts = np.maximum(counts, min_masks)
    counts = np.minimum(counts, positions // mask_length)
    return np.clip(counts, 0, np.maximum(lengths - mask_length + 1, 0))


def spec_augment(
    x: Tensor,
    config: Any,
    mask_vector: Tensor | None,
    training: bool,
    mask_time_indices: ArrayLike | None = None,
    frame_mask: np.ndarray | None = None,
) -> Tensor:
    """Spans of frames become the mask vector, spans of channels become 0.

    Args:
        x: (B, T, C).
        config: its fields apply_spec_augment, mask_time_… and mask_feature_… say whether and how much.
        mask_vector: (C,), or None for a model that has none.
        training: whether spans are drawn. A batch whose frames are fewer than those of a span gets none.
        mask_time_indices: None or (B, T) booleans: the frames to mask, in place of random ones, whatever the mode.
        frame_mask: None or (B, T) booleans, true at the utterances' own frames, from which the random ones are drawn.

    Raises:
        ValueError: mask_time_indices of another shape, or for a model without a mask vector.
    """
    if not config.apply_spec_augment:
        return x
    batch, frames, channels = x.shape
    has_room = frames >= config.mask_time_length  # a batch of very short utterances has not
    if mask_time_indices is None and config.mask_time_prob > 0 and training and has_room:
        mask_time_indices = compute_mask_indices(
            (batch, frames),
            config.mask_time_prob,
            config.mask_time_length,
            attention_mask=frame_mask,
            min_masks=config.mask_time_min_masks,
        )
    if mask_time_indices is not None:
        masked = to_host(mask_time_indices).astype(bool)
        if masked.shape != (batch, frames):
            raise ValueError(f"mask_time_indices: expected shape {(batch, frames)}, got {masked.shape}")
        if mask_vector is None:
            raise ValueError("mask_time_indices: this model has no mask vector; set mask_time_prob above 0")
        x = ops.masked_assign(x, asarray(masked[:, :, None], x.data), mask_vector)
    if config.mask_feature_prob > 0 and training:
        masked = compute_mask_indices(
            (batch, channels),
            config.mask_feature_prob,
            config.mask_feature_length,
            min_masks=config.mask_feature_min_masks,
        )
        x = ops.masked_assign(x, asarray(masked[:, None, :], x.data), 0.0)
    return x
