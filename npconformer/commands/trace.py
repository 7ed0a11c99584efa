"""`npconformer trace`: a checkpoint and recordings in, what happens inside the model out, as a reference file."""

from __future__ import annotations

import argparse
from typing import Any

from npconformer.commands.arguments import add_checkpoint, add_device, add_threads, describe, fetch_checkpoint, say
from npconformer.commands.traced_inputs import (
    DTYPES,
    add_what_to_keep,
    check_output,
    layers_bar,
    load_checkpoint,
    make_inputs,
)

EXAMPLES = """\
examples:
  npconformer trace my-checkpoint speech.wav --output run.safetensors
      inputs, hidden states and logits
  npconformer trace my-checkpoint speech.wav --text "WHAT IS SAID" --gradients --output run.safetensors
      also the CTC loss and the gradients of every parameter
  npconformer trace my-checkpoint a.wav b.wav --modules --attentions --dtype float64 --output run.safetensors
      a padded batch of two, with what every module inside gives and all attention weights
  npconformer trace my-checkpoint speech.wav --by transformers --output run.safetensors
      the same file from transformers, where it and torch are installed
  npconformer verify my-checkpoint --reference run.safetensors
      compares any later version, machine or library with it

CHECKPOINT is a folder with config.json, model.safetensors and the feature extractor's settings; --text needs the
tokenizer's files too. The model runs in evaluation mode.

The file is plain safetensors: inputs.input_values, outputs.hidden_states.3, modules.<name>, loss,
gradients.<parameter>, ... docs/verify.md describes it, with ten lines that write one from any other implementation.

exit status: 0 written, 2 it could not be.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "trace",
        help="write what happens inside a model to a file",
        description="Run a model once, and write its inputs, outputs and what lies between to a reference file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_checkpoint(parser)
    parser.add_argument("audio", nargs="+", metavar="AUDIO", help="a recording; several are run as one padded batch")
    parser.add_argument("--output", metavar="FILE", required=True, help="the file to write, all or nothing")
    add_what_to_keep(parser)
    parser.add_argument("--modules", action="store_true", help="also what every module inside gives")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="default: float32")
    parser.add_argument(
        "--by", choices=("npconformer", "transformers"), default="npconformer", help="which runs; default: npconformer"
    )
    add_device(parser)
    add_threads(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the model and write the file; returns the exit status."""
    check_output(arguments, arguments.audio)
    fetch_checkpoint(arguments)
    model = load_checkpoint(arguments.checkpoint, arguments.dtype, arguments.device)
    inputs = make_inputs(arguments, model, arguments.audio)
    from npconformer.verify import trace, trace_transformers

    options = {name: getattr(arguments, name) for name in ("modules", "attentions", "gradients")}
    try:
        with layers_bar(model) as progress:
            if arguments.by == "transformers":
                options["progress"] = progress
                reference = trace_transformers(model, arguments.checkpoint, inputs, **options)
            else:
                reference = trace(model, inputs, progress=progress, **options)
    except (ValueError, OSError, RuntimeError) as error:
        return say(describe(error), status=2)
    reference.save(arguments.output)
    return 0
