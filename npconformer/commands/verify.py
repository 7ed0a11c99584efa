"""`npconformer verify`: a checkpoint compared, tensor by tensor, with a reference file or with transformers."""

from __future__ import annotations

import argparse
from typing import Any

from npconformer.commands.arguments import (
    add_checkpoint,
    add_device,
    add_output,
    add_threads,
    describe,
    fetch_checkpoint,
    number_between,
    say,
)
from npconformer.commands.traced_inputs import (
    DTYPES,
    add_what_to_keep,
    check_output,
    layers_bar,
    load_checkpoint,
    make_inputs,
)
from npconformer.commands.writing import open_output, to_json

KINDS = ("outputs", "modules", "loss", "gradients")  # of verify.tolerances, which comes with NumPy

EXAMPLES = """\
examples:
  npconformer verify my-checkpoint --reference run.safetensors
      run.safetensors comes from npconformer trace, or from another implementation
  npconformer verify my-checkpoint --against transformers
      transformers runs the checkpoint first, where it and torch are installed; the recording is the demo's
  npconformer verify my-checkpoint speech.wav --text "WHAT IS SAID" --gradients --against transformers
      also the loss and the gradients of every parameter
  npconformer verify my-checkpoint --reference run.safetensors --tolerance outputs=1e-4 --format json
      limits of your own, and every tensor as JSON

CHECKPOINT is a folder with config.json and model.safetensors; without --reference also the feature extractor's
settings, and the tokenizer's for --text.

For each tensor: the largest absolute difference, the same divided by the largest value of the reference, the limit
of that, a verdict, and the index of the largest difference. The table has a line for each kind of tensor in each
layer, which shows the worst, or the first over its limit; --all and JSON have every tensor. The order is that of
computation, forward and then backward: the first tensor that differs is where to look. Layers are counted from 0,
as in encoder.layers.0.

limits of the relative difference (docs/verify.md says where they come from):
  float32   2e-5 outputs, modules and loss; 2e-4 gradients
  float64   1e-9; 5e-6 where the reference itself computes in float32 (tables of positions, the CTC loss), more beyond
            84 frames
A reference may bring limits of its own, and --tolerance comes before both.

exit status: 0 all within their limits, 1 not, 2 could not start.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "verify",
        help="compare a model, layer by layer, with a reference",
        description="Compare what happens inside a model, layer by layer, with a reference file or with transformers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_checkpoint(parser)
    parser.add_argument("audio", nargs="*", metavar="AUDIO", help="for --against: a recording; several are one batch")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--reference", metavar="FILE", help="a reference file, which brings its inputs along")
    source.add_argument("--against", choices=("transformers",), help="run the reference now")
    add_what_to_keep(parser)
    parser.add_argument(
        "--outputs-only",
        action="store_true",
        help="for --against: not what every module gives; takes less memory",
    )
    parser.add_argument("--dtype", choices=DTYPES, help="of the model; default: the reference's, or float32")
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        type=_tolerance,
        metavar="KIND=X",
        help="the limit for outputs, modules, loss or gradients; may be repeated",
    )
    parser.add_argument("--all", action="store_true", help="a line for every tensor")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_device(parser)
    add_threads(parser)
    add_output(parser)
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and report; returns the exit status."""
    _check_options(arguments)
    check_output(arguments, [*arguments.audio, *([arguments.reference] if arguments.reference else [])])
    fetch_checkpoint(arguments)
    from npconformer.verify import Reference, compare, trace_transformers
    from npconformer.verify.report import to_dict, to_text

    try:
        reference = None if arguments.reference is None else Reference.load(arguments.reference)
        dtype = arguments.dtype or ("float32" if reference is None else reference.dtype)
        model = load_checkpoint(arguments.checkpoint, dtype, arguments.device)
        with layers_bar(model, runs=1 if reference is not None else 2) as progress:
            if reference is None:
                reference = trace_transformers(
                    model,
                    arguments.checkpoint,
                    make_inputs(arguments, model, arguments.audio or [_demo_recording()]),
                    modules=not arguments.outputs_only,
                    attentions=arguments.attentions,
                    gradients=arguments.gradients,
                    progress=progress,
                )
            comparison = compare(model, reference, tolerances=dict(arguments.tolerance), progress=progress)
    except (ValueError, OSError, RuntimeError) as error:
        return say(describe(error), status=2)
    text = to_text(comparison, arguments.all) if arguments.format == "text" else to_json(to_dict(comparison)) + "\n"
    with open_output(arguments.output) as write:
        write(text)
    return 0 if comparison.passed else 1


def _check_options(arguments: argparse.Namespace) -> None:
    """A reference file says itself what is compared, and on which inputs."""
    if arguments.reference is None:
        return
    for name in ("audio", "text", "labels", "attentions", "gradients", "outputs_only"):
        if getattr(arguments, name):
            given = "AUDIO" if name == "audio" else f"--{name.replace('_', '-')}"
            arguments.parser.error(f"{given} is for --against; with --reference the file says what is compared")


def _tolerance(text: str) -> tuple[str, float]:
    """The type of --tolerance."""
    kind, _, value = text.partition("=")
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not KIND=X with one of {', '.join(KINDS)}")
    return kind, number_between(0)(value)


def _demo_recording() -> str:
    from npconformer.commands.demo import RECORDING

    return str(RECORDING)
