"""The edit distance (Levenshtein 1966): the fewest substitutions, deletions, insertions between two sequences.

With the reference r of R items and the hypothesis h of H items, D[i, j] of their first i and j items is

    D[i, j] = min(D[i-1, j-1] + (r_i ≠ h_j),  D[i-1, j] + 1,  D[i, j-1] + 1)

Row by row the first two are element-wise. The last is a running minimum, since what it adds grows by 1 a column:

    D[i, j] = min over k ≤ j of (C[k] + j - k) = j + min over k ≤ j of (C[k] - k),    C the minimum of the first two
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edits:
    """What it takes to make the hypothesis of the reference, and how long the reference is. Edits can be added."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    length: int = 0

    @property
    def errors(self) -> int:
        """All edits together: the distance."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors for each item of the reference: above 1 where much is inserted; of no items, 0 or infinity."""
        if self.length == 0:
            return float("inf") if self.errors else 0.0
        return self.errors / self.length

    def __add__(self, other: Edits) -> Edits:
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )


def count_edits(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> Edits:
    """The fewest edits from the reference to the hypothesis, two sequences of words, letters, ids.

    Where several ways are as short, a substitution is preferred to a deletion and an insertion; their sum is the
    same either way. Time and memory are R H, a byte or two for each.
    """
    numbers: dict[Hashable, int] = {}
    r, h = ([numbers.setdefault(item, len(numbers)) for item in items] for items in (reference, hypothesis))
    start = _common(r, h)  # what is equal at both ends costs nothing
    r, h = r[start:], h[start:]
    end = _common(r[::-1], h[::-1])
    r, h = r[: len(r) - end], h[: len(h) - end]
    substitutions, deletions, insertions = _trace(_distances(np.array(r, np.int64), np.array(h, np.int64)), r, h)
    return Edits(substitutions, deletions, insertions, len(reference))


def _common(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def _distances(r: np.ndarray, h: np.ndarray) -> np.ndarray:
    """D, (R + 1, H + 1)."""
    largest = max(len(r), len(h))
    columns = np.arange(len(h) + 1)
    table = np.empty((len(r) + 1, len(h) + 1), np.uint16 if largest < 2**16 else np.int64)
    table[0] = row = columns
    for i, item in enumerate(r, start=1):
        best = row + 1
        np.minimum(best[1:], row[:-1] + (h != item), out=best[1:])
        row = np.minimum.accumulate(best - columns) + columns
        table[i] = row
    return table


def _trace(table: np.ndarray, r: list[int], h: list[int]) -> tuple[int, int, int]:
    """Walk back from the end, and count substitutions, deletions, insertions."""
    i, j = len(r), len(h)
    substitutions = deletions = insertions = 0
    while i > 0 or j > 0:
        here = int(table[i, j])
        different = i > 0 and j > 0 and r[i - 1] != h[j - 1]
        if i > 0 and j > 0 and here == int(table[i - 1, j - 1]) + different:
            i, j, substitutions = i - 1, j - 1, substitutions + different
        elif i > 0 and here == int(table[i - 1, j]) + 1:
            i, deletions = i - 1, deletions + 1
        else:
            j, insertions = j - 1, insertions + 1
    return int(substitutions), deletions, insertions
