"""The labels of a CTC loss: checked, packed, and extended with blanks. Everything here happens on the host.

Letters: B batch, S labels of the longest item, L = 2S+1 states: blank, label 1, blank, label 2, …, blank.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from npconformer.losses.class_labels import IGNORED, host_array


@dataclass(frozen=True)
class CTCTargets:
    """The states of each item's label sequence and the steps between them, as NumPy arrays.

    Attributes:
        input_lengths: (B,) frames of each item.
        target_lengths: (B,) labels of each item.
        states: (B, L) the class of each state. Past an item's own 2·length+1 states: blanks, never reached.
        skips: (B, L) whether state s may follow state s-2: it is a label, and not the one before it again.
        ends: (B, L) whether an alignment may end in the state: an item's last label and the blank after it.
    """

    input_lengths: np.ndarray
    target_lengths: np.ndarray
    states: np.ndarray
    skips: np.ndarray
    ends: np.ndarray


def prepare_targets(
    logits_shape: tuple[int, int, int],
    labels: ArrayLike,
    input_lengths: ArrayLike | None = None,
    target_lengths: ArrayLike | None = None,
    blank: int = 0,
) -> CTCTargets:
    """Checks and packs what `ctc_loss` was given; see there for the arguments and errors."""
    batch, frames, classes = logits_shape
    if not isinstance(blank, int | np.integer) or not 0 <= blank < classes:
        raise ValueError(
            f"blank: expected a class in 0..{classes - 1}, got {blank!r} (of a model it is config.pad_token_id)"
        )
    labels = _integers("labels", labels)
    if labels.ndim == 1 and batch == 1:
        labels = labels[None]
    if labels.ndim != 2 or labels.shape[0] != batch:
        raise ValueError(f"labels: expected shape ({batch}, labels) for logits {logits_shape}, got {labels.shape}")
    used = _used_labels(labels, target_lengths)
    _check_classes(labels, used, classes, blank)
    if input_lengths is None:
        input_lengths = np.full(batch, frames)
    input_lengths = _lengths("input_lengths", input_lengths, batch, 1, frames)

    counts = used.sum(axis=1)
    size = int(counts.max(initial=0))
    packed = np.full((batch, size), blank)  # (B, S)
    packed[np.arange(size) < counts[:, None]] = labels[used]
    states = np.full((batch, 2 * size + 1), blank)  # (B, L)
    states[:, 1::2] = packed
    skips = np.zeros(states.shape, dtype=bool)
    skips[:, 3::2] = packed[:, 1:] != packed[:, :-1]
    position = np.arange(2 * size + 1)
    ends = (position == 2 * counts[:, None]) | (position == 2 * counts[:, None] - 1)
    return CTCTargets(input_lengths, counts, states, skips, ends)


def _used_labels(labels: np.ndarray, target_lengths: ArrayLike | None) -> np.ndarray:
    """(B, S) whether each entry is a label: by the lengths if given, else whatever is not padding."""
    if target_lengths is None:
        return labels != IGNORED
    lengths = _lengths("target_lengths", target_lengths, labels.shape[0], 0, labels.shape[1])
    return np.arange(labels.shape[1]) < lengths[:, None]


def _check_classes(labels: np.ndarray, used: np.ndarray, classes: int, blank: int) -> None:
    wrong = used & ((labels < 0) | (labels >= classes) | (labels == blank))
    if not wrong.any():
        return
    item, position = np.argwhere(wrong)[0]
    label = labels[item, position]
    problem = "is the blank, which cannot be a target" if label == blank else "is no class"
    raise ValueError(
        f"labels: {label} at [{item}, {position}] {problem}: expected 0..{classes - 1} without the blank {blank}, and"
        f" {IGNORED} for padding"
    )


def _lengths(name: str, values: ArrayLike, batch: int, smallest: int, largest: int) -> np.ndarray:
    lengths = _integers(name, values)
    if lengths.shape != (batch,):
        raise ValueError(f"{name}: expected shape ({batch},), got {lengths.shape}")
    if ((lengths < smallest) | (lengths > largest)).any():
        raise ValueError(f"{name}: expected values in {smallest}..{largest}, got {lengths.tolist()}")
    return lengths


def _integers(name: str, values: ArrayLike) -> np.ndarray:
    array = host_array(name, values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected integers, got dtype {array.dtype}")
    return array.astype(np.int64)
