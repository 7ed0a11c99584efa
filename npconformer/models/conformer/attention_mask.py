"""Padding as attention sees it: numbers that are added to the scores.

Lesson: notebooks/03_conformer_block.ipynb, notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray
from npconformer.tape.autograd import Tensor


def attention_bias(frame_mask: np.ndarray, x: Tensor) -> Any:
    """(B, 1, 1, T): 0 where a frame may be attended to, the dtype's lowest number where not; None without padding.

    frame_mask: (B, T) booleans, true at the utterances' own frames. x: whose dtype and memory the numbers get.
    """
    if frame_mask.all():
        return None
    bias = np.where(frame_mask, 0.0, np.finfo(x.dtype).min).astype(x.dtype)
    return asarray(bias[:, None, None, :], x.data)
