"""Two slow, obvious ways to the CTC loss of one item: every alignment written out, and the recursion in Python."""

from __future__ import annotations

import itertools
import math

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def collapse(alignment: tuple[int, ...], blank: int) -> list[int]:
    """Merges repeats, then removes blanks."""
    return [k for k, _ in itertools.groupby(alignment) if k != blank]


def loss_by_enumeration(logits: np.ndarray, labels: list[int], blank: int = 0) -> float:
    """-log of the sum over all V^T alignments that collapse to the labels. logits (T, V)."""
    y = softmax(logits)
    frames, classes = y.shape
    p = 0.0
    for alignment in itertools.product(range(classes), repeat=frames):
        if collapse(alignment, blank) == list(labels):
            p += math.prod(y[t, k] for t, k in enumerate(alignment))
    return -math.log(p) if p > 0 else math.inf


def loss_by_recursion(logits: np.ndarray, labels: list[int], blank: int = 0) -> float:
    """-log p with one probability for each number of labels said and whether the last frame was a blank."""
    y = softmax(logits)
    n = len(labels)
    said = [0.0] * (n + 1)  # said[i]: the last frame is label i, 1-based
    paused = [1.0] + [0.0] * n  # paused[i]: i labels said, the last frame is a blank (or there was none)
    for row in y:
        new_said, new_paused = [0.0] * (n + 1), [0.0] * (n + 1)
        for i in range(n + 1):
            new_paused[i] = (paused[i] + said[i]) * row[blank]
            if i > 0:
                reach = said[i] + paused[i - 1]
                if i > 1 and labels[i - 1] != labels[i - 2]:
                    reach += said[i - 1]
                new_said[i] = reach * row[labels[i - 1]]
        said, paused = new_said, new_paused
    p = said[n] + paused[n]
    return -math.log(p) if p > 0 else math.inf
