"""`npconformer compare`: recordings in, whether one person speaks in them out."""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

from npconformer.commands.arguments import (
    add_batch_size,
    add_device,
    add_needed_model,
    add_output,
    add_threads,
    check_can_hold,
    check_model_is_given,
    load_pipeline,
    number_between,
    say,
    whole_number,
)
from npconformer.commands.reading import add_reading
from npconformer.commands.recordings import Recordings
from npconformer.commands.writing import open_output, to_json
from npconformer.storage.messages import printable

THRESHOLD = 0.7
OF_EXAMPLES = "of the examples in transformers' documentation"
GIVEN = "given by --threshold"

EXAMPLES = """\
examples:
  npconformer compare anna.wav unknown.wav --model my-checkpoint
  npconformer compare anna.wav unknown.wav --model my-checkpoint --threshold 0.86 --format json
  npconformer compare unknown.wav recordings/ --model my-checkpoint --top-k 5
      one recording with each in a folder and its subfolders, the most similar first
  npconformer compare a.wav b.wav c.wav people/ --model my-checkpoint --batch-size 8
      the same for each of several; every recording goes through the model once

--model is a checkpoint of a model …ForXVector, as a folder with config.json, model.safetensors,
and preprocessor_config.json or processor_config.json, or as owner/name, a repository at the Hugging Face hub, from
which these are downloaded (needs the extra `hub`). None comes with the package.

The verdict is "same speaker" when the cosine similarity of the two speaker vectors, from -1 to 1, is at least
the threshold. Which threshold is right depends on the model and the recordings. Find it on recordings whose speakers
you know: npconformer evaluate DATA --model my-checkpoint --save-threshold keeps it with the model, where it is found
from then on. Without it, and without --threshold, it is 0.7, that of the examples in transformers' documentation.

output of several comparisons:
  text  a line "A<tab>B<tab>SIMILARITY<tab>VERDICT" for each, the most similar B first
  json  {"threshold", "threshold_origin", "comparisons": [{"files": [A, B], "cosine_similarity", "same_speaker"}]}
A recording is not compared with itself. One that cannot be read is named on standard error, and the others go on.

exit status: 0 compared, whatever the verdict; 1 a recording failed; 2 could not start.
"""


class Threshold(NamedTuple):
    """The least similarity of one speaker, and where it comes from."""

    value: float
    origin: str


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "compare",
        help="say whether one person speaks in two recordings",
        description="Say whether one person speaks in two recordings, or in which of many: cosine similarity and a "
        "verdict.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", nargs="+", metavar="A", help="a recording, or a folder of recordings")
    parser.add_argument("b", metavar="B", help="another recording, or a folder of them, to compare each A with")
    add_reading(parser, split=False)
    add_needed_model(parser, "…ForXVector")
    parser.add_argument(
        "--threshold",
        type=number_between(-1, 1),
        metavar="X",
        help=f"least similarity of one speaker; default: what is kept with the model, else {THRESHOLD}",
    )
    parser.add_argument("--top-k", type=whole_number, metavar="K", help="of each A, only the K most similar B")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_batch_size(parser)
    add_device(parser)
    add_threads(parser)
    add_output(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare the recordings; returns the exit status."""
    check_model_is_given(arguments)
    threshold = _threshold(arguments)
    left, right = Recordings(arguments.a, arguments), Recordings([arguments.b], arguments)
    recordings = _once(left, right, arguments)
    check_can_hold(arguments, recordings.files)
    embed = load_pipeline("speaker-embedding", arguments, batch_size=arguments.batch_size)
    vectors = {name: one for name, one in recordings.answers(embed) if not isinstance(one, Exception)}
    pair_only = not any(map(os.path.isdir, [*arguments.a, arguments.b])) and len(arguments.a) == 1
    if pair_only and recordings.status:
        return recordings.status
    similarities, failed = _similarities(left.names, right.names, vectors, pair_only, arguments.top_k)
    if pair_only and failed:
        return 1
    with open_output(arguments.output) as write:
        if pair_only:
            write(_pair(arguments, similarities[0], threshold))
        else:
            write(_many(arguments, similarities, threshold))
    return 1 if failed else recordings.status


def _once(left: Recordings, right: Recordings, arguments: argparse.Namespace) -> Recordings:
    """The recordings of both sides, each once."""
    both = Recordings([], arguments)
    sources = dict(zip(left.names + right.names, left.sources + right.sources))
    both.names, both.sources = list(sources), list(sources.values())
    both.files, both.complaints = left.files + right.files, left.complaints + right.complaints
    return both


def _threshold(arguments: argparse.Namespace) -> Threshold:
    """The threshold given, or the one kept with the model, or that of the examples; ends the command where damaged."""
    from npconformer.evaluation.speaker_threshold import read_threshold

    if arguments.threshold is not None:
        return Threshold(arguments.threshold, GIVEN)
    try:
        kept = read_threshold(arguments.model)
    except (ValueError, OSError) as error:
        raise SystemExit(say(str(error), status=2)) from None
    return Threshold(THRESHOLD, OF_EXAMPLES) if kept is None else Threshold(kept.threshold, kept.origin)


def _similarities(
    left: list[str], right: list[str], vectors: dict[str, Any], itself: bool, most: int | None
) -> tuple[list[tuple[str, str, float]], bool]:
    """(A, B, cosine) for each A, the most similar B first, and whether a pair could not be compared, which is told.

    itself: whether a recording may be compared with itself.
    """
    from npconformer.pipelines import cosine_similarity

    similarities, failed = [], False
    for a in left:
        found = []
        for b in right:
            if a not in vectors or b not in vectors or not (itself or os.path.abspath(a) != os.path.abspath(b)):
                continue
            try:
                found.append((a, b, cosine_similarity(vectors[a], vectors[b])))
            except ValueError as error:
                say(f"{a} and {b} cannot be compared: {error}")
                failed = True
        found.sort(key=lambda pair: -pair[2])
        similarities += found[:most]
    return similarities, failed


def _pair(arguments: argparse.Namespace, pair: tuple[str, str, float], threshold: Threshold) -> str:
    a, b, similarity = pair
    if arguments.format == "text":
        return f"{_verdict(similarity, threshold)}: cosine similarity {similarity:.4f}, threshold {_told(threshold)}\n"
    return to_json({**_entry(a, b, similarity, threshold), **_fields(threshold)}) + "\n"


def _many(arguments: argparse.Namespace, similarities: list[tuple[str, str, float]], threshold: Threshold) -> str:
    if arguments.format == "json":
        comparisons = [_entry(*pair, threshold) for pair in similarities]
        return to_json({**_fields(threshold), "comparisons": comparisons}) + "\n"
    say(f"threshold {_told(threshold)}")
    return "".join(
        f"{printable(a)}\t{printable(b)}\t{similarity:.4f}\t{_verdict(similarity, threshold)}\n"
        for a, b, similarity in similarities
    )


def _entry(a: str, b: str, similarity: float, threshold: Threshold) -> dict[str, Any]:
    return {"files": [a, b], "cosine_similarity": similarity, "same_speaker": similarity >= threshold.value}


def _fields(threshold: Threshold) -> dict[str, Any]:
    return {"threshold": threshold.value, "threshold_origin": threshold.origin}


def _verdict(similarity: float, threshold: Threshold) -> str:
    return "same speaker" if similarity >= threshold.value else "different speakers"


def _told(threshold: Threshold) -> str:
    origin = "" if threshold.origin == GIVEN else f" ({threshold.origin})"
    return f"{threshold.value:g}{origin}"
