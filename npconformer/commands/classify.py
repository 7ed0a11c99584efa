"""`npconformer classify`: recordings in, labels with scores out."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from npconformer.commands.answering import answer
from npconformer.commands.arguments import (
    add_batch_size,
    add_device,
    add_needed_model,
    add_recordings,
    add_threads,
    check_model_is_given,
    load_pipeline,
    whole_number,
)
from npconformer.commands.documents import JsonFormat, JsonLines, LineFormat, TableFormat, TabsFormat
from npconformer.commands.places import PLACES_HELP, add_place, find_place
from npconformer.commands.reading import SOUND_HELP, add_reading
from npconformer.commands.recordings import Recordings
from npconformer.storage.messages import one_line

EXAMPLES = """\
examples:
  npconformer classify call.wav --model my-checkpoint
      the five best labels with their scores, best first
  npconformer classify recordings/ --model my-checkpoint --top-k 1 --format csv --output labels.csv
      the best label of every recording in a folder and its subfolders, as a table
  npconformer classify *.wav --model my-checkpoint --top-k all --format json --batch-size 8
      all labels; eight recordings at once change the speed, never the scores
  npconformer classify street.wav --model my-checkpoint --function sigmoid
      each label judged by itself, so that several may be right

--model is a checkpoint of a model …ForSequenceClassification, as a folder with config.json, model.safetensors,
and preprocessor_config.json or processor_config.json, or as owner/name, a repository at the Hugging Face hub, from
which these are downloaded (needs the extra `hub`). None comes with the package.

output formats:
  text  a line "SCORE<tab>LABEL" for each label, after "NAME: " when there are several recordings
  json  an array with one object per recording, in order: {"file", "labels": [{"score", "label"}]};
        {"file", "error"} for one that failed
  jsonl  the same objects, one on each line; alone in a file of --output-dir, json is such an object, too
  csv, tsv  a table with the columns file, rank, label, score; recordings that failed have no rows;
        a text that a spreadsheet would take for a formula has a ' in front

PLACES
SOUND
A recording that cannot be read is named on standard error, and the others go on.
exit status: 0 all classified, 1 some failed, 2 could not start.
"""


class TextFormat(LineFormat):
    """SCORE<tab>LABEL"""

    def lines(self, result: Any) -> Iterable[str]:
        return (f"{one['score']:.4f}\t{one_line(one['label'])}" for one in result)


class ClassesJsonFormat(JsonFormat):
    """{"file", "labels"}"""

    def entry(self, result: Any) -> dict[str, Any]:
        return {"labels": result}


class ClassesJsonLines(JsonLines, ClassesJsonFormat):
    """The same objects, one on each line."""


class CsvFormat(TableFormat):
    """file,rank,label,score"""

    columns = ("file", "rank", "label", "score")

    def rows(self, name: str, result: Any) -> Iterable[Sequence[Any]]:
        return ([name, rank, one["label"], one["score"]] for rank, one in enumerate(result, start=1))


class TsvFormat(TabsFormat, CsvFormat):
    """The same with tabs."""


FORMATS = {
    "text": TextFormat,
    "json": ClassesJsonFormat,
    "jsonl": ClassesJsonLines,
    "csv": CsvFormat,
    "tsv": TsvFormat,
}


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "classify",
        help="say which labels recordings have",
        description="Say which labels recordings have: words, languages, emotions, whatever the model was trained for.",
        epilog=EXAMPLES.replace("PLACES\n", PLACES_HELP + "\n").replace("SOUND\n", SOUND_HELP + "\n"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_recordings(parser)
    add_reading(parser)
    add_needed_model(parser, "…ForSequenceClassification")
    parser.add_argument("--top-k", type=_top_k, default=5, metavar="K", help="how many labels, or all; default: 5")
    parser.add_argument(
        "--function",
        choices=("softmax", "sigmoid", "none"),
        help="what makes scores of the logits; default: by the checkpoint's problem_type",
    )
    add_device(parser)
    add_threads(parser)
    add_batch_size(parser)
    add_place(parser, FORMATS, "text")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Classify every recording; returns the exit status."""
    check_model_is_given(arguments)
    recordings = Recordings(arguments.audio, arguments)
    place = find_place(arguments, recordings, FORMATS, "text")

    def load() -> Any:
        return load_pipeline(
            "audio-classification",
            arguments,
            batch_size=arguments.batch_size,
            top_k=arguments.top_k,
            function_to_apply=arguments.function,
        )

    return answer(recordings, place, load)


def _top_k(text: str) -> int | None:
    return None if text == "all" else whole_number(text)
