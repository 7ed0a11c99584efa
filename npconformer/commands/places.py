"""Where answers go and in which formats: --output-dir, --output, --format and --skip-existing, and their checks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from npconformer.commands.arguments import check_can_hold, check_is_writable
from npconformer.commands.recordings import Recordings

ALL = "all"
STANDARD_OUTPUT = "-"
# What a name may end in that says of its format, in this command or another one.
EXTENSIONS = (".txt", ".srt", ".vtt", ".tsv", ".json", ".jsonl", ".ndjson", ".csv", ".rttm", ".npz")

PLACES_HELP = """\
where answers go:
  to standard output; with --output-dir DIR to DIR, a file for every recording and format, named after the recording and
    numbered where two would have one name; with --output FILE to one file, whose extension says the format. An existing
    folder as FILE, or a name that ends in "/", is a folder as with --output-dir; - is standard output.
  A file is whole at every moment. What is done when the command is stopped is kept: repeat it with --skip-existing, the
    recordings in the same order, and it goes on with those that are missing; those that failed are tried again.
"""


class Place(NamedTuple):
    """Where answers go: a folder, a file, or standard output where both are None.

    formats: as instances; one, but for a folder. keep: what is there is gone on with.
    """

    formats: list[Any]
    folder: str | None
    path: str | None
    keep: bool
    quiet: bool
    verbose: bool

    @property
    def ordinary(self) -> bool:
        """Whether it is a file, or none yet, but no pipe or device."""
        return self.path is not None and is_ordinary(self.path)

    @property
    def container(self) -> str | None:
        """The folder that files are made in."""
        if self.folder is not None or self.path is None or not self.ordinary:
            return self.folder
        return os.path.dirname(os.path.realpath(self.path))


def is_ordinary(path: str) -> bool:
    """Whether a path is of a file, or of none yet."""
    from npconformer.commands.writing import descriptor_of

    return descriptor_of(path) is None and (os.path.isfile(path) or not os.path.exists(path))


def add_place(parser: argparse.ArgumentParser, formats: Mapping[str, Any], default: str) -> None:
    """Declare the options. formats: the classes of `documents.Format` by their names; default: what the help says."""
    names = list(formats)
    parser.add_argument(
        "-f",
        "--format",
        action="extend",
        type=_formats(names),
        default=None,
        metavar="F",
        help=f"{', '.join(names)}, several with commas, or all; default: by --output's extension, else {default}",
    )
    parser.add_argument("--output-format", action="extend", type=_formats(names), dest="format", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output-dir", metavar="DIR", help="write a file for every recording into this folder")
    parser.add_argument("--output", metavar="FILE", help="write into this file, or folder/, not to standard output")
    parser.add_argument(
        "--skip-existing", action="store_true", help="keep the answers that are there, and go on with the others"
    )
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--verbose", action="store_true", help="say of every recording when it is done")
    told.add_argument("--quiet", action="store_true", help="no notes and no progress: only errors")


def find_place(
    arguments: argparse.Namespace,
    recordings: Recordings,
    formats: Mapping[str, Any],
    default: str,
    make: Callable[[Any, bool], Any] = lambda kind, several: kind(several),
) -> Place:
    """What the options ask for; ends the command where they contradict, or where nothing can be written.

    make: gives an instance of a class of `formats`, and is told whether it has to name its recordings.
    """
    error = arguments.parser.error
    if arguments.output_dir == "-":
        error("--output-dir is a folder; for standard output write --output -")
    if stray := [one for one in arguments.audio if one in (*formats, "txt", ALL) and not os.path.exists(one)]:
        asked = ",".join([*(arguments.format or ()), *stray])
        error(f"there is no recording {stray[0]}; several formats have commas between them: --format {asked}")
    folder, path = _folder_or_file(arguments, recordings, formats)
    names = _names(arguments, path if folder is None else None, formats, default)
    if folder is None:
        _check_one_document(arguments, recordings, names, formats, path)
    if folder is None and path is None and arguments.skip_existing:
        error("--skip-existing goes on with files: name them with --output-dir or --output")
    if folder is not None:
        _make_folder(arguments, folder)
    elif path is not None:
        check_can_hold(arguments, recordings.files)
    several = recordings.several and folder is None
    made = [make(formats[name], several) for name in names]
    return Place(made, folder, path, arguments.skip_existing, arguments.quiet, arguments.verbose)


def _formats(names: list[str]) -> Callable[[str], list[str]]:
    """The type of --format."""
    alias = {"txt": "text"} if "text" in names else {}

    def parse(text: str) -> list[str]:
        asked = [alias.get(name, name) for name in text.split(",")]
        for name in asked:
            if name not in (*names, ALL):
                raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {', '.join([*names, ALL])})")
        return names if ALL in asked else asked

    return parse


def _folder_or_file(
    arguments: argparse.Namespace, recordings: Recordings, formats: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    output = arguments.output
    if arguments.output_dir is not None:
        if output is not None:
            arguments.parser.error("--output-dir and --output are two places: leave one away")
        return arguments.output_dir, None
    if output is None or output == STANDARD_OUTPUT:
        return None, None
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return output, None
    asked = list(dict.fromkeys(arguments.format or ()))
    many = recordings.several or any(os.path.isdir(name) for name in arguments.audio)
    one_each = len(asked) > 1 or (len(asked) == 1 and many and not formats[asked[0]].together)
    if one_each and not os.path.exists(output) and not Path(output).suffix:
        return output, None  # a new folder
    return None, output


def _names(arguments: argparse.Namespace, path: str | None, formats: Mapping[str, Any], default: str) -> list[str]:
    """The names of the formats, without repetition."""
    names = list(dict.fromkeys(arguments.format or ()))
    extension = Path(path).suffix.lower() if path is not None and is_ordinary(path) else ""
    fitting = [name for name, kind in formats.items() if extension in kind.extensions]
    if not names:
        if extension in EXTENSIONS and not fitting:
            written = ", ".join(kind.extensions[0] for kind in formats.values())
            arguments.parser.error(f"--output {path}: {arguments.command} writes no {extension}, but {written}")
        return fitting[:1] or [default]
    if len(names) == 1 and extension in EXTENSIONS and names[0] not in fitting:
        means = f"is of the format {fitting[0]}" if fitting else "is of another format"
        arguments.parser.error(f"--output {path} {means}, and --format says {names[0]}: leave one away")
    return names


def _check_one_document(
    arguments: argparse.Namespace,
    recordings: Recordings,
    names: list[str],
    formats: Mapping[str, Any],
    path: str | None,
) -> None:
    error = arguments.parser.error
    if len(names) > 1:
        where = "standard output" if path is None else path
        error(f"{' and '.join(names)} do not fit into {where}: give a folder, --output-dir FOLDER")
    kind = formats[names[0]]
    if path is None and getattr(kind, "binary", False):
        error(f"{names[0]} is not for standard output: name a file with --output FILE{kind.extensions[0]}")
    if path is not None and not is_ordinary(path):
        return
    if recordings.several and not kind.together:
        but = f", and {path} is a file" if path is not None and os.path.exists(path) else ""
        error(f"several recordings as {names[0]} need a folder to go to{but}: --output-dir FOLDER")


def _make_folder(arguments: argparse.Namespace, folder: str) -> None:
    """The folder for files, before any work is done."""
    option = "output" if arguments.output_dir is None else "output-dir"
    try:
        os.makedirs(folder, exist_ok=True)
    except FileExistsError:
        arguments.parser.error(f"--{option} {folder} is a file; files for every recording need a folder to go to")
    except OSError as error:
        arguments.parser.error(f"--{option} {folder}: {error.strerror}")
    check_is_writable(arguments, folder, option)
