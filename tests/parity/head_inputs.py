"""Inputs, labels, masks, negatives and noise for the models with heads, as NumPy arrays. Needs neither torch nor
npconformer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .arrays import generator
from .head_cases import HeadCase


@dataclass(frozen=True)
class HeadInputs:
    """One batch: B utterances of N rows, T frames. `extra` are the arguments of the head at hand.

    For pre-training `exponential` (B T G, V) holds numbers of the exponential distribution: the Gumbel noise is -log
    of them.
    """

    values: np.ndarray  # (B, N) waveforms or (B, N, F) features, float32
    attention_mask: np.ndarray | None  # (B, N) int64
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    exponential: np.ndarray | None = None


def make_head_inputs(case: HeadCase) -> HeadInputs:
    random = generator(case, "inputs")
    config, batch = case.config, len(case.lengths)
    values, mask = case.family.make_inputs(config, case.lengths, random)
    number = case.family.frames(config, max(case.lengths))
    classes = config["num_labels"]
    exponential = None
    if case.head == "ForPreTraining":
        extra = _masks_and_negatives(case, number, random)
        groups, words = config["num_codevector_groups"], config["num_codevectors_per_group"]
        exponential = random.standard_exponential((batch * number * groups, words))
    elif case.head == "ForAudioFrameClassification":
        extra = {"labels": np.eye(classes, dtype=np.int64)[random.integers(0, classes, (batch, number))]}
    else:
        extra = {"labels": random.integers(0, classes, batch)}
    return HeadInputs(values, mask if case.masked else None, extra, exponential)


def _masks_and_negatives(case: HeadCase, number: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Masked frames, never padding; negatives of each among the others of its utterance."""
    batch = len(case.lengths)
    own = [case.family.frames(case.config, n) if case.masked else number for n in case.lengths]
    masked = random.random((batch, number)) < 0.5
    masked[:, 1:4] = True
    masked &= np.arange(number) < np.array(own)[:, None]
    negatives = np.zeros((batch, number, case.config["num_negatives"]), np.int64)
    for item in range(batch):
        positions = np.flatnonzero(masked[item])
        for position in positions:
            others = positions[positions != position]
            negatives[item, position] = random.choice(others, negatives.shape[2])
        negatives[item] += item * number
    return {"mask_time_indices": masked.astype(np.int64), "sampled_negative_indices": negatives}
