"""The calls of a `Capture`, made again: with other numbers in the same places.

    plan = capture_calls(function, x)       # runs function(x), once
    plan.run(other)                         # the same calls for another x of that shape and dtype
    plan.result                             # what function returned; its arrays hold what the last run has left

Work that was shared among threads is shared again, in the same parts, so that results are the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npconformer.arrays import pool
from npconformer.arrays.capture import Capture, Step
from npconformer.arrays.threads import PARTS


class CallPlan:
    """The calls that function(x) made.

    Attributes:
        result: what it returned, with `Captured` arrays.
        size: bytes of the memory in which it works.
    """

    def __init__(self, x: np.ndarray, result: Any, capture: Capture) -> None:
        self.result, self.size = result, capture.memory.size
        self._x, self._steps = x, capture.steps

    def __len__(self) -> int:
        return sum(len(step) if isinstance(step, SharedCalls) else 1 for step in self._steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def run(self, x: np.ndarray) -> None:
        """Makes the calls. Raises `Diverged` where the function would have gone another way."""
        np.copyto(self._x, x)
        with np.errstate(over="ignore"):  # as in `threads`
            run(self._steps)


class SharedCalls:
    """Calls in parts that threads share."""

    def __init__(self, threads: int) -> None:
        self.parts: list[list[Step]] = []
        self.threads = threads

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __call__(self) -> None:
        pool.share(self._run_part, len(self.parts), self.threads)

    def _run_part(self, part: int) -> None:
        run(self.parts[part])


def run(steps: list[Step]) -> None:
    """Makes the calls one after the other."""
    for step in steps:
        step()


def capture_calls(function: Callable[[Any], Any], x: np.ndarray, most_memory: int = 2**25) -> CallPlan:
    """Runs function(x), of an array like x, and gives the calls that it made.

    most_memory: bytes that they may need.

    Raises:
        NotCapturable: something was computed that cannot be noted, or more memory is needed.
    """
    own, capture = np.array(x), _SharingCapture(most_memory)
    with capture.at_work(), pool.taken_by(capture.share):
        result = function(capture.input(own))
    return CallPlan(own, result, capture)


class _SharingCapture(Capture):
    """Notes in which parts threads share work."""

    def share(self, work: Callable[[int], None], parts: int, threads: int) -> None:
        """Does all parts in this thread."""
        if parts == 1:
            return work(0)
        whole, shared, rows = self.steps, SharedCalls(threads), min(parts, threads * PARTS)
        try:
            for first in range(rows):
                self.steps = []
                self.memory.begin_part()
                for part in range(first, parts, rows):
                    work(part)
                self.memory.end_part()
                shared.parts.append(self.steps)
        finally:
            self.steps = whole
        self.memory.end_parts()
        whole.append(shared)
