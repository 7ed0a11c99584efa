"""Which utterances go into which batch: those of similar length together, in an order that a seed decides.

Everything here is a function of its arguments: the batches of an epoch depend on the seed and the epoch, not on
what was drawn before, so that training can go on at any batch of any epoch.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BUCKETS_PER_DOUBLING = 4  # utterances of a bucket differ in length by less than 19 %
ORDER, TIMING, CONTENT = 1, 2, 3  # what a stream of random numbers decides


def generator(purpose: int, seed: int, epoch: int, index: int = 0) -> np.random.Generator:
    """The stream of random numbers for one purpose in one epoch, or in one batch of it."""
    for name, value in (("seed", seed), ("epoch", epoch), ("index", index)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(f"{name} must be a whole number, 0 or more, got {value!r}")
    return np.random.default_rng([purpose, seed, epoch, index])


def make_batches(
    seconds: Sequence[float],
    seed: int,
    epoch: int,
    batch_size: int | None = None,
    max_seconds: float | None = None,
    shuffle: bool = True,
    padding: bool = True,
) -> list[list[int]]:
    """Put utterances of given lengths into batches; each utterance is in one.

    seconds: of each utterance. batch_size: the most utterances in a batch. max_seconds: the most seconds in a
    batch with its padding, which is the number of utterances times the longest; an utterance that is longer by
    itself is a batch. One of the two must be given, or both.

    shuffle: utterances are dealt at random to batches within a range of lengths, and the batches come in random
    order. Otherwise they are sorted, the longest first, which shows at once whether the memory suffices.
    padding: whether utterances of different length may share a batch.

    Returns the utterances' numbers.
    """
    if batch_size is None and max_seconds is None:
        raise ValueError("give batch_size, max_seconds or both")
    if batch_size is not None and not batch_size >= 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size!r}")
    if max_seconds is not None and not max_seconds > 0:
        raise ValueError(f"max_seconds must be above 0, got {max_seconds!r}")
    seconds = np.asarray(seconds, np.float64)
    if not shuffle:
        return _cut(np.argsort(-seconds, kind="stable"), seconds, batch_size, max_seconds, padding)
    random = generator(ORDER, seed, epoch)
    order = random.permutation(len(seconds))
    buckets = np.floor(np.log2(np.maximum(seconds, 1e-3)) * BUCKETS_PER_DOUBLING)
    order = order[np.argsort((buckets if padding else seconds)[order], kind="stable")]
    batches = _cut(order, seconds, batch_size, max_seconds, padding)
    return [batches[i] for i in random.permutation(len(batches))]


def _cut(
    order: np.ndarray, seconds: np.ndarray, batch_size: int | None, max_seconds: float | None, padding: bool
) -> list[list[int]]:
    batches: list[list[int]] = []
    longest = 0.0
    for i in order.tolist():
        longest = max(longest, seconds[i])
        count = len(batches[-1]) + 1 if batches else 1
        full = not batches or (batch_size is not None and count > batch_size)
        full = full or not (padding or seconds[i] == seconds[batches[-1][0]])
        if full or (max_seconds is not None and count * longest > max_seconds):
            batches.append([i])
            longest = seconds[i]
        else:
            batches[-1].append(i)
    return batches
