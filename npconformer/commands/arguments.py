"""The arguments that the subcommands share, and their checks."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npconformer.storage.messages import printable

LONGEST_MESSAGE = 4000  # characters


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare --device."""
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu; cuda needs CuPy")


def add_batch_size(parser: argparse.ArgumentParser) -> None:
    """Declare --batch-size."""
    parser.add_argument(
        "--batch-size", type=whole_number, default=1, metavar="N", help="recordings at once; default: 1"
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Declare --threads."""
    parser.add_argument(
        "--threads",
        type=whole_number,
        metavar="N",
        help="processor cores to use at most; default: what OMP_NUM_THREADS says, or all",
    )


def add_chunks(parser: argparse.ArgumentParser, default: float | str, meaning: str) -> None:
    """Declare --chunk-length-s and --stride-length-s. meaning: what the help says of the default."""
    parser.add_argument("--chunk-length-s", type=_chunk_length, default=default, metavar="S", help=meaning)
    parser.add_argument(
        "--stride-length-s",
        type=_strides,
        metavar="S",
        help="how much of a chunk is context only, on each side, or LEFT,RIGHT; default: a sixth of the chunk",
    )


def add_chunk_at(parser: argparse.ArgumentParser) -> None:
    """Declare --chunk-at."""
    parser.add_argument(
        "--chunk-at",
        choices=("pauses", "fixed"),
        help="where chunks end: in the longest pause, at most S seconds from the last one, and each is an utterance of "
        "its own; or after S seconds, overlapping; default: pauses where S is auto and the model is one of NeMo's "
        "Conformers (in utterances of at most 15 seconds, of recordings longer than 30), else fixed",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare --output."""
    parser.add_argument("--output", metavar="FILE", help="write here, all or nothing, instead of to standard output")


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Declare the recordings."""
    parser.add_argument(
        "audio", nargs="+", metavar="AUDIO", help="a recording, a folder of recordings, or - for standard input"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declare --model and --revision for a task that a model comes with the package for."""
    _add_model(parser, "a checkpoint", "default: embedded digits recogniser")


def add_needed_model(parser: argparse.ArgumentParser, class_ending: str) -> None:
    """Declare --model and --revision for a task that no model comes with the package for."""
    _add_model(parser, f"a checkpoint of a model {class_ending}", "needed: none comes with the package")


def add_checkpoint(parser: argparse.ArgumentParser, also: str = "") -> None:
    """Declare CHECKPOINT and --revision; `fetch_checkpoint` makes a folder of them. also: what else it may be."""
    help = f"a folder, or owner/name, a repository at the hub{also}"
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=help)
    _add_revision(parser)


def _add_dtype(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dtype",
        choices=("auto", "float32", "float64", "float16", "bfloat16", "int8"),
        default="auto",
        help="of the weights: on a CPU the last three are what large matrices are stored in, to take a half or a "
        "quarter of the memory, and computing is in float32; default: as the checkpoint says",
    )


def _add_model(parser: argparse.ArgumentParser, what: str, without: str) -> None:
    parser.add_argument(
        "--model", metavar="PATH", help=f"{what}: a folder, or owner/name, a repository at the hub; {without}"
    )
    _add_revision(parser)
    _add_dtype(parser)


def _add_revision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--revision", metavar="NAME", help="of that repository: a branch, tag, commit or refs/pr/NUMBER; default: main"
    )


def fetch_checkpoint(arguments: argparse.Namespace) -> None:
    """Put a folder in the place of a repository's name; what prevents it ends the command with status 2."""
    from npconformer.processors.checkpoint_files import checkpoint_folder
    from npconformer.storage.hub_options import HubOptions

    try:
        arguments.checkpoint = str(checkpoint_folder(arguments.checkpoint, HubOptions(arguments.revision)))
    except (ValueError, OSError) as error:
        raise SystemExit(say(describe(error), status=2)) from None


def check_model_is_given(arguments: argparse.Namespace) -> None:
    """End the command, as for other wrong arguments, when there is no --model."""
    if arguments.model is None:
        arguments.parser.error(
            "--model PATH is needed: the package comes with a recogniser of spoken digits, "
            f"for transcribe, and with no model for {arguments.command}"
        )


def check_can_hold(arguments: argparse.Namespace, recordings: list[str], option: str = "output") -> None:
    """Refuse an --output that cannot be written, or that is one of the recordings, before any work is done.

    option: another one that names a file to be written.
    """
    output = getattr(arguments, option)
    if output is None or output == "-":  # standard output
        return
    folder = os.path.dirname(os.path.realpath(output))
    if os.path.isdir(output):
        arguments.parser.error(f"--{option} {output} is a folder; name a file in it")
    if not os.path.isdir(Path(output).parent):
        arguments.parser.error(f"--{option} {output}: there is no folder {Path(output).parent}")
    if os.path.isfile(output) and any(os.path.isfile(name) and os.path.samefile(name, output) for name in recordings):
        arguments.parser.error(f"--{option} {output} is one of the files to be read, and would replace it")
    if os.path.isfile(output) or not os.path.exists(output):
        check_is_writable(arguments, folder, option)


def check_is_writable(arguments: argparse.Namespace, folder: str, option: str = "output") -> None:
    """Refuse an --output in a folder that nothing can be written to."""
    if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
        arguments.parser.error(
            f"--{option} {getattr(arguments, option.replace('-', '_'))}: no file can be written in the folder {folder}"
        )


def whole_number(text: str) -> int:
    """The type of arguments that count something."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def number_between(least: float, most: float = math.inf) -> Callable[[str], float]:
    """The type of arguments that are numbers from `least` to `most`."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and least <= number <= most):
            wanted = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {wanted}")
        return number

    return parse


def _chunk_length(text: str) -> float | str:
    return text if text == "auto" else number_between(0)(text)


def _strides(text: str) -> float | tuple[float, ...]:
    strides = tuple(map(number_between(0), text.split(",", 1)))
    return strides if len(strides) == 2 else strides[0]


def say(message: str, status: int = 0) -> int:
    """Tell the person at the terminal something, on one line; returns `status`."""
    with contextlib.suppress(OSError):  # nobody can be told that nobody can be told
        if sys.stderr is not None:
            print(f"npconformer: {one_message(message)}", file=sys.stderr)
    return status


def one_message(message: str) -> str:
    """A message without what could drive a terminal or pass for another line: names in it come from anywhere."""
    return printable(message[:LONGEST_MESSAGE]).replace("\n", "\\n")


def describe(error: Exception) -> str:
    """An error in one line; what the system says of a file comes after the file's name."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, UnicodeEncodeError):
        letter = error.object[error.start]
        hint = "set PYTHONIOENCODING=utf-8, or name a file with --output"
        return f"{letter!r} cannot be written in the encoding {error.encoding}: {hint}"
    return str(error)


def load_pipeline(task: str, arguments: argparse.Namespace, **options: Any) -> Any:
    """The pipeline for `task` that the arguments ask for; what prevents it ends the command with status 2."""
    from npconformer.pipelines import pipeline

    options |= {name: getattr(arguments, name) for name in ("model", "revision", "device")}
    dtype = getattr(arguments, "dtype", "auto")
    try:
        return pipeline(task, dtype=None if dtype == "auto" else dtype, **options)
    except (ValueError, OSError, RuntimeError) as error:
        raise SystemExit(say(describe(error), status=2)) from None
