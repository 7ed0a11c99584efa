"""Going through recordings: folders opened, results in order, progress shown, failures named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import say

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"}


class Recordings:
    """The recordings that `names` stand for, folders replaced by what is in them and their subfolders.

    open_folders: False takes a folder for a recording, which fails with the others that cannot be read.

    After `answers` has been gone through, `failed` is the number of recordings that failed and `status` the
    exit status that the command ends with.
    """

    def __init__(self, names: list[str], open_folders: bool = True) -> None:
        self.names: list[str] = []
        self.empty_folders: list[str] = []
        self.failed = 0
        for name in names:
            if not (open_folders and Path(name).is_dir()):
                self.names.append(name)
                continue
            found = sorted(p for p in Path(name).rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file())
            self.names.extend(map(str, found))
            if not found:
                self.empty_folders.append(name)

    @property
    def several(self) -> bool:
        """Whether results need the names of their recordings."""
        return len(self.names) > 1

    @property
    def status(self) -> int:
        """0 when everything went well, 1 when something failed."""
        return 1 if self.failed or self.empty_folders else 0

    def answers(self, pipeline: Any, **options: Any) -> Iterator[tuple[str, Any]]:
        """Yield (name, result) in order, or (name, error), which is also reported.

        A progress bar is shown while somebody watches. options: of the pipeline's calls.
        """
        from tqdm import tqdm

        for folder in self.empty_folders:
            say(f"{folder}: no recordings in this folder (looked for {', '.join(sorted(AUDIO_SUFFIXES))})")
        results = zip(self.names, pipeline.stream(self.names, return_errors=True, **options))
        hidden = not sys.stderr.isatty()
        bar = tqdm(results, total=len(self.names), unit="file", file=sys.stderr, disable=hidden, leave=False)
        for name, result in bar:
            with tqdm.external_write_mode(file=sys.stderr):  # take the bar away while lines are written
                if isinstance(result, Exception):
                    self.failed += 1
                    message = str(result)
                    say(message if message.startswith(name) else f"{name}: {message}")
                yield name, result


def stems(names: list[str]) -> Iterator[str]:
    """A name without folder and extension for each recording, no two the same: a, b, a-2."""
    used: set[str] = set()
    for name in names:
        stem = unused = Path(name).stem
        count = 1
        while unused in used:
            count += 1
            unused = f"{stem}-{count}"
        used.add(unused)
        yield unused
