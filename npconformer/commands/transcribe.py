"""`npconformer transcribe`: recordings in, text, JSON or subtitles out."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npconformer.commands.formats import EXTENSIONS, FORMATS, format_of

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"}

EXAMPLES = """\
examples:
  npconformer transcribe digits.wav
      with the embedded recogniser, which knows the English words ZERO to NINE and no others
  npconformer transcribe interview.flac --model my-checkpoint
      with a checkpoint folder: config.json, model.safetensors and the processor's files
  npconformer transcribe recordings/ --model my-checkpoint --format json --output texts.json
      every recording in a folder and its subfolders
  npconformer transcribe talk.mp3 --model my-checkpoint --format srt --output talk.srt
      subtitles; several recordings need a folder: --output subtitles/
  npconformer transcribe *.wav --model my-checkpoint --timestamps word --batch-size 8
      when each word was said; eight recordings at once change the speed, never the text

output formats:
  text  one line per recording: the text, after "NAME: " when there are several;
        with --timestamps, a line "START<tab>END<tab>TEXT" (seconds) for each word or character follows
  json  an array with one object per recording, in order: {"file", "text"}, with --timestamps also
        "chunks": [{"text", "timestamp": [start, end]}]; {"file", "error"} for one that failed
  srt, vtt  subtitles of a few words each; one for each word or character with --timestamps

A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all transcribed, 1 some failed, 2 could not start.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "transcribe",
        help="write down what is said in recordings",
        description="Write down what is said in recordings: WAV, FLAC, OGG, MP3; any rate, any channels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("audio", nargs="+", metavar="AUDIO", help="a recording, or a folder of recordings")
    parser.add_argument("--model", metavar="PATH", help="checkpoint folder; default: embedded digits recogniser")
    parser.add_argument("--timestamps", choices=("word", "char"), help="also say when each was said")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="default: text")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: cpu, or what NPCONFORMER_BACKEND names; cuda needs CuPy"
    )
    parser.add_argument("--batch-size", type=_positive, default=1, metavar="N", help="recordings at once; default: 1")
    parser.add_argument("--output", metavar="FILE", help="write here, all or nothing, instead of to standard output")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Transcribe every recording; returns the exit status."""
    recordings, empty_folders = find_recordings(arguments.audio)
    one_file_each = arguments.format in EXTENSIONS and len(recordings) > 1
    if one_file_each and arguments.output is None:
        arguments.parser.error(f"several recordings as {arguments.format} need a folder to go to: --output FOLDER")
    if arguments.output is not None and not one_file_each:
        _check_can_hold(arguments)
    try:
        recognise = _load(arguments)
    except (ValueError, OSError, RuntimeError) as error:
        return _say(str(error), status=2)

    for folder in empty_folders:
        _say(f"{folder}: no recordings in this folder (looked for {', '.join(sorted(AUDIO_SUFFIXES))})")
    timestamps = arguments.timestamps or ("word" if arguments.format in EXTENSIONS else None)
    results = recognise.stream(recordings, return_timestamps=timestamps, return_errors=True)
    results = _watched(zip(recordings, results), len(recordings))
    if one_file_each:
        failed = _write_one_file_each(results, arguments)
    else:
        failed = _write_together(results, arguments, several=len(recordings) > 1)
    return 1 if failed or empty_folders else 0


def find_recordings(names: list[str]) -> tuple[list[str], list[str]]:
    """The recordings that `names` stand for, folders replaced by what is in them, and the folders with
    nothing.
    """
    recordings, empty = [], []
    for name in names:
        if not Path(name).is_dir():
            recordings.append(name)
            continue
        found = sorted(p for p in Path(name).rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file())
        recordings.extend(map(str, found))
        if not found:
            empty.append(name)
    return recordings, empty


def _load(arguments: argparse.Namespace) -> Any:
    from npconformer.pipelines import pipeline

    if arguments.model is None:
        _say("no --model given: using the embedded recogniser, which knows the spoken digits ZERO to NINE only")
    return pipeline(
        "automatic-speech-recognition",
        model=arguments.model,
        device=arguments.device,
        batch_size=arguments.batch_size,
    )


def _watched(results: Iterator[tuple[str, Any]], total: int) -> Iterator[tuple[str, Any]]:
    """Show a progress bar while somebody watches, and report the recordings that failed."""
    from tqdm import tqdm

    hidden = not sys.stderr.isatty()
    for name, result in tqdm(results, total=total, unit="file", file=sys.stderr, disable=hidden, leave=False):
        with tqdm.external_write_mode(file=sys.stderr):  # take the bar away while lines are written
            if isinstance(result, Exception):
                message = str(result)
                _say(message if message.startswith(name) else f"{name}: {message}")
            yield name, result


def _write_together(results: Iterator[tuple[str, Any]], arguments: argparse.Namespace, several: bool) -> int:
    """All results into one stream, each as soon as it is there; returns how many failed."""
    failed = 0
    formatted = format_of(arguments, several)
    with _output(arguments.output) as write:
        write(formatted.before)
        for name, result in results:
            failed += isinstance(result, Exception)
            write(formatted.one(name, result))
        write(formatted.after)
    return failed


def _write_one_file_each(results: Iterator[tuple[str, Any]], arguments: argparse.Namespace) -> int:
    """Every result into a file of its own in a folder; returns how many failed."""
    from npconformer.files import write_text_atomically

    folder = Path(arguments.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        arguments.parser.error(f"several recordings need a folder to go to, and {folder} is a file")
    failed, used = 0, Counter()
    for name, result in results:
        if isinstance(result, Exception):
            failed += 1
            continue
        stem = Path(name).stem
        used[stem] += 1  # a.wav and a.flac, or the same name in two folders: a.srt and a-2.srt
        ending = EXTENSIONS[arguments.format] if used[stem] == 1 else f"-{used[stem]}{EXTENSIONS[arguments.format]}"
        write_text_atomically(folder / f"{stem}{ending}", format_of(arguments, several=False).one(name, result))
    return failed


@contextmanager
def _output(path: str | None) -> Iterator[Any]:
    """A function that writes text to standard output at once, or to a file that appears when all is
    written.
    """
    if path is None:

        def write(text: str) -> None:
            sys.stdout.write(text)
            sys.stdout.flush()

        yield write
    else:
        from npconformer.files import atomic_path

        with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
            yield file.write


def _check_can_hold(arguments: argparse.Namespace) -> None:
    """Refuse an --output that cannot be written before any work is done."""
    output = Path(arguments.output)
    if output.is_dir():
        arguments.parser.error(f"--output {output} is a folder; name a file in it")
    if not output.parent.is_dir():
        arguments.parser.error(f"--output {output}: there is no folder {output.parent}")


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def _say(message: str, status: int = 0) -> int:
    print(f"npconformer: {message}", file=sys.stderr)
    return status
