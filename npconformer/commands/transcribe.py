"""`npconformer transcribe`: recordings in, text, JSON or subtitles out."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

from npconformer.commands.answering import answer
from npconformer.commands.arguments import (
    add_batch_size,
    add_chunk_at,
    add_chunks,
    add_device,
    add_model,
    add_recordings,
    add_threads,
    load_pipeline,
    say,
    whole_number,
)
from npconformer.commands.clips import ClippedRecogniser, parse_clips
from npconformer.commands.formats import FORMATS, SEGMENTED, SUBTITLES, Written
from npconformer.commands.long_recordings import note_on_cutting
from npconformer.commands.places import PLACES_HELP, Place, add_place, find_place
from npconformer.commands.plotting import ON_THE_TERMINAL, PlottedRecogniser, check_plot, print_plot, write_plot
from npconformer.commands.reading import SOUND_HELP, add_reading
from npconformer.commands.recordings import Recordings
from npconformer.commands.spellings import add_meaningless

EXAMPLES = """\
examples:
  npconformer transcribe digits.wav
      with the embedded recogniser, which knows the English words ZERO to NINE and no others
  npconformer transcribe interview.flac --model my-checkpoint
      with a checkpoint folder: config.json, model.safetensors and the processor's files
  npconformer transcribe interview.flac --model facebook/wav2vec2-conformer-rope-large-960h-ft
      with a repository of the Hugging Face hub, which is downloaded once (needs the extra `hub`)
  npconformer transcribe recordings/ --model my-checkpoint --output texts.json
      every recording in a folder and its subfolders
  npconformer transcribe talk.mp3 --model my-checkpoint --output talk.srt --max-line-width 36 --max-line-count 2
      subtitles of at most two lines; --highlight-words underlines each word while it is said
  npconformer transcribe recordings/ --model my-checkpoint -f srt,json -o texts --skip-existing
      two files for every recording; repeated after it was stopped, it goes on with those that are missing
  npconformer transcribe talk.mp3 --model my-checkpoint --clip-timestamps 60,90,300
      only from 1:00 to 1:30 and from 5:00 on
  npconformer transcribe *.wav --model my-checkpoint --timestamps word --batch-size 8
      when each word was said; eight recordings at once change the speed, never the text
  npconformer transcribe lecture.mp3 --model my-checkpoint --chunk-length-s 20 --stride-length-s 4,2
      in chunks of 20 seconds, of which the first 4 and the last 2 are context for the rest
  npconformer transcribe hello.wav --model my-checkpoint --plot hello.png
      also draw waveform, spectrogram, the letters' probabilities and the alignment of up to a minute

long recordings: the time that a model takes for a recording as a whole grows with the square of its length, so one
  of more than five minutes is transcribed in chunks of 30 seconds that overlap by ten, unless --chunk-length-s says
  otherwise. The file is read piece by piece, and an hour takes no more memory than ten minutes. Chunks are joined
  frame by frame, so words and times go on across their seams; --batch-size chunks are run at once. The text may
  differ a little from that of the whole, because a chunk hears nothing of what is further away.
  NeMo's Conformers hear everyone against the mean of all who speak in a chunk: theirs, of recordings of more than 30
  seconds, end where people pause, 15 seconds apart at most, and do not overlap, unless no pause is to be found. So do
  those of any model with --chunk-at pauses.

output formats:
  text  one line per recording: the text, after "NAME: " when there are several;
        with --timestamps, a line "START<tab>END<tab>TEXT" (seconds) for each segment, word or character follows
  json  an array with one object per recording, in order: {"file", "text", "confidence"}, with --timestamps also
        "chunks": [{"text", "timestamp": [start, end], "confidence"}]; {"file", "error"} for one that failed;
        alone in a file of --output-dir, only the object
  jsonl  the same objects, one on each line
  csv   a table with the columns file, text, confidence
  tsv   a table with the columns start, end, text, confidence, times in milliseconds, a row for each segment: what
        would be a subtitle; the first column is file when there are several
  srt, vtt  subtitles of a few words each, one for each with --timestamps word or char; vtt has the confidence
        as a comment. One recording fits a file

PLACES
SOUND
A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all transcribed, 1 some failed, 2 could not start.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "transcribe",
        help="write down what is said in recordings",
        description="Write down what is said in recordings: WAV, FLAC, OGG, MP3; any rate, any channels.",
        epilog=EXAMPLES.replace("PLACES\n", PLACES_HELP + "\n").replace("SOUND\n", SOUND_HELP + "\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recordings(parser)
    add_reading(parser)
    add_model(parser)
    times = parser.add_mutually_exclusive_group()
    times.add_argument("--timestamps", choices=("segment", "word", "char"), help="also say when each was said")
    times.add_argument(
        "--word-timestamps", action="store_const", const="word", dest="timestamps", help=argparse.SUPPRESS
    )
    parser.add_argument(
        "--clip-timestamps",
        type=parse_clips,
        metavar="T",
        help="transcribe only these parts: START,END,START,END,... in seconds; without the last END, to the end",
    )
    add_place(parser, FORMATS, "text")
    _add_lines(parser)
    add_chunks(
        parser,
        default="auto",
        meaning="transcribe recordings in overlapping chunks of S seconds; 0: as a whole, whatever their length; "
        "auto, the default: in chunks of 30 seconds if they are longer than five minutes, else as a whole",
    )
    add_chunk_at(parser)
    add_device(parser)
    add_threads(parser)
    add_batch_size(parser)
    parser.add_argument(
        "--plot",
        metavar="PNG",
        help='draw what the model hears in one recording; needs matplotlib: pip install "npconformer[plots]"; '
        "-: with letters, on standard output",
    )
    add_meaningless(parser)
    parser.set_defaults(run=run, parser=parser)


def _add_lines(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("lines of subtitles (srt, vtt; segments of tsv)")
    number = {"type": whole_number, "metavar": "N"}
    group.add_argument("--max-line-width", **number, help="letters in a line; default: 42")
    group.add_argument("--max-line-count", **number, help="lines in a subtitle; default: 1")
    group.add_argument("--max-words-per-line", **number, help="words in a line; default: as many as fit")
    group.add_argument(
        "--highlight-words", action="store_true", help="underline each word while it is said; not in tsv"
    )


def run(arguments: argparse.Namespace) -> int:
    """Transcribe every recording; returns the exit status."""
    recordings = Recordings(arguments.audio, arguments)
    written = _written(arguments)
    place = find_place(arguments, recordings, FORMATS, "text", lambda kind, several: kind(several, written))
    names = [name for name, kind in FORMATS.items() if any(type(one) is kind for one in place.formats)]
    _check_lines(arguments, names)
    if arguments.plot is not None:
        _check_plot(arguments, recordings, place, names)
    if arguments.model is None and not arguments.quiet:
        say("no --model given: using the embedded recogniser, which knows the spoken digits ZERO to NINE only")
    loaded: list[Any] = []

    def load() -> Any:
        chunks = {name: getattr(arguments, name) for name in ("chunk_length_s", "stride_length_s", "chunk_at")}
        recognise = load_pipeline("automatic-speech-recognition", arguments, batch_size=arguments.batch_size, **chunks)
        if arguments.clip_timestamps is not None:
            recognise = ClippedRecogniser(recognise, arguments.clip_timestamps)
        if arguments.plot is not None:
            recognise = PlottedRecogniser(recognise)
        loaded.append(recognise)
        return recognise

    of_words = not set(SEGMENTED).isdisjoint(names)
    timestamps = "word" if arguments.timestamps == "segment" or of_words else None
    timestamps = arguments.timestamps if arguments.timestamps in ("word", "char") else timestamps
    rated = not set(names) <= {"text", "srt"}
    status = answer(recordings, place, load, note=_note, return_timestamps=timestamps, return_confidence=rated)
    if loaded and arguments.plot is not None and status == 0:
        _plot(loaded[0].recognition(), recordings.names[0], arguments.plot)
    return status


def _note(recognise: Any) -> str | None:
    """What is said when the first recording is cut that nobody asked to cut."""
    return note_on_cutting(getattr(recognise, "recognise", recognise))  # inside of what clips or plots


def _written(arguments: argparse.Namespace) -> Written:
    """What of a transcript is written."""
    asked = (arguments.max_line_width, arguments.max_line_count, arguments.max_words_per_line)
    layout = None
    if arguments.highlight_words or any(one is not None for one in asked):
        layout = (asked[0] or 42, asked[1] or 1, asked[2])
    return Written(arguments.timestamps, layout, arguments.highlight_words)


def _check_lines(arguments: argparse.Namespace, names: list[str]) -> None:
    """Refuse options of subtitles where there are none."""
    of_lines = ("max_line_width", "max_line_count", "max_words_per_line")
    for name in (*of_lines, "highlight_words"):
        if not getattr(arguments, name):
            continue
        option, formats = f"--{name.replace('_', '-')}", SEGMENTED if name in of_lines else SUBTITLES
        if set(formats).isdisjoint(names):
            arguments.parser.error(f"{option} is of subtitles: add --format srt or vtt")
        if arguments.timestamps == "char":
            arguments.parser.error(f"{option} is of words: leave --timestamps char away")


def _check_plot(arguments: argparse.Namespace, recordings: Recordings, place: Place, formats: list[str]) -> None:
    """Refuse, before any work is done, a picture that cannot be drawn."""
    from npconformer.audio.streaming import duration_of
    from npconformer.plots import MOST_SECONDS

    error, names = arguments.parser.error, recordings.names
    if len(names) != 1:
        error(f"--plot draws one recording, and there are {len(names)}")
    if arguments.clip_timestamps is not None:
        error("--plot draws all of a recording: leave --clip-timestamps away")
    if arguments.plot == ON_THE_TERMINAL and place.folder is None and place.path is None and formats != ["text"]:
        error(f"--plot - would mix a picture with {formats[0]} on standard output: name files")
    if place.path is not None and os.path.realpath(arguments.plot) == os.path.realpath(place.path):
        error(f"--plot and --output are both {arguments.plot}")
    check_plot(arguments, recordings.files)
    with contextlib.suppress(ValueError, OSError):  # said when it is transcribed
        seconds = duration_of(recordings.sources[0])
        if seconds > MOST_SECONDS:
            error(f"--plot draws recordings of up to {MOST_SECONDS} s, and {names[0]} is {seconds:.1f} s long")


def _plot(recognition: Any, name: str, path: str) -> None:
    if path == ON_THE_TERMINAL:
        print_plot(recognition)
    else:
        write_plot(recognition, path, Path(name).name)
