"""`npconformer diarize`: recordings in, who speaks when out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from typing import Any

from npconformer.commands.answering import answer
from npconformer.commands.arguments import (
    add_batch_size,
    add_chunks,
    add_device,
    add_needed_model,
    add_recordings,
    add_threads,
    check_model_is_given,
    load_pipeline,
    number_between,
)
from npconformer.commands.documents import (
    Asked,
    JsonFormat,
    JsonLines,
    LineFormat,
    Piece,
    TableFormat,
    TabsFormat,
    grouped,
    lines_of,
)
from npconformer.commands.places import PLACES_HELP, add_place, find_place
from npconformer.commands.reading import SOUND_HELP, add_reading
from npconformer.commands.recordings import Recordings
from npconformer.commands.timeline import draw_timeline
from npconformer.storage.messages import one_line

EXAMPLES = """\
examples:
  npconformer diarize meeting.wav --model my-checkpoint
  npconformer diarize meeting.wav --model my-checkpoint --format timeline
      a picture made of letters, one line for each speaker
  npconformer diarize recordings/ --model my-checkpoint --format rttm --output speakers.rttm
      every recording in a folder and its subfolders, in the format of scoring tools
  npconformer diarize call.wav --model my-checkpoint --threshold 0.6 --min-duration 0 --max-gap 0
      exactly the frames whose probability is above 0.6

--model is a checkpoint of a model …ForAudioFrameClassification, as a folder with config.json, model.safetensors,
and preprocessor_config.json or processor_config.json, or as owner/name, a repository at the Hugging Face hub, from
which these are downloaded (needs the extra `hub`). None comes with the package.

A speaker speaks in the frames whose probability is above --threshold. Pauses of at most --max-gap seconds are
filled, and then segments shorter than --min-duration seconds are dropped. Speakers may overlap. They have the
names of the checkpoint's labels, and a name in two recordings need not be the same person. Nor need it be in two
chunks of one recording: with --chunk-length-s that is up to the model.

output formats, times in seconds:
  text  a line "START<tab>END<tab>SPEAKER" for each segment, after "NAME: " when there are several recordings
  timeline  a line for each speaker, "#" where they speak
  json  an array with one object per recording, in order: {"file", "duration", "segments": [{"start", "end",
        "speaker"}]}; {"file", "error"} for one that failed
  jsonl  the same objects, one on each line; alone in a file of --output-dir, json is such an object, too
  csv, tsv  a table with the columns file, start, end, speaker
  rttm  "SPEAKER NAME 1 START DURATION <NA> <NA> SPEAKER <NA> <NA>" for each segment; NAME is the recording's
        without folder and extension, numbered where two would be the same; white space in names becomes "_"

PLACES
SOUND
A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all diarized, 1 some failed, 2 could not start.
"""


class TextFormat(LineFormat):
    """START<tab>END<tab>SPEAKER"""

    def lines(self, result: Any) -> Iterable[str]:
        return (f"{one['start']:.2f}\t{one['end']:.2f}\t{one_line(one['speaker'])}" for one in result["segments"])


class TimelineFormat(LineFormat):
    """A picture of each recording, under its name when there are several."""

    extensions = (".timeline.txt", ".txt")
    continued = re.compile("")

    def start(self, asked: Asked) -> str:
        return f"{one_line(asked.name)}:\n" if self.several else ""

    def one(self, asked: Asked, result: Any) -> str:
        if isinstance(result, Exception):
            return ""  # named on standard error
        return self.start(asked) + draw_timeline(result["segments"], result["duration"])


class SegmentsJsonFormat(JsonFormat):
    """{"file", "duration", "segments"}"""

    def entry(self, result: Any) -> dict[str, Any]:
        segments = [
            {"start": round(one["start"], 4), "end": round(one["end"], 4), "speaker": one["speaker"]}
            for one in result["segments"]
        ]
        return {"duration": round(result["duration"], 4), "segments": segments}


class SegmentsJsonLines(JsonLines, SegmentsJsonFormat):
    """The same objects, one on each line."""


class CsvFormat(TableFormat):
    """file,start,end,speaker"""

    columns = ("file", "start", "end", "speaker")

    def rows(self, name: str, result: Any) -> Iterable[Sequence[Any]]:
        return ([name, round(one["start"], 4), round(one["end"], 4), one["speaker"]] for one in result["segments"])


class TsvFormat(TabsFormat, CsvFormat):
    """The same with tabs."""


class RttmFormat(LineFormat):
    """Lines of RTTM, for which each recording is named without its folder and extension."""

    extensions = (".rttm",)

    def one(self, asked: Asked, result: Any) -> str:
        from npconformer.segments.diarization import Segment
        from npconformer.segments.rttm import to_rttm

        if isinstance(result, Exception):
            return ""  # named on standard error
        return to_rttm(asked.stem, [Segment(**one) for one in result["segments"]])

    def key(self, asked: Asked) -> str:
        return "_".join(asked.stem.split())

    def split(self, document: str, asked: Sequence[Asked], errors: bool = False) -> list[Piece]:
        keys = {self.key(one) for one in asked}
        named = (("_".join((line.split() + ["", ""])[1:2]), line) for line in lines_of(document))
        return grouped((name if name in keys else None, line) for name, line in named)


FORMATS = {
    "text": TextFormat,
    "timeline": TimelineFormat,
    "json": SegmentsJsonFormat,
    "jsonl": SegmentsJsonLines,
    "csv": CsvFormat,
    "tsv": TsvFormat,
    "rttm": RttmFormat,
}


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "diarize",
        help="say who speaks when in recordings",
        description="Say who speaks when in recordings.",
        epilog=EXAMPLES.replace("PLACES\n", PLACES_HELP + "\n").replace("SOUND\n", SOUND_HELP + "\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recordings(parser)
    add_reading(parser)
    add_needed_model(parser, "…ForAudioFrameClassification")
    parser.add_argument(
        "--threshold",
        type=number_between(0, 1),
        default=0.5,
        metavar="P",
        help="probability above which a speaker speaks; default: 0.5",
    )
    parser.add_argument(
        "--min-duration",
        type=number_between(0),
        default=0.1,
        metavar="S",
        help="shortest segment in seconds; default: 0.1",
    )
    parser.add_argument(
        "--max-gap",
        type=number_between(0),
        default=0.2,
        metavar="S",
        help="longest pause inside a segment in seconds; default: 0.2",
    )
    parser.add_argument(
        "--function",
        choices=("softmax", "sigmoid", "none"),
        help="what makes probabilities of the logits; default: softmax where the checkpoint's problem_type is "
        "single_label_classification, else sigmoid",
    )
    add_chunks(
        parser,
        default=0,
        meaning="run recordings in overlapping chunks of S seconds, so that memory does not grow with their length; "
        "0, the default: as a whole; auto: in chunks of 30 seconds if they are longer than five minutes",
    )
    add_device(parser)
    add_threads(parser)
    add_batch_size(parser)
    add_place(parser, FORMATS, "text")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Diarize every recording; returns the exit status."""
    check_model_is_given(arguments)
    recordings = Recordings(arguments.audio, arguments)
    place = find_place(arguments, recordings, FORMATS, "text")

    def load() -> Any:
        return load_pipeline(
            "speaker-diarization",
            arguments,
            batch_size=arguments.batch_size,
            threshold=arguments.threshold,
            min_duration=arguments.min_duration,
            max_gap=arguments.max_gap,
            function_to_apply=arguments.function,
            chunk_length_s=arguments.chunk_length_s,
            stride_length_s=arguments.stride_length_s,
        )

    return answer(recordings, place, load)
