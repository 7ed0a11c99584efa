"""SpecAugment (Park et al. 2019) as NeMo applies it: in training, stripes of the mel features become 0, their mean.

    F times   w in 0 .. freq_width,   first in 0 .. J - freq_width        bands first .. first + w - 1 of all frames
    M times   w in 0 .. r,            first in 0 .. max(1, n - r)         frames first .. first + w - 1

with F = freq_masks, M = time_masks and r = max(1, floor(time_width n)) for an utterance of n frames; all ends included,
all numbers drawn for each utterance by itself. What wav2vec 2.0 makes of it hides projected frames (`spec_augment`).

Letters: B batch, T frames, J mel bands.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray
from npconformer.arrays.generator import get_generator
from npconformer.models.nemo_conformer.configuration import NemoConformerConfig
from npconformer.tape.autograd import Tensor


def draw_stripes(shape: tuple[int, ...], lengths: np.ndarray | None, config: NemoConformerConfig) -> np.ndarray:
    """(B, T, J) booleans, true at what is to be hidden. lengths: (B,) frames of each utterance; None for all T."""
    batch, frames, bands = shape
    random, hidden = get_generator(), np.zeros(shape, bool)
    width = min(config.freq_width, bands)
    for item, own in zip(hidden, [frames] * batch if lengths is None else lengths.tolist(), strict=True):
        for _ in range(config.freq_masks):
            first = int(random.integers(0, bands - width + 1))
            item[:, first : first + int(random.integers(0, width + 1))] = True
        longest = max(1, int(own * config.time_width))
        for _ in range(config.time_masks):
            first = int(random.integers(0, max(1, own - longest) + 1))
            item[first : first + int(random.integers(0, longest + 1))] = True
    return hidden


def hide_stripes(features: Tensor, lengths: np.ndarray | None, config: NemoConformerConfig) -> Tensor:
    """(B, T, J) -> (B, T, J) with random stripes at 0, as the config says; itself where it says none."""
    if not config.apply_spec_augment or config.freq_masks == config.time_masks == 0:
        return features
    hidden = draw_stripes(features.shape, lengths, config)
    return ops.masked_assign(features, asarray(hidden, features.data), 0.0)
