"""`npconformer compare`: two recordings in, whether one person speaks in both out."""

from __future__ import annotations

import argparse
from typing import Any

from npconformer.commands.arguments import (
    add_device,
    add_needed_model,
    add_output,
    add_threads,
    check_can_hold,
    check_model_is_given,
    load_pipeline,
    number_between,
    say,
)
from npconformer.commands.reading import add_reading
from npconformer.commands.recordings import Recordings
from npconformer.commands.writing import open_output, to_json

THRESHOLD = 0.7  # of the examples in transformers' documentation

EXAMPLES = """\
examples:
  npconformer compare anna.wav unknown.wav --model my-checkpoint
  npconformer compare anna.wav unknown.wav --model my-checkpoint --threshold 0.86 --format json

--model is a checkpoint of a model …ForXVector, as a folder with config.json, model.safetensors,
and preprocessor_config.json or processor_config.json, or as owner/name, a repository at the Hugging Face hub, from
which these are downloaded (needs the extra `hub`). None comes with the package.

The verdict is "same speaker" when the cosine similarity of the two speaker vectors, from -1 to 1, is at least
the threshold. Which threshold is right depends on the model and the recordings; 0.7 is that of the examples in
transformers' documentation. Find your own on pairs of recordings whose speakers you know.

exit status: 0 compared, whatever the verdict; 1 a recording failed; 2 could not start.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "compare",
        help="say whether one person speaks in two recordings",
        description="Say whether one person speaks in two recordings: cosine similarity and a verdict.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="a recording")
    parser.add_argument("b", metavar="B", help="another recording")
    add_reading(parser, split=False)
    add_needed_model(parser, "…ForXVector")
    parser.add_argument(
        "--threshold",
        type=number_between(-1, 1),
        default=THRESHOLD,
        metavar="X",
        help=f"least similarity of one speaker; default: {THRESHOLD}",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_device(parser)
    add_threads(parser)
    add_output(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare the two recordings; returns the exit status."""
    check_model_is_given(arguments)
    recordings = Recordings([arguments.a, arguments.b], arguments, open_folders=False)
    check_can_hold(arguments, recordings.files)
    embed = load_pipeline("speaker-embedding", arguments)
    vectors = [result for _, result in recordings.answers(embed)]
    if recordings.failed:
        return recordings.status

    from npconformer.pipelines import cosine_similarity

    try:
        similarity = cosine_similarity(*vectors)
    except ValueError as error:
        return say(f"{arguments.a} and {arguments.b} cannot be compared: {error}", status=1)
    with open_output(arguments.output) as write:
        write(_written(arguments, similarity))
    return 0


def _written(arguments: argparse.Namespace, similarity: float) -> str:
    same = similarity >= arguments.threshold
    if arguments.format == "text":
        verdict = "same speaker" if same else "different speakers"
        return f"{verdict}: cosine similarity {similarity:.4f}, threshold {arguments.threshold:g}\n"
    fields = {
        "files": [arguments.a, arguments.b],
        "cosine_similarity": similarity,
        "threshold": arguments.threshold,
        "same_speaker": same,
    }
    return to_json(fields) + "\n"
