"""Which batches make each step, from any position in the data on, and what tells whether they are the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import numpy as np

from npconformer.training.progress import Progress

Batch = dict[str, np.ndarray]


class Loader(Protocol):
    """Where batches come from: `npconformer.data.Loader`, or anything that does this."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on: keyword arguments of the model's forward.

        Batch i of epoch e must be the same whenever it is asked for.
        """
        ...

    def num_batches(self, epoch: int) -> int:
        """How many batches an epoch has."""
        ...


def steps_in(loader: Loader, epochs: int, accumulate: int) -> int:
    """How many steps that many epochs are; the last step of an epoch may have fewer batches."""
    return sum(math.ceil(loader.num_batches(epoch) / accumulate) for epoch in range(epochs))


def fingerprint_of(loader: Loader) -> str:
    """What tells whether the batches are the same: the loader's own word, or else their number in an epoch."""
    fingerprint = getattr(loader, "fingerprint", None)
    return f"{loader.num_batches(0)} batches" if fingerprint is None else fingerprint()


def keep_within(loader: Loader, progress: Progress) -> None:
    """Moves a position behind an epoch's last batch, where data that have become fewer leave it, to the next epoch."""
    if progress.batch >= loader.num_batches(progress.epoch):
        progress.epoch, progress.batch = progress.epoch + 1, 0


def batches_of_steps(loader: Loader, progress: Progress, accumulate: int) -> Iterator[tuple[list[Batch], bool]]:
    """The batches of each step, from where `progress` is on and without end, and whether an epoch ends with them.

    `progress` is moved behind the batches before they are given out, so that a checkpoint after the step has it right.

    Raises ValueError for an epoch without batches, or with fewer than announced.
    """
    while True:
        count = loader.num_batches(progress.epoch)
        if count == 0:
            raise ValueError(f"loader: epoch {progress.epoch} has no batches")
        batches = iter(loader.epoch(progress.epoch, progress.batch))
        try:
            at_end = False
            while not at_end:
                group = list(islice(batches, accumulate))
                if not group:
                    raise ValueError(f"loader: epoch {progress.epoch} has fewer batches than its {count}")
                progress.batch += len(group)
                at_end = progress.batch >= count
                if at_end:
                    progress.epoch, progress.batch = progress.epoch + 1, 0
                yield group, at_end
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()  # ends its threads
