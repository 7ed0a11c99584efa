"""Accuracy: the share of answers that are right, over all and for each known answer by itself.

accuracy = (answers equal to their reference) / (answers)
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from npconformer.metrics.shares import Share, wilson_interval


class Accuracy:
    """Takes answers one by one: names, numbers, or where several hold at once a tuple, which is right as a whole.

    >>> accuracy = Accuracy()
    >>> accuracy.add("yes", "yes"), accuracy.add("yes", "no"), accuracy.add("no", "no")
    (True, False, True)
    >>> accuracy.share, accuracy.of_reference["yes"]
    (Share(count=2, total=3), Share(count=1, total=2))
    """

    def __init__(self) -> None:
        self.of_reference: dict[Hashable, Share] = {}  # of the answers to each reference, in the order of coming

    def add(self, reference: Hashable, answer: Hashable) -> bool:
        """Compare an answer with what is known; returns whether it is right."""
        right = answer == reference
        count, total = self.of_reference.get(reference, Share(0, 0))
        self.of_reference[reference] = Share(count + right, total + 1)
        return right

    @property
    def share(self) -> Share:
        """The right ones of all; `.rate` is the accuracy."""
        shares = self.of_reference.values()
        return Share(sum(one.count for one in shares), sum(one.total for one in shares))

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, Wilson's. Raises ValueError where there was no answer."""
        return wilson_interval(self.share)


def accuracy(references: Any, answers: Any) -> Share:
    """How many answers (N,) are equal to their references (N,), numbers or names.

    Raises ValueError for shapes that differ.
    """
    references, answers = np.asarray(references), np.asarray(answers)
    if references.shape != answers.shape:
        raise ValueError(f"references and answers must have one shape, got {references.shape} and {answers.shape}")
    return Share(int((references == answers).sum()), references.size)
