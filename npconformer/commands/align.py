"""`npconformer align`: a recording and what is said in it in, when each word is said out."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from npconformer.commands.aligned_formats import ENDINGS, WRITERS, Answer
from npconformer.commands.arguments import (
    add_batch_size,
    add_chunk_at,
    add_chunks,
    add_device,
    add_model,
    add_threads,
    check_can_hold,
    describe,
    load_pipeline,
    say,
)
from npconformer.commands.known_texts import Segments, read_segments
from npconformer.commands.reading import SOUND_HELP, add_reading, check_reading, sources_of
from npconformer.commands.writing import open_output
from npconformer.storage.messages import shown

HARDLY_FITS = 0.1  # the mean score of the words, below which a doubt is told
MOST_NAMED = 10

EXAMPLES = """\
examples:
  npconformer align digits.wav digits.txt
      a line "START<tab>END<tab>SCORE<tab>WORD" for each word, times in seconds
  npconformer align talk.mp3 talk.txt --model my-checkpoint --output talk.srt
      subtitles; the ending says which format: .srt, .vtt, .TextGrid (Praat), .json, .ctm
  npconformer align talk.mp3 old.srt --model my-checkpoint --output new.srt
      the texts of old.srt with new times
  echo "* THREE ONE *" | npconformer align digits.wav - --format json
      * stands for speech that the text leaves out
  cat talk.flac | npconformer align - talk.txt --model my-checkpoint --channel 1
      a recording from a pipe, one of its channels

TEXT is a file, or - for standard input: plain text; subtitles, SRT or WebVTT, of which the texts are taken and the
  times are not; or JSON: "TEXT", ["TEXT", ...], {"text": "TEXT"} (as transcribe writes it), or
  {"segments": [{"text": "TEXT"}, ...]}. Lines of plain text, subtitles and texts of an array are the segments.

letters that the model lacks: its vocabulary often has capital letters and ' only. In place of a letter that it lacks
  its other case or its plain form is taken (e for é, ' for ’). What then is still unknown, such as a comma, is left
  out, and the word is found by its other letters. A word of digits or letters of which none is known ("1984") is given
  the speech between its neighbours, without a score; marks that stand alone go with the word before. Words are written
  as TEXT spells them.

output formats:
  text      the default: one line per word
  srt, vtt  subtitles: those of TEXT if it is subtitles or JSON of several texts, otherwise lines of up to 42 letters
  textgrid  tiers "words" and "segments"
  json      {"file", "duration", "words": [{"text", "start", "end", "score"}], "segments": the same}
  ctm       NAME 1 START DURATION WORD SCORE

score: from 0 to 1, how sure the model is of the word there: the product over its letters of their probabilities. Of a
  segment it is the mean over its words.

Words start and end where their sound does, as far as the recording is silent around them. An hour takes memory that
grows with its length; recordings of more than five minutes are run in chunks, as by transcribe.
SOUND
exit status: 0 aligned; 1 the recording cannot be read, or the text cannot be said in it; 2 could not start.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "align",
        help="say when each word of a known text is said",
        description="Say when each word of a known text is said in a recording.",
        epilog=EXAMPLES.replace("SOUND\n", SOUND_HELP),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("audio", metavar="AUDIO", help="a recording, or - for standard input")
    parser.add_argument("text", metavar="TEXT", help="a file with what is said in it, or - for standard input")
    add_model(parser)
    parser.add_argument(
        "-f", "--format", choices=tuple(WRITERS), help="default: as --output ends; text on standard output"
    )
    parser.add_argument(
        "--output", metavar="FILE", help="write here, all or nothing, instead of to standard output; - is that"
    )
    add_chunks(
        parser,
        default="auto",
        meaning="run the recording in overlapping chunks of S seconds; 0: as a whole; auto, the default: in chunks of "
        "30 seconds if it is longer than five minutes",
    )
    add_chunk_at(parser)
    add_reading(parser, split=False)
    add_batch_size(parser)
    add_device(parser)
    add_threads(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Align; returns the exit status."""
    if arguments.output == "-":
        arguments.output = None
    form = _format(arguments)
    check_reading(arguments)
    if arguments.audio == arguments.text == "-":
        arguments.parser.error("AUDIO and TEXT cannot both be standard input")
    check_can_hold(arguments, [arguments.audio])
    try:
        (source,) = sources_of(arguments.audio, arguments)
        segments = read_segments(arguments.text)
    except (ValueError, OSError) as error:
        return say(describe(error), status=2)
    if arguments.model is None:
        say("no --model given: using the embedded recogniser, which knows the spoken digits ZERO to NINE only")
    recogniser = load_pipeline("automatic-speech-recognition", arguments, batch_size=arguments.batch_size)
    try:
        aligned = _align(arguments, source, recogniser, " ".join(segments.texts))
    except (ValueError, OSError) as error:
        message = describe(error)
        return say(message if message.startswith(arguments.audio) else f"{arguments.audio}: {message}", status=1)
    _tell(aligned)
    with open_output(arguments.output) as write:
        write(WRITERS[form](_answer(arguments, aligned, segments)))
    return 0


def _format(arguments: argparse.Namespace) -> str:
    """The format asked for, or that of --output's ending; ends the command where they contradict each other."""
    named = None if arguments.output is None else ENDINGS.get(Path(arguments.output).suffix.lower())
    if arguments.format and named and named != arguments.format:
        arguments.parser.error(f"--output {arguments.output} is {named} by its ending, and --format {arguments.format}")
    if arguments.output is not None and not arguments.format and not named and not _is_stream(arguments.output):
        endings = ", ".join(ENDINGS)
        arguments.parser.error(f"--output {arguments.output}: add --format, or one of the endings {endings}")
    return arguments.format or named or "text"


def _is_stream(path: str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _align(arguments: argparse.Namespace, source: Any, recogniser: Any, text: str) -> Any:
    from npconformer.commands.progress import SecondsBar
    from npconformer.pipelines.recording_aligner import RecordingAligner

    try:
        aligner = RecordingAligner(recogniser, arguments.chunk_length_s, arguments.stride_length_s, arguments.chunk_at)
    except ValueError as error:
        raise SystemExit(say(str(error), status=2)) from None
    bar = SecondsBar(hidden=sys.stderr is None or not sys.stderr.isatty())
    try:
        return aligner(source, text, progress=bar)
    finally:
        bar.close()


def _tell(aligned: Any) -> None:
    """What became of letters that the model lacks, and a doubt where the text hardly fits."""
    from npconformer.text.confidence import segment_confidence

    known = aligned.alignment.known
    left_out = {letter: times for letter, times in known.left_out.items() if letter.isalnum()}  # commas need no word
    if left_out:
        letters = [shown(letter) for letter in list(left_out)[:MOST_NAMED]]
        more = " and others" if len(left_out) > MOST_NAMED else ""
        times = f"{sum(left_out.values())} in all"
        say(f"left out of words, because the model has no such letters: {' '.join(letters)}{more} ({times})")
    if known.unspelled:
        words = [shown(word) for word in known.unspelled[:MOST_NAMED]]
        more = " and others" if len(known.unspelled) > MOST_NAMED else ""
        say(f"found by what is between their neighbours only, without a score: {' '.join(words)}{more}")
    mean = segment_confidence(aligned.alignment.scores)
    if mean is not None and mean < HARDLY_FITS:
        say(f"the text hardly fits the recording: the mean score of its words is {mean:.3g}")


def _answer(arguments: argparse.Namespace, aligned: Any, segments: Segments) -> Answer:
    """Words, and the segments that the text came in with the words' times."""
    from npconformer.text.confidence import segment_confidence
    from npconformer.text.text_alignment import TimedWord

    segment_of = [number for number, segment in enumerate(segments.texts) for _ in segment.split()]
    words_of: dict[int, list[Any]] = {}
    for word, place in zip(aligned.words, aligned.alignment.places):
        words_of.setdefault(segment_of[place], []).append(word)
    timed = [
        TimedWord(
            segments.texts[number], words[0].start, words[-1].end, segment_confidence([word.score for word in words])
        )
        for number, words in words_of.items()
    ]
    return Answer(arguments.audio, aligned.duration, aligned.words, timed, segments.laid_out)
