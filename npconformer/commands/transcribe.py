"""`npconformer transcribe`: recordings in, text, JSON or subtitles out."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import (
    add_batch_size,
    add_chunks,
    add_device,
    add_model,
    add_output,
    add_recordings,
    add_threads,
    check_can_hold,
    check_is_writable,
    load_pipeline,
    say,
)
from npconformer.commands.formats import EXTENSIONS, FORMATS, format_of
from npconformer.commands.plotting import ON_THE_TERMINAL, PlottedRecogniser, check_plot, print_plot, write_plot
from npconformer.commands.reading import SOUND_HELP, add_reading
from npconformer.commands.recordings import Recordings, stems
from npconformer.commands.writing import write_together

EXAMPLES = """\
examples:
  npconformer transcribe digits.wav
      with the embedded recogniser, which knows the English words ZERO to NINE and no others
  npconformer transcribe interview.flac --model my-checkpoint
      with a checkpoint folder: config.json, model.safetensors and the processor's files
  npconformer transcribe interview.flac --model facebook/wav2vec2-conformer-rope-large-960h-ft
      with a repository of the Hugging Face hub, which is downloaded once (needs the extra `hub`)
  npconformer transcribe recordings/ --model my-checkpoint --format json --output texts.json
      every recording in a folder and its subfolders
  npconformer transcribe talk.mp3 --model my-checkpoint --format srt --output talk.srt
      subtitles; several recordings need a folder: --output subtitles/, in which each file is
      named after its recording, and numbered where two would have one name
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

output formats:
  text  one line per recording: the text, after "NAME: " when there are several;
        with --timestamps, a line "START<tab>END<tab>TEXT" (seconds) for each word or character follows
  json  an array with one object per recording, in order: {"file", "text"}, with --timestamps also
        "chunks": [{"text", "timestamp": [start, end]}]; {"file", "error"} for one that failed
  srt, vtt  subtitles of a few words each; one for each word or character with --timestamps

SOUND
A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all transcribed, 1 some failed, 2 could not start.
"""

NOTE = (
    "{name} is longer than five minutes: transcribed in overlapping chunks of 30 seconds "
    "(--chunk-length-s 0: as a whole)"
)


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "transcribe",
        help="write down what is said in recordings",
        description="Write down what is said in recordings: WAV, FLAC, OGG, MP3; any rate, any channels.",
        epilog=EXAMPLES.replace("SOUND\n", SOUND_HELP + "\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recordings(parser)
    add_reading(parser)
    add_model(parser)
    parser.add_argument("--timestamps", choices=("word", "char"), help="also say when each was said")
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="default: text")
    add_chunks(
        parser,
        default="auto",
        meaning="transcribe recordings in overlapping chunks of S seconds; 0: as a whole, whatever their length; "
        "auto, the default: in chunks of 30 seconds if they are longer than five minutes, else as a whole",
    )
    add_device(parser)
    add_threads(parser)
    add_batch_size(parser)
    add_output(parser)
    parser.add_argument(
        "--plot",
        metavar="PNG",
        help='draw what the model hears in one recording; needs matplotlib: pip install "npconformer[plots]"; '
        "-: with letters, on standard output",
    )
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Transcribe every recording; returns the exit status."""
    recordings = Recordings(arguments.audio, arguments)
    one_file_each = arguments.format in EXTENSIONS and recordings.several
    if not one_file_each:
        check_can_hold(arguments, recordings.files)
    elif arguments.output is None:
        arguments.parser.error(f"several recordings as {arguments.format} need a folder to go to: --output FOLDER")
    else:
        _make_folder(arguments)
    if arguments.plot is not None:
        _check_plot(arguments, recordings)
    if arguments.model is None:
        say("no --model given: using the embedded recogniser, which knows the spoken digits ZERO to NINE only")
    chunks = {"chunk_length_s": arguments.chunk_length_s, "stride_length_s": arguments.stride_length_s}
    recognise = load_pipeline("automatic-speech-recognition", arguments, batch_size=arguments.batch_size, **chunks)
    if arguments.plot is not None:
        recognise = PlottedRecogniser(recognise)

    timestamps = arguments.timestamps or ("word" if arguments.format in EXTENSIONS else None)
    note = NOTE if arguments.chunk_length_s == "auto" else None
    results = recordings.answers(recognise, note=note, return_timestamps=timestamps)
    if one_file_each:
        _write_one_file_each(results, stems(recordings.names), arguments)
    else:
        write_together(results, format_of(arguments, recordings.several), arguments.output)
    if arguments.plot is not None and recordings.status == 0:
        _plot(recognise.recognition(), recordings.names[0], arguments.plot)
    return recordings.status


def _write_one_file_each(
    results: Iterable[tuple[str, Any]], file_names: Iterable[str], arguments: argparse.Namespace
) -> None:
    """Every result into a file of its own in a folder; a name that two recordings share is numbered, and told."""
    from npconformer.storage.files import write_bytes_atomically

    for (name, result), file_name in zip(results, file_names):
        if isinstance(result, Exception):
            continue
        path = Path(arguments.output, f"{file_name}{EXTENSIONS[arguments.format]}")
        text = format_of(arguments, several=False).one(name, result)
        write_bytes_atomically(path, text.encode("utf-8", "surrogateescape"))  # a link in the folder is replaced
        if file_name != Path(name).stem:
            say(f"{name}: its subtitles are in {path}")


def _check_plot(arguments: argparse.Namespace, recordings: Recordings) -> None:
    """Refuse, before any work is done, a picture that cannot be drawn."""
    from npconformer.audio.streaming import duration_of
    from npconformer.plots import MOST_SECONDS

    error, names = arguments.parser.error, recordings.names
    if len(names) != 1:
        error(f"--plot draws one recording, and there are {len(names)}")
    if arguments.chunk_length_s not in ("auto", 0):
        error("--plot draws a recording that is transcribed as a whole: leave --chunk-length-s away")
    if arguments.plot == ON_THE_TERMINAL and arguments.output is None and arguments.format != "text":
        error(f"--plot - would mix a picture with {arguments.format} on standard output: name files")
    if arguments.output is not None and os.path.realpath(arguments.plot) == os.path.realpath(arguments.output):
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


def _make_folder(arguments: argparse.Namespace) -> None:
    """The folder for subtitles, before any work is done."""
    try:
        os.makedirs(arguments.output, exist_ok=True)
    except FileExistsError:
        arguments.parser.error(f"several recordings need a folder to go to, and {arguments.output} is a file")
    except OSError as error:
        arguments.parser.error(f"--output {arguments.output}: {error.strerror}")
    check_is_writable(arguments, arguments.output)
