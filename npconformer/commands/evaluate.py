"""`npconformer evaluate`: recordings whose answers are known in, error rates out."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from npconformer.commands.arguments import (
    add_batch_size,
    add_chunk_at,
    add_chunks,
    add_device,
    add_model,
    add_threads,
    check_can_hold,
    load_pipeline,
    number_between,
    say,
)
from npconformer.commands.cells import csv_lines
from npconformer.commands.long_recordings import note_on_cutting
from npconformer.commands.standard_output import tell
from npconformer.commands.writing import to_json
from npconformer.storage.messages import one_line

if TYPE_CHECKING:
    from npconformer.data.examples import Example, LeftOut
    from npconformer.evaluation import Scorer

AUTO_CHUNKS = "automatic-speech-recognition"  # the task whose long recordings are cut, unless told otherwise
CHUNKED = (AUTO_CHUNKS, "speaker-diarization")
IGNORABLE = ("case", "punctuation", "letters")  # as `evaluation.normalization` has them

EXAMPLES = """\
examples:
  npconformer evaluate test.csv
      word and character error rate of the embedded recogniser of spoken digits
  npconformer evaluate test.jsonl --model my-checkpoint --output per-file.csv --batch-size 8
      also a table with a row for each recording; eight at once change the speed, never the figures
  npconformer evaluate recordings/ --model my-checkpoint --format json
  npconformer evaluate people/ --model my-xvector-checkpoint --save-threshold
      keep the threshold of the equal error rate with the model; npconformer compare then uses it
  npconformer evaluate metadata.csv --model my-checkpoint --ignore punctuation,letters
      texts as people write them, for a model that says capital letters only

what is measured, by the model's class:
  …ForCTC                       word and character error rate; needs text
  …ForSequenceClassification    accuracy; needs label
  …ForXVector                   equal error rate over all pairs; needs speaker
  …ForAudioFrameClassification  diarization error rate by frames; needs rttm

DATA is a manifest or a folder:
  test.csv      a table whose header names the columns path, and as needed text, label, speaker, rttm (a file of
                who speaks when), start and end in seconds; paths are relative to the manifest. Also .tsv; commas,
                semicolons or tabs separate. Hugging Face's names (file_name, transcription) are taken, too
  test.jsonl    the same as one JSON object on each line; also with NeMo's names (audio_filepath, text, offset,
                duration), and as .json
  recordings/   x.wav with x.txt or x.rttm beside it; or NAME/x.wav, where NAME is the label and the speaker; or
                metadata.csv, a manifest of what is in it

Texts are compared in the case of the model's vocabulary, and not changed otherwise, unless --ignore says so. An empty
text is one: words that are answered there are inserted. Letters of the texts that the model cannot say are named.
Intervals of error rates come
from drawing the recordings anew (bootstrap), that of accuracy is Wilson's.

A recording is transcribed as by the command transcribe: one of more than five minutes in chunks of 30 seconds, or, with
NeMo's Conformers, one of more than 30 seconds in utterances cut at pauses, unless --chunk-length-s says otherwise.

A recording that cannot be judged is named on standard error and does not count, and the others go on.
exit status: 0 all judged, 1 some were not, 2 could not start.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "evaluate",
        help="measure how well a model does",
        description="Measure how well a model does on recordings whose answers are known.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="+", metavar="DATA", help="a manifest, or a folder of recordings")
    add_model(parser)
    parser.add_argument(
        "--threshold",
        type=number_between(0, 1),
        metavar="P",
        help="for diarization: probability above which a speaker speaks; default: 0.5",
    )
    parser.add_argument(
        "--save-threshold",
        action="store_true",
        help="for speakers: keep the threshold of the equal error rate in the model's folder, for compare",
    )
    parser.add_argument(
        "--ignore",
        type=_ignored,
        metavar="WHAT",
        help="for texts, what does not count, separated by commas: case; punctuation (it and symbols are spaces, but "
        "apostrophes inside words stay); letters (those of the known texts that the model cannot say: É is E if the "
        "model has that, others are left out, and a hyphen is a space); default: nothing",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of the figures; default: text")
    add_chunks(
        parser,
        default=None,
        meaning="for texts and diarization: run recordings in overlapping chunks of S seconds; 0: as a whole, whatever "
        "their length; auto: in chunks of 30 seconds if they are longer than five minutes, else as a whole; default: "
        "as the commands do by themselves, auto for texts and 0 for diarization",
    )
    add_chunk_at(parser)
    add_device(parser)
    add_batch_size(parser)
    add_threads(parser)
    parser.add_argument("--output", metavar="FILE", help="also write a table here, a row for each recording, as CSV")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate; returns the exit status."""
    from npconformer.evaluation import scorer_for

    if arguments.output == "-":
        arguments.parser.error("--output -: the figures go to standard output; name a file for the table")
    examples, failures = _read(arguments)
    check_can_hold(arguments, [*arguments.data, *(str(example.path) for example in examples)])
    if arguments.model is None:
        say("no --model given: using the embedded recogniser, which knows the spoken digits ZERO to NINE only")
    task = _task(arguments)
    options, scoring = {}, {}
    if arguments.threshold is not None:
        if task != "speaker-diarization":
            arguments.parser.error(f"--threshold is for diarization, and the model's task is {task}")
        options["threshold"] = arguments.threshold
    if arguments.save_threshold:
        _check_can_keep_threshold(arguments, task)
    if arguments.ignore is not None:
        if task != "automatic-speech-recognition":
            arguments.parser.error(f"--ignore is for texts, and the model's task is {task}")
        scoring["ignore"] = arguments.ignore
    pipeline = load_pipeline(task, arguments, batch_size=arguments.batch_size, **_chunks(arguments, task))
    try:
        scorer = scorer_for(pipeline, **scoring)
    except ValueError as error:
        return say(str(error), status=2)
    for failure in failures:
        say(str(failure))
    failures += _go_through(pipeline, examples, scorer, options)
    status = _report(arguments, scorer, failures)
    if arguments.save_threshold:
        status = _keep_threshold(arguments, scorer) or status
    if arguments.output is not None:
        try:
            _write_table(arguments.output, scorer, failures)
        except OSError as error:
            return say(f"--output {arguments.output} cannot be written: {error.strerror or error}", status=1)
    return status


def _read(arguments: argparse.Namespace) -> tuple[list[Example], list[LeftOut]]:
    """The examples of all that was named, and what cannot be one; ends the command when there are none."""
    from npconformer.data import read_examples

    examples: list[Example] = []
    failures: list[LeftOut] = []
    for path in arguments.data:
        try:
            found, wrong = read_examples(path)
        except (ValueError, OSError) as error:
            raise SystemExit(say(str(error), status=2)) from None
        if not found and not wrong:
            raise SystemExit(say(f"{path}: no recordings in it", status=2))
        examples += found
        failures += wrong
    return examples, failures


def _task(arguments: argparse.Namespace) -> str:
    """What the model is for, by its config; ends the command when that cannot be told."""
    from npconformer.evaluation.evaluating import SCORERS, task_of
    from npconformer.models.auto import AutoConfig, model_names
    from npconformer.pipelines import EMBEDDED_DIGITS, TASKS

    folder = EMBEDDED_DIGITS if arguments.model is None else arguments.model
    try:
        architectures = AutoConfig.from_pretrained(folder, revision=arguments.revision).architectures or []
    except (ValueError, OSError) as error:
        raise SystemExit(say(str(error), status=2)) from None
    task = task_of(architectures)
    if task is None:
        named = " and ".join(architectures) or "no class"
        known = ", ".join(name for task in SCORERS for name in model_names(TASKS[task].head_name))
        raise SystemExit(say(f"{folder}: its config.json names {named}; needed is one of {known}", status=2))
    return task


def _chunks(arguments: argparse.Namespace, task: str) -> dict[str, Any]:
    """How the task's pipeline cuts long recordings: as asked, and texts' as `transcribe` does by itself."""
    names = ("chunk_length_s", "stride_length_s", "chunk_at")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if given and task not in CHUNKED:
        option = f"--{next(iter(given)).replace('_', '-')}"
        arguments.parser.error(f"{option} is for texts and diarization, and the model's task is {task}")
    return {**({"chunk_length_s": "auto"} if task == AUTO_CHUNKS else {}), **given}


def _check_can_keep_threshold(arguments: argparse.Namespace, task: str) -> None:
    if task != "speaker-embedding":
        arguments.parser.error(f"--save-threshold is for speaker vectors, and the model's task is {task}")
    if not os.path.isdir(arguments.model):
        arguments.parser.error(f"--save-threshold writes into the model's folder, and {arguments.model} is none")


def _keep_threshold(arguments: argparse.Namespace, scorer: Scorer) -> int:
    """Write the threshold and its origin into the model's folder; returns the exit status."""
    from npconformer.evaluation.speaker_threshold import save_threshold

    try:
        names = [os.path.basename(os.path.abspath(path)) for path in arguments.data]
        path = save_threshold(arguments.model, scorer.summary(), names)
    except ValueError:  # no rate could be told, which was said
        return 1
    except OSError as error:
        return say(f"--save-threshold: nothing can be written in {arguments.model}: {error.strerror}", status=1)
    return say(f"the threshold is kept in {path}")


def _go_through(pipeline: Any, examples: list[Example], scorer: Scorer, options: dict[str, Any]) -> list[LeftOut]:
    """Judge every example, with a progress bar while somebody watches; returns the failures, each also reported."""
    from tqdm import tqdm

    from npconformer.commands.progress import SecondsBar
    from npconformer.evaluation import evaluate

    failures = []
    hidden = not sys.stderr.isatty()
    seconds = SecondsBar(hidden, note_on_cutting(pipeline))

    def tell(recording: dict[str, Any], done_s: float, total_s: float) -> None:
        seconds(recording["path"], done_s, total_s)

    results = evaluate(pipeline, examples, scorer, progress=tell, **options)
    bar = tqdm(results, total=len(examples), unit="file", file=sys.stderr, disable=hidden, leave=False)
    for _, failure in bar:
        seconds.close()
        if failure is not None:
            failures.append(failure)
            with tqdm.external_write_mode(file=sys.stderr):
                say(str(failure))
    return failures


def _write_table(path: str, scorer: Scorer, failures: list[LeftOut]) -> None:
    from npconformer.storage.files import write_bytes_atomically

    columns = [*scorer.columns, "error"]
    rows = [*scorer.rows, *({"file": failure.path, "error": failure.reason} for failure in failures)]
    table = csv_lines([columns, *([row.get(column, "") for column in columns] for row in rows)])
    write_bytes_atomically(path, table.encode("utf-8", "surrogateescape"))  # names of files need not be UTF-8


def _report(arguments: argparse.Namespace, scorer: Scorer, failures: list[LeftOut]) -> int:
    """Print the figures; returns the exit status."""
    counts = {"evaluated": len(scorer.rows), "left_out": len(failures)}
    if not scorer.rows:
        return say(f"nothing could be judged: {len(failures)} of {len(failures)} recordings failed", status=1)
    try:
        summary = scorer.summary()
    except ValueError as error:
        return say(str(error), status=1)
    if arguments.format == "json":
        tell(to_json({**summary, **counts}))
    else:
        tell("\n".join(map(one_line, scorer.lines(summary))))
        tell(f"recordings: {counts['evaluated']} judged, {counts['left_out']} left out")
    return 1 if failures else 0


def _ignored(text: str) -> tuple[str, ...]:
    """The type of --ignore: names of what does not count."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in IGNORABLE]
    if wrong or not names:
        raise argparse.ArgumentTypeError(f"{text!r} is not some of {', '.join(IGNORABLE)}, separated by commas")
    return tuple(names)
