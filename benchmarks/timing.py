"""Times of several functions measured in alternation, so that whatever slows the machine slows all of them.

    a, b, c, a, b, c, ...

The first round is thrown away; it fills caches, and says how often each function is called for one sample, so that a
sample of a short function lasts long enough to be measured. Before each sample the garbage is collected and a short
pause lets the other library's threads fall asleep: they spin for a while after their last product.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PAUSE = 0.1  # s
SHORTEST_SAMPLE = 0.2  # s
FEWEST_ROUNDS = 3
LEAST_SECONDS, FEWEST_PASSES = 1.0, 3  # of timed passes in a process that measures one side
WARM_UP = 10  # passes of npconformer before timed ones: after eight of one shape it notes its calls


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    lower: float
    upper: float


def spread(samples: list[float]) -> Spread:
    """Median and quartiles (by linear interpolation between the ordered samples) of at least one sample."""
    if len(samples) == 1:
        return Spread(samples[0], samples[0], samples[0])
    lower, median, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(median, lower, upper)


def median_ratio(numerator: list[float], denominator: list[float]) -> float:
    """The median of the ratios of samples of one round."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def alternate(
    functions: Mapping[str, Callable[[], Any]],
    rounds: int,
    budget: float = math.inf,
    clock: Callable[[], float] = time.perf_counter,
    pause: float = PAUSE,
) -> dict[str, list[float]]:
    """Seconds of one call of each function, one sample a round.

    Args:
        functions: by name, called in this order in every round. Each returns when its work is done.
        rounds: how many after the first; fewer, but at least 3, if they would take longer than `budget` seconds.
    """
    calls, first_round = {}, 0.0
    for name, function in functions.items():
        seconds = _sample(function, 1, clock, pause)
        if seconds < SHORTEST_SAMPLE:  # the very first call also fills caches: what a call takes is seen in the second
            seconds = _sample(function, 1, clock, pause)
        calls[name] = max(1, math.ceil(SHORTEST_SAMPLE / max(seconds, 1e-6)))
        first_round += seconds * calls[name] + pause
    rounds = max(min(rounds, FEWEST_ROUNDS), math.floor(min(rounds, budget / first_round)))
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            samples[name].append(_sample(function, calls[name], clock, pause))
    return samples


def timed_passes(run: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds of each pass: at least three, and as many as take a second together."""
    times: list[float] = []
    while len(times) < FEWEST_PASSES or sum(times) < LEAST_SECONDS:
        started = clock()
        run()
        times.append(clock() - started)
    return times


def _sample(function: Callable[[], Any], calls: int, clock: Callable[[], float], pause: float) -> float:
    gc.collect()
    time.sleep(pause)
    start = clock()
    for _ in range(calls):
        function()
    return (clock() - start) / calls
