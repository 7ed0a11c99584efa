"""Going through recordings: folders opened, results in order, progress shown, failures named."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import describe, say
from npconformer.commands.reading import check_reading, sources_of
from npconformer.storage.files import AUDIO_SUFFIXES, is_recording
from npconformer.storage.natural_order import natural_key


class Recordings:
    """The recordings that `names` stand for, folders replaced by what is in them and their subfolders.

    arguments: of the command, which may say how recordings are read. open_folders: False takes a folder for a
    recording, which fails with the others that cannot be read.

    `sources` are the recordings, `names` what they are called, and `files` the files behind them. `complaints` are
    about folders that cannot be read, or hold no recordings. After `answers` has been gone through, `failed` is the
    number of recordings that failed and `status` the exit status that the command ends with.
    """

    def __init__(
        self, names: list[str], arguments: argparse.Namespace | None = None, open_folders: bool = True
    ) -> None:
        self.sources: list[str | os.PathLike] = []
        self.files: list[str] = []
        self.complaints: list[str] = []
        self.failed = 0
        self.arguments = argparse.Namespace() if arguments is None else arguments
        check_reading(self.arguments)
        for name in names:
            if open_folders and os.path.isdir(name):  # False for what cannot be reached: reading it will say why
                self._open_folder(name)
            else:
                self._add(name)
        self.names = [os.fspath(source) for source in self.sources]

    def _add(self, name: str) -> None:
        self.files.append(name)
        try:
            self.sources.extend(sources_of(name, self.arguments))
        except (ValueError, OSError) as error:
            self.complaints.append(describe(error))

    def _open_folder(self, folder: str) -> None:
        errors: list[OSError] = []
        files = [Path(parent, file) for parent, _, files in os.walk(folder, onerror=errors.append) for file in files]
        found = sorted((file for file in files if is_recording(file)), key=natural_key)
        self.complaints.extend(map(describe, errors))
        for file in found:
            if file.is_fifo():
                self.complaints.append(f"{file} is a pipe or a device; in a folder, recordings are files")
            else:
                self._add(str(file))
        if not found and not errors:
            looked_for = ", ".join(sorted(AUDIO_SUFFIXES))
            self.complaints.append(f"{folder}: no recordings in this folder (looked for {looked_for})")

    @property
    def several(self) -> bool:
        """Whether results need the names of their recordings."""
        return len(self.names) > 1

    @property
    def status(self) -> int:
        """0 when everything went well, 1 when something failed."""
        return 1 if self.failed or self.complaints else 0

    def complain(self) -> None:
        """Say the complaints."""
        for complaint in self.complaints:
            say(complaint)

    def answers(
        self,
        pipeline: Any,
        note: Callable[[Any], str | None] = lambda pipeline: None,
        only: Sequence[int] | None = None,
        quiet: bool = False,
        verbose: bool = False,
        **options: Any,
    ) -> Iterator[tuple[str, Any]]:
        """Yield (name, result) in order, or (name, error), which is also reported.

        Progress bars are shown while somebody watches: of the recordings, and of the seconds of a long one. note:
        what to say, of this pipeline, when the first recording is run in chunks, with {name} replaced. only: the
        indices of the recordings to be asked, in `names`; by default all. quiet: without bars and the note. verbose:
        say what is done. options: of the pipeline's calls.
        """
        from npconformer.commands.progress import SecondsBar, without_bars

        self.complain()
        hidden = quiet or sys.stderr is None or not sys.stderr.isatty()
        seconds = SecondsBar(hidden, None if quiet else note(pipeline))
        names = self.names if only is None else [self.names[i] for i in only]
        sources = self.sources if only is None else [self.sources[i] for i in only]
        results = zip(names, pipeline.stream(sources, return_errors=True, progress=seconds, **options))
        if not hidden:
            from tqdm import tqdm  # which takes a while, so only where somebody watches

            results = tqdm(results, total=len(names), unit="file", file=sys.stderr, leave=False)
        for count, (name, result) in enumerate(results, start=1):
            seconds.close()
            with without_bars():
                if isinstance(result, Exception):
                    self.failed += 1
                    message = str(result)
                    say(message if message.startswith(name) else f"{name}: {message}")
                elif verbose:
                    say(f"{name}: done, {count} of {len(names)}")
                yield name, result


def stems(names: list[str]) -> Iterator[str]:
    """A name without folder and extension for each recording, no two the same: a, b, a-2."""
    used: set[str] = set()  # without case, of which many file systems take no notice
    for name in names:
        stem = unused = "stdin" if name == "-" else Path(name).stem
        count = 1
        while unused.casefold() in used:
            count += 1
            unused = f"{stem}-{count}"
        used.add(unused.casefold())
        yield unused
