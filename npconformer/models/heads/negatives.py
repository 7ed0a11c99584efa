"""Negative examples of wav2vec 2.0's contrastive loss: other masked frames of the same utterance.

Letters: B batch, T frames, K negatives of each frame.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.generator import get_generator
from npconformer.losses.class_labels import host_array


def sample_negative_indices(
    features_shape: tuple[int, int],
    num_negatives: int,
    mask_time_indices: ArrayLike | None = None,
    rng: np.random.Generator | np.random.RandomState | None = None,
) -> np.ndarray:
    """For each masked frame draws K others, evenly and with replacement, from the masked frames of its utterance.

    As a masked frame is never padding, neither is a negative; none is its own positive or from another utterance.

    Args:
        features_shape: (B, T).
        num_negatives: K, at least 0.
        mask_time_indices: (B, T) booleans (or 0 and 1), true at the masked frames; None: all frames.
        rng: where randomness comes from; None: `arrays.generator.get_generator()`. A RandomState draws what the
            same seed of NumPy's global generator gives the reference.

    Returns:
        (B, T, K) int32: frame t of utterance b counts as b T + t. Rows of frames that are not masked are b T.

    Raises:
        ValueError: arguments that do not fit, or an utterance with a single masked frame, which has no negatives.
    """
    batch, frames = features_shape
    if num_negatives < 0:
        raise ValueError(f"num_negatives: expected 0 or more, got {num_negatives}")
    masked = np.ones((batch, frames), bool)
    if mask_time_indices is not None:
        masked = host_array("mask_time_indices", mask_time_indices).astype(bool)
    if masked.shape != (batch, frames):
        raise ValueError(f"mask_time_indices: expected shape {(batch, frames)}, got {masked.shape}")
    counts = masked.sum(axis=1)
    if num_negatives and (counts == 1).any():
        raise ValueError(
            f"mask_time_indices: utterance {int((counts == 1).argmax())} has a single masked frame, which leaves none "
            "to be its negatives: mask at least two (mask_time_min_masks, mask_time_length)"
        )
    rng = get_generator() if rng is None else rng
    draw = rng.integers if isinstance(rng, np.random.Generator) else rng.randint

    indices = np.zeros((batch, frames, num_negatives), np.int32)
    for item, count in enumerate(counts.tolist()):
        if count < 2:
            continue
        drawn = draw(0, count - 1, size=(count, num_negatives))  # among the others: its own number is left out
        drawn += drawn >= np.arange(count)[:, None]
        indices[item, masked[item]] = np.flatnonzero(masked[item])[drawn]
    return indices + (np.arange(batch, dtype=np.int32) * frames)[:, None, None]
