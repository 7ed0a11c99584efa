"""Random spans and negatives by transformers' own names, drawn from NumPy's global generator as there.

After `np.random.seed(0)` they give what transformers' give. The package itself uses `compute_mask_indices` and
`sample_negative_indices`, which draw from its own generator.

Lesson: notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.types import Array
from npconformer.models.heads.negatives import sample_negative_indices
from npconformer.models.spec_augment import compute_mask_indices


def _compute_mask_indices(
    shape: tuple[int, int],
    mask_prob: float,
    mask_length: int,
    attention_mask: Array | None = None,
    min_masks: int = 0,
) -> np.ndarray:
    """`compute_mask_indices`, drawn from NumPy's global generator."""
    return compute_mask_indices(shape, mask_prob, mask_length, attention_mask, min_masks, rng=_global_generator())


def _sample_negative_indices(
    features_shape: tuple[int, int], num_negatives: int, mask_time_indices: ArrayLike | None = None
) -> np.ndarray:
    """`sample_negative_indices`, drawn from NumPy's global generator."""
    return sample_negative_indices(features_shape, num_negatives, mask_time_indices, rng=_global_generator())


def _global_generator() -> np.random.RandomState:
    return np.random.mtrand._rand
