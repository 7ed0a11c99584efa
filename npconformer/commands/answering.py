"""From recordings to answers, wherever they are to go: the way that transcribe, classify, diarize and embed share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from npconformer.commands.arguments import say
from npconformer.commands.documents import Asked, CannotGoOnError, Format
from npconformer.commands.growing import GrowingFile
from npconformer.commands.places import Place
from npconformer.commands.recordings import Recordings, stems
from npconformer.commands.stopping import check_stopped, ending
from npconformer.commands.writing import open_output
from npconformer.storage.parts import remove_dead_parts


class Sink(Protocol):
    """Something that takes answers."""

    done: set[int]  # the places of recordings whose answers it has already

    def add(self, place: int, result: Any) -> None:
        """Take the answer, or the error, of the recording asked at this place."""

    def close(self, stopped: bool = False) -> None:
        """End well. stopped: by an error or a signal."""


class Stream:
    """Standard output, a pipe or a device: pieces as they come."""

    def __init__(self, path: str | None, formatted: Format, asked: Sequence[Asked]) -> None:
        self.path, self.formatted, self.asked = path, formatted, asked
        self.done: set[int] = set()
        self.context = open_output(path)
        self.writer: Callable[[str], Any] | None = None
        self.empty = True

    def begin(self) -> None:
        """Write what comes before the pieces."""
        if self.writer is None:
            self.writer = self.context.__enter__()
            self._write(self.formatted.before)

    def add(self, place: int, result: Any) -> None:
        """Write a piece."""
        self.begin()
        piece = self.formatted.one(self.asked[place], result)
        self._write(piece if self.empty or not piece else self.formatted.between + piece)
        self.empty = self.empty and not piece

    def close(self, stopped: bool = False) -> None:
        """Write what comes after the pieces."""
        if stopped and self.writer is None:
            return
        self.begin()
        try:
            self._write(self.formatted.after)
        finally:
            self.context.__exit__(None, None, None)

    def _write(self, text: str) -> None:
        assert self.writer is not None
        try:
            self.writer(text)
        except OSError as error:
            if error.errno is not None and error.filename is None:
                error.filename = self.path
            raise


class Folder:
    """A file for every recording and format, named after the recording; a link in a file's place is replaced."""

    def __init__(
        self, folder: str, formats: Sequence[Format], asked: Sequence[Asked], keep: bool, told: bool = True
    ) -> None:
        self.folder, self.formats, self.asked, self.told = folder, formats, asked, told
        self.done = {i for i in range(len(asked)) if keep and all(map(os.path.isfile, self.files(i)))}

    def files(self, place: int) -> list[Path]:
        """The files of one recording."""
        return [Path(self.folder, self.asked[place].stem + one.extensions[0]) for one in self.formats]

    def add(self, place: int, result: Any) -> None:
        """Write the files of one recording, each whole or not at all."""
        from npconformer.storage.files import write_bytes_atomically

        if isinstance(result, Exception):
            return
        one = self.asked[place]
        for formatted, path in zip(self.formats, self.files(place)):
            document = formatted.alone(one, result)
            data = document if isinstance(document, bytes) else document.encode("utf-8", "surrogateescape")
            write_bytes_atomically(path, data)
        if self.told and one.stem != stem_of(one.name):
            say(f"{one.name}: its files are {', '.join(map(str, self.files(place)))}")

    def close(self, stopped: bool = False) -> None:
        """Nothing is open."""


def stem_of(name: str) -> str:
    """What the files of a recording are named after that shares its name with no other."""
    return next(stems([name]))


def answer(
    recordings: Recordings,
    place: Place,
    load: Callable[[], Any],
    one_file: Callable[[str, Sequence[Asked], bool], Sink] | None = None,
    **options: Any,
) -> int:
    """Ask a pipeline for every recording and write what it says; returns the exit status.

    load: the pipeline; called when something is left to be asked. one_file: the sink of the format in a single file,
    where it is no text: called with the path, what is asked, and whether to go on with what is there. options: of
    `Recordings.answers`.
    """
    asked = [Asked(name, stem) for name, stem in zip(recordings.names, stems(recordings.names))]
    if place.container is not None:
        remove_dead_parts(Path(place.container))
    try:
        sink = _sink(place, asked, one_file)
    except CannotGoOnError as error:
        return say(str(error), status=2)
    left = [i for i in range(len(asked)) if i not in sink.done]
    if place.keep and not place.quiet:
        say(f"{len(asked) - len(left)} of {len(asked)} recordings were done already")
    if not left and place.keep:
        recordings.complain()
        sink.close()
        return recordings.status
    pipeline = load()
    try:
        check_stopped()
        if isinstance(sink, Stream):
            sink.begin()
        told = {"quiet": place.quiet, "verbose": place.verbose}
        answers = recordings.answers(pipeline, only=left, **told, **options)  # first: it complains, of nothing left too
        for (_, result), i in zip(answers, left):
            sink.add(i, result)
            check_stopped()
    except BaseException as error:
        with contextlib.suppress(OSError), ending():
            sink.close(stopped=True)
        if isinstance(error, CannotGoOnError):
            return say(str(error), status=2)
        raise
    sink.close()
    return recordings.status


def _sink(place: Place, asked: list[Asked], one_file: Any) -> Sink:
    if place.folder is not None:
        return Folder(place.folder, place.formats, asked, place.keep, told=not place.quiet)
    (formatted,) = place.formats
    if one_file is not None and place.path is not None:
        return one_file(place.path, asked, place.keep)
    if place.path is None or not place.ordinary:
        return Stream(place.path, formatted, asked)
    return GrowingFile(place.path, formatted, asked, place.keep)
