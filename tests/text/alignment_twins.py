"""Two slow, obvious ways to the best CTC path of one utterance: every path written out, and whole paths kept."""

from __future__ import annotations

import itertools
import math

import numpy as np


def collapse(path: list[int], blank: int) -> list[int]:
    """Merges repeats, then removes blanks."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def path_score(log_probs: np.ndarray, path: list[int]) -> float:
    return math.fsum(log_probs[t, k] for t, k in enumerate(path)) if len(path) == len(log_probs) else math.nan


def best_score_by_enumeration(log_probs: np.ndarray, labels: list[int], blank: int = 0) -> float:
    """The best score of all V^T paths that collapse to the labels; -inf where there is none. log_probs (T, V)."""
    frames, classes = log_probs.shape
    paths = itertools.product(range(classes), repeat=frames)
    return max(
        (path_score(log_probs, path) for path in paths if collapse(path, blank) == list(labels)), default=-math.inf
    )


def best_path_by_recursion(log_probs: np.ndarray, labels: list[int], blank: int = 0) -> tuple[float, list[int]]:
    """(score, path), with the best whole path for each number of labels said and whether the last frame was a blank."""
    nothing = (-math.inf, [])
    said = [nothing] * (len(labels) + 1)  # said[i]: the last frame is label i, 1-based
    paused = [(0.0, [])] + [nothing] * len(
        labels
    )  # paused[i]: i labels said, the last frame a blank, or there was none

    def better(*paths):
        return max(paths, key=lambda path: path[0])

    def go_on(path, k, t):
        return (path[0] + float(log_probs[t, k]), path[1] + [k])

    for t in range(len(log_probs)):
        new_said, new_paused = [nothing], []
        for i in range(len(labels) + 1):
            new_paused.append(go_on(better(paused[i], said[i]), blank, t))
            if i > 0:
                ways = [said[i], paused[i - 1]]
                if i > 1 and labels[i - 1] != labels[i - 2]:
                    ways.append(said[i - 1])
                new_said.append(go_on(better(*ways), labels[i - 1], t))
        said, paused = new_said, new_paused
    return better(said[-1], paused[-1])
