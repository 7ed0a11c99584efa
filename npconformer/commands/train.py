"""`npconformer train`: recordings and what is known about them in, a model out; it can be stopped and resumed."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import add_threads, number_between, say, whole_number
from npconformer.commands.standard_output import tell
from npconformer.commands.train_arguments import SETTINGS, complete
from npconformer.commands.train_left_out import LEFT_OUT

TASKS = ("ctc", "sequence", "frame", "xvector", "pretraining")
KINDS = ("speed", "joining", "silence", "colour", "noise", "gain")

EXAMPLES = """\
examples:
  npconformer train --task ctc --from my-checkpoint --train train.csv --eval eval.csv --output out --epochs 10
      fine-tune a speech recogniser; manifests have the columns path and text
  npconformer train --resume --output out
      go on after a crash, a kill or Ctrl-C, as if nothing had happened
  npconformer train --task ctc --from tiny --train recordings/ --output out --steps 2000 --lr 1e-3
      from nothing: the letters are those of the texts, x.txt beside x.wav
  npconformer train --task sequence --from pretrained --train words/ --output out --epochs 5 --augment speed noise
      the label of words/yes/1.wav is yes
  npconformer train --task sequence --from my-classifier --new-head --train words/ --output out --epochs 5
      the same from a classifier of other labels
  npconformer train --task ctc --from w2v-bert-2.0 --train train.csv --eval eval.csv --output out \\
      --set add_adapter=true --set ctc_loss_reduction=mean --set mask_time_prob=0.0 --set layerdrop=0.0 \\
      --set attention_dropout=0.0 --set hidden_dropout=0.0 --set feat_proj_dropout=0.0 \\
      --batch-size 16 --batch-seconds 480 --accumulate 2 --epochs 10 --lr 5e-5 --warmup 500 --weight-decay 0 \\
      --gradient-checkpointing --log-every 300 --eval-every 300 --save-every 600 --keep 2
      a recogniser from a pre-trained Wav2Vec2-BERT, which has no letters yet: those of the texts, on a new adapter

tasks, and what the data must say:
  ctc          speech recognition; text
  sequence     a class of each recording; label
  frame        who speaks when; rttm (a class for each speaker whom it names, or with --speakers order for whoever
               speaks first, second, ... in a recording; each is learnt by itself, unless the configuration's
               problem_type says otherwise or one of its classes is "silence")
  xvector      vectors of speakers; speaker
  pretraining  nothing but sound

--from tiny        1.3 million weights: a few words, minutes of speech; base: 19.8 million: sentences, hours of speech;
                   tiny-bert, base-bert: the same as Wav2Vec2-BERT; --from config.json for any other size

--freeze takes names of weights as far as they go: feature_projection, encoder, encoder.layers.0-11, adapter;
base is everything but the head.

output:
  out/model/          the model at the end; out/best/ the best in the evaluations
  out/checkpoint-N/   the last few states, each usable as a model and resumed from
  out/log.csv, out/curves.png (with the extra `plots`), out/left_out.csv

What cannot be used of the data is named with the reason, and training uses the rest.
Ctrl-C and SIGTERM end it after the step it is in, which is saved; a second one ends it at once.
exit status: 0 trained, 1 stopped on the way, 2 could not start, 130 by Ctrl-C, 143 by SIGTERM.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments. Those that are not given are absent: resuming takes them from the first run."""
    parser = subcommands.add_parser(
        "train",
        help="train or fine-tune a model",
        description="Train or fine-tune a model on recordings. It can be killed at any moment and resumed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    count, number = whole_number, number_between
    add = parser.add_argument
    add("--output", required=True, metavar="FOLDER", help="where everything goes")
    add("--resume", action="store_true", help="go on; other arguments are those of the first run unless given")
    add("--task", choices=TASKS, help="what is learnt")
    add(
        "--from",
        dest="source",
        metavar="PATH",
        help="a checkpoint folder or hub repository; a config's JSON file; or tiny, base, tiny-bert, base-bert",
    )
    add("--revision", metavar="NAME", help="of a hub repository: a branch, tag, commit or refs/pr/NUMBER")
    add("--new-head", action="store_true", help="learn the labels or letters of the data in place of the checkpoint's")
    add(
        "--speakers",
        choices=("names", "order"),
        help="frame: classes are the speakers of the data by name (default), "
        "or whoever speaks first, second, ... in a recording",
    )
    add("--train", metavar="DATA", help="a manifest (.csv, .tsv, .jsonl) or a folder of recordings")
    add("--eval", metavar="DATA", help="the same, to measure on")

    add_threads(parser)

    group = parser.add_argument_group("how long, how fast")
    add = group.add_argument
    add("--steps", type=count, metavar="N", help="changes of the weights")
    add("--epochs", type=count, metavar="N", help="passes over the data; default: 10, without --steps")
    add("--lr", type=number(0), metavar="RATE", help="learning rate at its highest; default: 3e-4")
    add("--schedule", choices=("linear", "cosine", "tri-stage", "constant"), help="default: linear")
    add("--warmup", type=number(0), metavar="N", help="steps, or a share of all below 1; default: 0.1")
    add("--weight-decay", type=number(0), metavar="D", help="default: 0.01")
    add("--max-grad-norm", type=number(0), metavar="NORM", help="gradients are cut to it; 0: never; default: 1")
    add("--patience", type=count, metavar="N", help="stop after N evaluations without a better one")
    add("--ema", type=number(0, 1), metavar="DECAY", help="give out a running average of the weights, such as 0.999")
    add("--freeze-feature-encoder", action="store_true", help="do not train the convolutions that read the waveform")
    add("--freeze", nargs="+", metavar="PART", help="do not train these parts, such as encoder.layers.0-3, or base")
    add("--set", action="append", metavar="FIELD=VALUE", help="a field of the model's configuration; may be repeated")
    add("--seed", type=_seed, metavar="N", help="of every random choice; default: 0")

    _add_batches(parser)
    group = parser.add_argument_group("reports, in steps")
    add = group.add_argument
    add("--log-every", type=count, metavar="N", help="rows of the log; default: 10")
    add("--eval-every", type=count, metavar="N", help="default: at the end of each epoch")
    add("--save-every", type=count, metavar="N", help="checkpoints; default: at the end of each epoch")
    add("--keep", type=count, metavar="N", help="how many checkpoints are kept; default: 3")
    parser.set_defaults(run=run, parser=parser)


def _add_batches(parser: argparse.ArgumentParser) -> None:
    """Declare what batches are made of."""
    count, number = whole_number, number_between
    group = parser.add_argument_group("batches")
    add = group.add_argument
    add("--batch-seconds", type=number(0.1), metavar="S", help="of sound in a batch, with padding; default: 60")
    add("--batch-size", type=count, metavar="N", help="the most recordings in a batch")
    add("--accumulate", type=count, metavar="N", help="batches for each step; default: 1")
    add("--gradient-checkpointing", action="store_true", help="less memory, a third more time")
    add("--longest", type=number(0.1), metavar="S", help="longer recordings are left out; default: 30 s")
    add(
        "--augment",
        nargs="+",
        choices=KINDS,
        metavar="KIND",
        help=f"some of {', '.join(KINDS)}, as they are by default",
    )
    add("--augmentation", type=Path, metavar="FILE", help="a JSON file with their settings, instead of --augment")
    add("--workers", type=count, metavar="N", help="threads that prepare batches; default: 1")
    add("--device", choices=("cpu", "cuda"), help="default: cpu; cuda needs CuPy")


def run(arguments: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    from npconformer.commands.train_setup import build_trainer

    output = Path(arguments.output)
    given = {name: value for name, value in vars(arguments).items() if name not in ("run", "parser", "command")}
    given = {name: value for name, value in given.items() if name not in ("output", "resume", "version", "threads")}
    resume = getattr(arguments, "resume", False)
    try:
        options = complete(arguments.parser, output, given, resume)
        output.mkdir(parents=True, exist_ok=True)
        trainer, left_out = build_trainer(output, options, resume, given.get("set", []))
    except (ValueError, OSError, RuntimeError) as error:
        return say(str(error), status=2)
    return _train(trainer, output, options, left_out, resume)


def _train(trainer: Any, output: Path, options: dict[str, Any], left_out: bytes, resume: bool) -> int:
    """The training itself; returns the exit status. What it is written down by is written once nothing prevents it."""
    from npconformer.commands.stop_signals import stop_signals
    from npconformer.storage.files import write_bytes_atomically, write_json_atomically
    from npconformer.training import NonFiniteError, OutOfSpaceError

    begun, asked = [], []

    def begin() -> None:
        write_json_atomically(output / SETTINGS, options, python=True)
        write_bytes_atomically(output / LEFT_OUT, left_out)
        begun.append(True)

    def stop(number: int) -> None:
        asked.append(number)
        trainer.stop_after_step()
        with contextlib.suppress(RuntimeError):  # in the middle of another message
            say("stopping after this step, which will be saved; the same signal again stops at once")

    try:
        with stop_signals(stop):
            progress = trainer.train(resume=resume, on_start=begin)
    except (FileExistsError, BlockingIOError) as error:
        return say(str(error), status=2)
    except (NonFiniteError, OutOfSpaceError, ValueError, OSError) as error:
        return say(str(error), status=1 if begun else 2)
    except KeyboardInterrupt:
        say(f"interrupted; go on with: npconformer train --resume --output {output}")
        raise
    if asked and not progress.stopped and progress.step < trainer.total_steps:
        say(f"stopped at step {progress.step}; go on with: npconformer train --resume --output {output}")
        if asked[0] == signal.SIGINT:
            raise KeyboardInterrupt
        return 128 + asked[0]
    tell(f"trained {progress.step} steps: {output / 'model'}{_where_time_went(progress)}")
    if progress.best is not None:
        tell(f"best {trainer.task.metric} {progress.best:.4g} at step {progress.best_step}: {output / 'best'}")
    return 0


def _where_time_went(progress: Any) -> str:
    total = sum(progress.seconds.values())
    if not total:
        return ""
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in progress.seconds.items())
    return f" ({1000 * total / progress.step:.0f} ms a step: {shares})"


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)
