"""Checkpoints of a training: folders named after their step, of which the last few are kept.

    output/checkpoint-300/  what is saved (see `state`), and SHA256SUMS, a checksum of every file

A checkpoint appears under its name only when all of it is on the disk, and is believed only when all checksums are
right. So whatever happens while one is written or removed, the one before it is there and is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npconformer.storage.checksums import find_damage, write_checksums
from npconformer.storage.folders import OutOfSpaceError, remove_folder, remove_leftovers, rename_folder, whole_folder

PREFIX = "checkpoint-"
DAMAGED = "damaged-"


class DamagedCheckpointError(ValueError):
    """There are checkpoints, and none of them is whole."""


class CheckpointStore:
    """The checkpoints in one folder.

    Args:
        folder: where they are; it must exist.
        keep: how many are kept, at least 1.
        report: called with a line of text about what a person should know.
    """

    def __init__(self, folder: str | os.PathLike, keep: int = 3, report: Callable[[str], Any] = print) -> None:
        if keep < 1:
            raise ValueError(f"keep: expected at least 1, got {keep!r}")
        self.folder, self.keep, self.report = Path(folder), keep, report

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, rising. Whether these are whole is not looked at."""
        names = [path.name.removeprefix(PREFIX) for path in self.folder.glob(PREFIX + "*") if path.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal() and name == str(int(name)))

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of that step."""
        return self.folder / f"{PREFIX}{step}"

    def save(self, step: int, write: Callable[[Path], Any]) -> Path:
        """Keeps what `write(folder)` puts into an empty folder as the checkpoint of `step`; removes old ones.

        Raises:
            OutOfSpaceError: the disk is full. Everything is then as before.
        """
        try:
            with whole_folder(self.path(step)) as folder:
                write(folder)
                write_checksums(folder)
        except OutOfSpaceError as error:
            kept = self.steps()
            rest = f"the checkpoint of step {kept[-1]} is intact" if kept else "there is no earlier checkpoint"
            why = error.__cause__
            message = f"no space left to save step {step} in {self.folder} ({why}); {rest}"
            raise OutOfSpaceError(error.errno, message) from why
        for old in self.steps()[: -self.keep]:
            remove_folder(self.path(old))
        return self.path(step)

    def clean(self) -> None:
        """Removes what an interrupted training left half-written."""
        for path in remove_leftovers(self.folder):
            self.report(f"removed {path.name}, left half-written by an interrupted training")

    def latest(self) -> Path | None:
        """The newest checkpoint that is whole, or None if there are none at all.

        Damaged ones are renamed to "damaged-…", with a message.

        Raises:
            DamagedCheckpointError: there are some, and all of them are damaged.
        """
        damaged = []
        for step in reversed(self.steps()):
            path = self.path(step)
            damage = find_damage(path)
            if damage is None:
                for bad, why in damaged:
                    self.report(f"{bad.name} is damaged ({why}): using {path.name}, the one before it")
                    rename_folder(bad, bad.with_name(DAMAGED + bad.name))
                return path
            damaged.append((path, damage))
        if damaged:
            names = "; ".join(f"{path.name}: {why}" for path, why in damaged)
            raise DamagedCheckpointError(f"{self.folder}: every checkpoint is damaged ({names})")
        return None
