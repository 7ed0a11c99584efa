"""`npconformer info`: a checkpoint folder in, what it holds out, without loading its weights."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any

from npconformer.commands.arguments import (
    add_checkpoint,
    add_output,
    check_can_hold,
    describe,
    fetch_checkpoint,
    say,
)
from npconformer.commands.writing import open_output
from npconformer.storage.messages import one_line

EXAMPLES = """\
examples:
  npconformer info my-checkpoint
      what model it is and for which task, its parameters by module, its files, whether config and weights fit
  npconformer info my-checkpoint --format json
      the same for programs, with every name and every token in full
  npconformer info my-checkpoint --format json | jq .parameters.total
      one figure of it

CHECKPOINT is a folder with config.json and model.safetensors or pytorch_model.bin, whole or in shards. Only the
headers of the weights are read, so that a model of gigabytes takes no longer than a small one.

what the lines say:
  memory      for the weights in the dtype that they are computed in; a run adds its intermediate arrays
  fit         missing: weights that the model has and the files lack; loading would refuse, or, where asked, draw them
              at random. unexpected: the other way round. unused: of another task's head, or never called by the model
  frame       seconds from one output of the model to the next

exit status: 0 told, whether or not config and weights fit; 2 not a checkpoint, or a damaged one.
"""
SHOWN = 40  # tokens or labels in the text
WIDTH = 110


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "info",
        help="say what a checkpoint is, without loading it",
        description="Say what a checkpoint is: model, task, parameters, files, processor, and whether all fits.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_checkpoint(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_output(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell what the checkpoint is; returns the exit status."""
    from npconformer.checkpoints.pretrained import NEEDED
    from npconformer.commands.checkpoint_facts import checkpoint_facts
    from npconformer.storage.files import existing_folder

    check_can_hold(arguments, [])
    fetch_checkpoint(arguments)
    try:
        facts = checkpoint_facts(existing_folder(arguments.checkpoint, NEEDED))
    except (ValueError, OSError) as error:
        return say(describe(error), status=2)
    except MemoryError:
        return say(f"{arguments.checkpoint}: its config describes a model that is too large for memory", status=2)
    with open_output(arguments.output) as write:
        if arguments.format == "json":
            write(json.dumps(facts, indent=2, ensure_ascii=True) + "\n")
        else:
            write("".join(f"{line}\n" for line in text_lines(facts)))
    return 0


def text_lines(facts: dict[str, Any]) -> list[str]:
    """The facts for a person."""
    lines = [
        _line("model", f"{facts['class']} ({facts['model_type']})"),
        _line("task", facts["task"] or ("pre-training" if facts["head"] else "none: a model without a head")),
        _line("config", ", ".join(f"{name} {_show(value)}" for name, value in facts["config"].items())),
        *(_line("file", f"{file['name']}, {human_bytes(file['bytes'])}") for file in facts["files"]),
        _line("stored as", ", ".join(f"{dtype} ({count:,} numbers)" for dtype, count in facts["dtypes"].items())),
        _line("memory", f"{human_bytes(facts['memory']['bytes'])} for the weights in {facts['memory']['dtype']}"),
        *_processor_lines(facts),
        *_fit_lines(facts["fit"]),
        "",
        *_table(facts["parameters"]),
    ]
    return lines


def human_bytes(count: int) -> str:
    """A size as in "2.47 GB", in powers of ten as file managers and `--max-shard-size` have them."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 100 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def _line(title: str, text: str) -> str:
    return textwrap.fill(f"{title:<12}{one_line(text)}", WIDTH, subsequent_indent=" " * 12, break_long_words=False)


def _show(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | None | list) else str(value)


def _processor_lines(facts: dict[str, Any]) -> list[str]:
    extractor, tokenizer = facts["processor"]["feature_extractor"], facts["processor"]["tokenizer"]
    lines = [_line("extractor", "none in this folder")]
    if extractor is not None:
        lines = [
            _line("extractor", f"{extractor['class']}, {extractor['sampling_rate']} Hz"),
            _line("frame", f"{facts['seconds_per_frame']:g} s"),
        ]
    if tokenizer is not None:
        lines.append(_line("tokenizer", f"{tokenizer['class']}, {tokenizer['size']} tokens"))
        lines.append(_line("tokens", _first(tokenizer["tokens"])))
    elif facts["head"] == "ctc":
        lines.append(_line("tokenizer", "none in this folder"))
    if facts["labels"] is not None:
        lines.append(_line("labels", f"{len(facts['labels'])}: {_first(facts['labels'])}"))
    return lines


def _first(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return " ".join(names[:SHOWN]) + more


def _fit_lines(fit: dict[str, Any]) -> list[str]:
    """Whether config and weights fit, and what is left over on either side."""
    from npconformer.checkpoints.report import count_by_part, describe_mismatches

    bad = [name for name in ("missing", "unexpected", "mismatched") if fit[name]]
    lines = [_line("fit", f"{fit['loaded']} weights fit" + (", but not all" if bad else ", none is missing"))]
    for name in ("missing", "unexpected", "unused"):
        if fit[name]:
            lines.append(_line(f"  {name}", count_by_part(fit[name])))
    if fit["mismatched"]:
        shapes = [(one["name"], tuple(one["in_file"]), tuple(one["in_model"])) for one in fit["mismatched"]]
        lines.append(_line("  shapes", describe_mismatches(shapes)))
    return lines


def _table(parameters: dict[str, Any]) -> list[str]:
    rows = [(one["module"], f"{one['parameters']:,}", f"{one['share']:.1%}") for one in parameters["modules"]]
    rows = [("parameters", "count", "share"), *rows, ("all", f"{parameters['total']:,}", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [f"{name:<{widths[0]}}  {count:>{widths[1]}}  {share:>{widths[2]}}".rstrip() for name, count, share in rows]
