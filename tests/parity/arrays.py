"""The inputs, random weights and upstream gradients of a case, as NumPy arrays. Needs neither torch nor npconformer."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from .cases import Case

IGNORED_LABEL = -100


@dataclass(frozen=True)
class Inputs:
    """One batch: B utterances of N rows, S labels, T frames, V classes."""

    values: np.ndarray  # (B, N) waveforms or (B, N, F) features, float32
    attention_mask: np.ndarray | None  # (B, N) int64
    labels: np.ndarray | None  # (B, S) int64, padded with -100; None where the reference cannot compute the loss
    logits_gradient: np.ndarray  # (B, T, V) float64, random: that of a random linear functional of the logits


def generator(case: Case, purpose: str) -> np.random.Generator:
    """A random stream of its own for every case and purpose, the same on every machine."""
    return np.random.default_rng([zlib.crc32(case.name.encode()), zlib.crc32(purpose.encode())])


def make_inputs(case: Case) -> Inputs:
    random = generator(case, "inputs")
    values, mask = case.family.make_inputs(case.config, case.lengths, random)
    labels = np.full((len(values), max(len(row) for row in case.labels)), IGNORED_LABEL, np.int64)
    for row, targets in enumerate(case.labels):
        labels[row, : len(targets)] = targets
    frames = case.family.frames(case.config, max(case.lengths))
    logits_gradient = random.standard_normal((len(values), frames, case.config["vocab_size"]))
    return Inputs(values, mask if case.masked else None, labels if case.has_loss else None, logits_gradient)


def randomise(name: str, value: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A random value for the parameter or running statistic `name`, of the shape of `value`, float32.

    Chosen so that every parameter matters and signals stay of order one through the network.
    """
    noise = random.standard_normal(value.shape)
    owner, _, kind = name.rpartition(".")
    if kind == "running_var":
        result = 0.5 + random.random(value.shape)
    elif kind == "running_mean" or kind == "bias" or kind.startswith("pos_bias"):
        result = 0.3 * noise
    elif kind == "original0":  # the norms of weight normalisation
        result = 1 + 0.2 * noise
    elif owner.endswith(("layer_norm", "batch_norm")):
        result = 1 + 0.2 * noise
    elif value.ndim >= 2:
        result = noise / np.sqrt(np.prod(value.shape[1:]))
    else:
        result = noise
    if name.startswith("lm_head."):  # likelier label sequences: less rounding in the reference's float32 CTC
        result = 0.3 * result
    return result.astype(np.float32)


def nonzero_gradients(gradients: dict[str, np.ndarray | None], prefix: str) -> dict[str, np.ndarray]:
    """Those that are not missing and not zero throughout: both mean that the output does not depend on it."""
    return {prefix + name: value for name, value in gradients.items() if value is not None and np.any(value)}
