"""Viterbi's algorithm over the states of CTC, for an hour of speech and its text as well as for a word.

Labels l_1 … l_S have L = 2S+1 states: a blank, label 1, a blank, … label S, a blank. From one frame to the next a state
is kept, or followed by the next one, or by the next but one where `may_skip` says so. What a state costs at a frame is
how much less probable its class is than the best one, c_t(k) = log y_t(k) - max_j log y_t(j) <= 0. With b for blanks
and a for labels:

    b_t(i) = c_t(blank) + max(b_{t-1}(i), a_{t-1}(i-1))
    a_t(i) = c_t(l_i)   + max(a_{t-1}(i), b_{t-1}(i), [may_skip(i)] a_{t-1}(i-1))

Memory. The way back needs to know which of the three was the largest, T · L small numbers: 20 GB for an hour. So b and
a are kept at CHECKPOINTS frames only. From the last of these on, the way is found by running the frames between them
again, this time with the choices written down, then from the last but one, and so on; where that is still too much it
is cut again. A path that is in state s at the end of n steps was between s - 2n and s before, and only those states are
run again.

Time. Scores only fall. So if the best path ends at or above -M, it was never below -M, and states below -M can be left
away; if no path does, M was too small, and a larger one is tried. Of an hour whose text fits, a few thousand of 100,000
states are left, and the path is the same as without.

Letters: T frames, V classes, S labels, L = 2S+1 states.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

CHECKPOINTS = 32
MOST_CHOICES = 2**23  # bytes of choices that are written down at a time; where all are fewer, every state is looked at
FIRST_MARGIN = 0.02  # M per frame that is tried first: natural logarithms
NEXT_MARGIN = 4  # times as much is tried next
LARGEST_MARGIN = 10.0  # per frame; beyond it no state is left away
TRIM_EVERY = 16  # frames


class Labels(NamedTuple):
    """What is to be said: each label's class, 0 or -inf for skipping to it from the label before, and the blank."""

    classes: np.ndarray  # (S,)
    skip_penalty: np.ndarray  # (S,)
    blank: int

    def part(self, start: int, end: int) -> Labels:
        """Labels start … end - 1."""
        return Labels(self.classes[start:end], self.skip_penalty[start:end], self.blank)


class Scores:
    """The best path's score into each state at one frame, -inf outside of labels `low` … `high` - 1 and their blanks.

    blanks: b, (S+1,). labels: a, with -inf before it, (S+1,), so that labels[i] is that of the label before blank i.
    """

    def __init__(self, size: int) -> None:
        self.blanks = np.full(size + 1, -np.inf)
        self.labels = np.full(size + 1, -np.inf)
        self.low, self.high = 0, 0

    def part(self, start: int, end: int) -> Scores:
        """Those of labels start … end - 1 and the blanks around them; low and high are then counted from start."""
        part = Scores(end - start)
        low, high = max(self.low, start), min(self.high, end)
        if low <= high:
            part.low, part.high = low - start, high - start
            part.blanks[part.low : part.high + 1] = self.blanks[low : high + 1]
            part.labels[part.low + 1 : part.high + 1] = self.labels[low + 1 : high + 1]
        return part

    def trim(self, least: float) -> bool:
        """Leave away, at both ends, states below `least`; False where nothing is left."""
        inside = slice(self.low, self.high + 1)
        alive = np.flatnonzero(np.maximum(self.blanks[inside], self.labels[inside]) >= least)
        if not len(alive):
            return False
        # where labels[i] is alive it is label i - 1 that has to stay
        low, high = max(self.low + int(alive[0]) - 1, self.low), self.low + int(alive[-1])
        for scores in (self.blanks, self.labels):
            scores[self.low : low] = -np.inf
            scores[high + 1 : self.high + 1] = -np.inf
        self.labels[low] = -np.inf
        self.low, self.high = low, high
        return True


def best_states(log_probs: np.ndarray, classes: np.ndarray, may_skip: np.ndarray, blank: int) -> np.ndarray | None:
    """The state 0 … L-1 of each frame (T,) on the best path; None where no path has a probability above 0.

    Of equally good paths, the one that reaches later states later. log_probs: (T, V); classes: (S,) of the labels;
    may_skip: (S,) whether label i may follow label i-1 without a blank between.
    """
    labels = Labels(classes, np.where(may_skip, 0.0, -np.inf), blank)
    costs = log_probs - log_probs.max(axis=-1, keepdims=True)  # (T, V)
    path = np.empty(len(costs), np.int64)
    for margin in _margins(len(costs), len(classes)):
        first = Scores(len(classes))
        first.blanks[0] = costs[0, blank]  # a path starts with the first blank or the first label
        first.labels[1:2] = costs[0, classes[:1]]
        first.high = min(1, len(classes))
        if _find(path, first, costs[1:], labels, -margin):
            return path
    return None


def _margins(frames: int, labels: int) -> list[float]:
    margins = [math.inf]
    if frames * (2 * labels + 1) > MOST_CHOICES:
        margin = LARGEST_MARGIN * frames
        while margin >= FIRST_MARGIN * frames:
            margins.insert(0, margin)
            margin /= NEXT_MARGIN
    return margins


def _find(
    path: np.ndarray, scores: Scores, rows: np.ndarray, labels: Labels, least: float, end: int | None = None
) -> bool:
    """Fill path (n+1,) from the scores at its first frame, which are used up, and rows (n, V) for those after it.

    least: states below this are left away. end: the path's last state; None takes the better of the last two. False
    where there is no path, or none that ends at `least` or above.
    """
    steps, size = len(rows), len(labels.classes)
    if steps <= 1 or steps * (2 * size + 1) <= MOST_CHOICES:
        choices = (np.zeros((steps, size + 1), np.int8), np.zeros((steps, size), np.int8))
        alive = _run(scores, rows, labels, least, choices)
        state = _last_state(scores, least) if end is None else end
        if not alive or state < 0:
            return False
        path[-1] = state
        for t in range(steps - 1, -1, -1):
            state -= int(choices[state % 2][t, state // 2])
            path[t] = state
        return True

    cuts = np.linspace(0, steps, min(CHECKPOINTS, steps) + 1).astype(int).tolist()
    stretches, kept, starts = list(pairwise(cuts)), [], []
    for start, stop in stretches:
        kept.append(scores.part(scores.low, scores.high))
        starts.append(scores.low)
        if not _run(scores, rows[start:stop], labels, least):
            return False
    state = _last_state(scores, least) if end is None else end
    if state < 0:
        return False
    for start, stop in reversed(stretches):
        lowest, above = max(state - 2 * (stop - start), 0) // 2, (state + 1) // 2  # the labels that can matter
        before = kept.pop()
        offset = starts.pop()
        lowest = max(lowest, offset)
        part = before.part(lowest - offset, above - offset)
        _find(path[start : stop + 1], part, rows[start:stop], labels.part(lowest, above), least, state - 2 * lowest)
        path[start : stop + 1] += 2 * lowest
        state = int(path[start])
    return True


def _last_state(scores: Scores, least: float) -> int:
    """The better of the last label and the blank after it, the label where they are equal; -1 for neither."""
    last = 2 * len(scores.blanks) - 2
    label, blank = scores.labels[-1], scores.blanks[-1]
    if max(label, blank) == -np.inf or max(label, blank) < least:
        return -1
    return last if blank > label else last - 1


def _run(
    scores: Scores,
    rows: np.ndarray,
    labels: Labels,
    least: float,
    choices: tuple[np.ndarray, np.ndarray] | None = None,
) -> bool:
    """Bring the scores from before rows (n, V) to after them; False where no state stays at `least` or above.

    choices: where to write how many states back the best way into each state comes from, of blanks (n, S+1) and of
    labels (n, S).
    """
    size = len(labels.classes)
    came, emitted = np.empty(size), np.empty(size)
    for t, row in enumerate(rows):
        low, high = scores.low, min(scores.high + 1, size)
        scores.high = high
        blanks, said = scores.blanks[low : high + 1], scores.labels[low : high + 1]  # (n+1,) of n labels
        best, emission, penalty = came[low:high], emitted[low:high], labels.skip_penalty[low:high]  # (n,)
        if choices is None:
            np.add(said[:-1], penalty, out=best)
            np.maximum(best, blanks[:-1], out=best)
            np.maximum(best, said[1:], out=best)
        else:
            ways = np.stack([said[1:], blanks[:-1], said[:-1] + penalty])  # (3, n): stay, next, next but one
            choices[1][t, low:high] = ways.argmax(axis=0)
            choices[0][t, low : high + 1] = said > blanks
            best[:] = ways.max(axis=0)
        np.maximum(blanks, said, out=blanks)
        blanks += row[labels.blank]
        np.take(row, labels.classes[low:high], out=emission, mode="clip")
        np.add(best, emission, out=said[1:])
        if least > -np.inf and t % TRIM_EVERY == 0 and not scores.trim(least):
            return False
    return True
