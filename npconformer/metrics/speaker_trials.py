"""Trials of a speaker verifier: pairs of recordings, each with a score and whether it is one speaker.

The score of two recordings is the cosine of the angle between their vectors, which for vectors u and v of length 1 is

    cos(u, v) = ⟨u, v⟩

Every pair is a trial, N (N - 1) / 2 of N recordings. Letters: N recordings, D dimensions, P pairs.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

PAIRS_AT_ONCE = 65536  # whose vectors are copied side by side


class Trials(NamedTuple):
    """scores (P,), higher where more alike; same (P,) booleans. They are what `equal_error_rate` takes."""

    scores: np.ndarray
    same: np.ndarray


class SpeakerTrials:
    """Takes the vectors of recordings one by one.

    most: the most trials; of more pairs that many are drawn at random, the same every time, and none is a recording
    with itself. None: all pairs, however many.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.speakers: list[Hashable] = []
        self._vectors: list[np.ndarray] = []

    def add(self, vector: Any, speaker: Hashable) -> None:
        """Take a recording's vector (D,), of length 1, and the name or number of who speaks."""
        self._vectors.append(np.asarray(vector))
        self.speakers.append(speaker)

    def trials(self) -> Trials:
        """The pairs of all recordings so far.

        Raises ValueError for fewer than two recordings.
        """
        count = len(self.speakers)
        if count < 2:
            raise ValueError(f"an equal error rate needs pairs of recordings, got {count}")
        first, second = self._pairs(count)  # (P,)
        vectors = np.stack(self._vectors)  # (N, D)
        starts = range(0, len(first), PAIRS_AT_ONCE)
        pieces = [(first[i : i + PAIRS_AT_ONCE], second[i : i + PAIRS_AT_ONCE]) for i in starts]
        scores = np.concatenate([np.einsum("nd,nd->n", vectors[i], vectors[j]) for i, j in pieces])
        numbers: dict[Hashable, int] = {}
        speakers = np.array([numbers.setdefault(speaker, len(numbers)) for speaker in self.speakers])  # (N,)
        return Trials(scores, speakers[first] == speakers[second])

    def _pairs(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the two recordings of each trial."""
        if self.most is None or count * (count - 1) // 2 <= self.most:
            return np.triu_indices(count, k=1)
        random = np.random.default_rng(0)
        first = random.integers(count, size=self.most)
        return first, (first + random.integers(1, count, size=self.most)) % count

    def nearest(self) -> list[tuple[int, float]]:
        """Of each recording the number of the one that is most like it, among the others, and their cosine.

        There are none of fewer than two recordings.
        """
        if len(self.speakers) < 2:
            return []
        vectors = np.stack(self._vectors)  # (N, D)
        found = []
        for i, vector in enumerate(vectors):
            cosines = vectors @ vector  # (N,)
            cosines[i] = -np.inf
            best = int(cosines.argmax())
            found.append((best, float(cosines[best])))
        return found
