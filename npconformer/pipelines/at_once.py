"""Several recordings at once, each in a thread of its own.

Threads that share the work on one recording meet after every step, and wait for one another; on short recordings and
in small models the steps are so short that this is a third of the time. Threads that have a recording each never meet.
Large steps are shared as well as anything, and then one recording at a time needs the least memory; and where they are
shorter still, threads wait for the interpreter's lock.

The steps' parts stay as they are, so that a recording gives the same bits as alone (`pool.alone`).

Letters: T frames, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from npconformer.arrays import pool
from npconformer.arrays.blas import single_threaded
from npconformer.arrays.threads import get_num_threads

SMALLEST, LARGEST = 2**13, 2**18  # T C of what is run at once: NeMo's small model from 2 to 60 s, base from 0.2 to 6.8
WAITING = 4  # batches for each thread that are read ahead, so that nobody is idle while the longest is run
MOST = 8  # threads: each needs memory of its own, and more of them would wait for the interpreter's lock

Batch = TypeVar("Batch")
Answer = TypeVar("Answer")


def fits(size: int) -> bool:
    """Whether batches of this size, T C, are run at once."""
    return SMALLEST <= size <= LARGEST


def threads_for(model: Any) -> int:
    """How many batches may be run at once.

    One where somebody looks into the model while it runs, by a hook, and on a device, which does one thing at a time.
    """
    is_watched = any(module._forward_hooks for module in model.modules())
    return 1 if is_watched or getattr(model, "device", "cpu") != "cpu" else min(get_num_threads(), MOST)


def read_ahead(threads: int) -> int:
    """How many batches to have ready for so many threads."""
    return 1 if threads == 1 else WAITING * threads


def groups(batches: Iterable[Batch], sizes: Callable[[Batch], int], count: int) -> Iterator[list[Batch]]:
    """Batches in groups of up to `count`; one that is not run with others is a group, and ends the one before it."""
    group: list[Batch] = []
    for batch in batches:
        is_apart = not fits(sizes(batch))
        if group and (is_apart or len(group) == count):
            yield group
            group = []
        group.append(batch)
        if is_apart:
            yield group
            group = []
    if group:
        yield group


def run_at_once(
    run: Callable[[Batch], Answer], batches: Sequence[Batch], sizes: Sequence[int], threads: int
) -> list[Answer]:
    """What run(batch) gives for every batch, in their order.

    sizes: T C of each batch. Those of which several fit are run at once, the longest first, the others one by one. An
    error ends all of it, in whichever thread, and is raised once.
    """
    answers: dict[int, Answer] = {}
    together = sorted((i for i, size in enumerate(sizes) if fits(size)), key=lambda i: -sizes[i])
    if len(together) < 2 or threads == 1:
        together = []

    def work(part: int) -> None:
        with pool.alone():
            answers[together[part]] = run(batches[together[part]])

    if together:
        with single_threaded():  # also between the end of one and the beginning of the next
            pool.share(work, len(together), threads)
    return [answers[i] if i in answers else run(batch) for i, batch in enumerate(batches)]
