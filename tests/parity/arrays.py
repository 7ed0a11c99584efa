"""The inputs, random weights and upstream gradients of a case, as NumPy arrays. Needs neither torch nor npconformer."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from .cases import Case

IGNORED_LABEL = -100


@dataclass(frozen=True)
class Inputs:
    """One batch: B utterances of N samples, S labels, T frames, V classes."""

    input_values: np.ndarray  # (B, N) float32
    attention_mask: np.ndarray | None  # (B, N) int64
    labels: np.ndarray  # (B, S) int64, padded with -100
    logits_gradient: np.ndarray  # (B, T, V) float64, random: that of a random linear functional of the logits


def generator(case: Case, purpose: str) -> np.random.Generator:
    """A random stream of its own for every case and purpose, the same on every machine."""
    return np.random.default_rng([zlib.crc32(case.name.encode()), zlib.crc32(purpose.encode())])


def make_inputs(case: Case) -> Inputs:
    random = generator(case, "inputs")
    batch, samples = len(case.lengths), max(case.lengths)
    input_values = random.standard_normal((batch, samples)).astype(np.float32)
    attention_mask = np.ones((batch, samples), np.int64)
    for row, length in enumerate(case.lengths):
        input_values[row, length:] = 0
        attention_mask[row, length:] = 0
    labels = np.full((batch, max(len(row) for row in case.labels)), IGNORED_LABEL, np.int64)
    for row, values in enumerate(case.labels):
        labels[row, : len(values)] = values
    logits_gradient = random.standard_normal((batch, frames(case, samples), case.config["vocab_size"]))
    return Inputs(input_values, attention_mask if case.masked else None, labels, logits_gradient)


def frames(case: Case, length: int) -> int:
    """How many frames of logits a batch has whose longest utterance is of that many samples."""
    config = case.config
    for kernel, stride in zip(config["conv_kernel"], config["conv_stride"], strict=True):
        length = (length - kernel) // stride + 1
    if config.get("add_adapter"):
        for _ in range(config["num_adapter_layers"]):
            length = (length + 2 - config.get("adapter_kernel_size", 3)) // config.get("adapter_stride", 2) + 1
    return length


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
