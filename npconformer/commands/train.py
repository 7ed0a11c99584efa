"""`npconformer train`: recordings and what is known about them in, a model out; it can be stopped and resumed."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import number_between, say, whole_number

SETTINGS, LEFT_OUT = "arguments.json", "left_out.csv"
SHOWN = 20  # lines about what was left out
TASKS = ("ctc", "sequence", "frame", "xvector", "pretraining")
KINDS = ("speed", "joining", "silence", "noise", "gain")
DEFAULTS: dict[str, Any] = {
    "eval": None,
    "steps": None,
    "epochs": None,
    "lr": 3e-4,
    "weight_decay": 0.01,
    "schedule": "linear",
    "warmup": 0.1,
    "max_grad_norm": 1.0,
    "accumulate": 1,
    "batch_seconds": 60.0,
    "batch_size": None,
    "longest": 30.0,
    "augment": [],
    "augmentation": None,
    "set": [],
    "freeze_feature_encoder": False,
    "gradient_checkpointing": False,
    "ema": None,
    "patience": None,
    "log_every": 10,
    "eval_every": None,
    "save_every": None,
    "keep": 3,
    "workers": 1,
    "seed": 0,
    "device": "cpu",
}

EXAMPLES = """\
examples:
  npconformer train --task ctc --from my-checkpoint --train train.csv --eval eval.csv --output out --epochs 10
      fine-tune a speech recogniser; manifests have the columns path and text
  npconformer train --resume --output out
      go on after a crash, a kill or Ctrl-C, as if nothing had happened
  npconformer train --task ctc --from config.json --train recordings/ --output out --steps 2000 --lr 1e-3
      from nothing: the letters are those of the texts, x.txt beside x.wav
  npconformer train --task sequence --from pretrained --train words/ --output out --epochs 5 --augment speed noise
      the label of words/yes/1.wav is yes

tasks, and what the data must say:
  ctc          speech recognition; text
  sequence     a class of each recording; label
  frame        who speaks when; rttm (the classes are those of the configuration)
  xvector      vectors of speakers; speaker
  pretraining  nothing but sound

output:
  out/model/          the model at the end; out/best/ the best in the evaluations
  out/checkpoint-N/   the last few states, each usable as a model and resumed from
  out/log.csv, out/curves.png (with the extra `plots`), out/left_out.csv

What cannot be used of the data is named with the reason, and training uses the rest.
exit status: 0 trained, 1 stopped on the way, 2 could not start.
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
    add("--from", dest="source", metavar="PATH", help="a checkpoint folder, or the JSON file of a configuration")
    add("--train", metavar="DATA", help="a manifest (.csv, .tsv, .jsonl) or a folder of recordings")
    add("--eval", metavar="DATA", help="the same, to measure on")

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
    add("--set", action="append", metavar="FIELD=VALUE", help="a field of the model's configuration; may be repeated")
    add("--seed", type=_seed, metavar="N", help="of every random choice; default: 0")

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

    group = parser.add_argument_group("reports, in steps")
    add = group.add_argument
    add("--log-every", type=count, metavar="N", help="rows of the log; default: 10")
    add("--eval-every", type=count, metavar="N", help="default: at the end of each epoch")
    add("--save-every", type=count, metavar="N", help="checkpoints; default: at the end of each epoch")
    add("--keep", type=count, metavar="N", help="how many checkpoints are kept; default: 3")
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    from npconformer.files import write_json_atomically
    from npconformer.training import NonFiniteError, OutOfSpaceError

    output = Path(arguments.output)
    given = {name: value for name, value in vars(arguments).items() if name not in ("run", "parser", "command")}
    given = {name: value for name, value in given.items() if name not in ("output", "resume", "version")}
    resume = getattr(arguments, "resume", False)
    try:
        options = _complete(arguments.parser, output, given, resume)
        output.mkdir(parents=True, exist_ok=True)
        trainer = _build(output, options, resume)
        write_json_atomically(output / SETTINGS, options)
    except (ValueError, OSError, RuntimeError) as error:
        return say(str(error), status=2)
    try:
        progress = trainer.train(resume=resume)
    except (FileExistsError, BlockingIOError) as error:
        return say(str(error), status=2)
    except (NonFiniteError, OutOfSpaceError, ValueError, OSError) as error:
        return say(str(error), status=1)
    except KeyboardInterrupt:
        say(f"interrupted; go on with: npconformer train --resume --output {output}")
        raise
    print(f"trained {progress.step} steps: {output / 'model'}{_where_time_went(progress)}")
    if progress.best is not None:
        print(f"best {trainer.task.metric} {progress.best:.4g} at step {progress.best_step}: {output / 'best'}")
    return 0


def _complete(parser: Any, output: Path, given: dict[str, Any], resume: bool) -> dict[str, Any]:
    """All arguments: those given, those of the first run when resuming, and defaults."""
    from npconformer.files import read_json

    before = read_json(output / SETTINGS) if resume and (output / SETTINGS).is_file() else {}
    given = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    options = {**DEFAULTS, **before, **given}
    if "steps" in given or "epochs" in given:  # one of them replaces the other
        options |= {"steps": given.get("steps"), "epochs": given.get("epochs")}
    missing = [f"--{'from' if n == 'source' else n}" for n in ("task", "source", "train") if n not in options]
    if missing:
        parser.error(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} needed")
    if options["steps"] is None and options["epochs"] is None:
        options["epochs"] = 10
    changed = [name for name in given if name in before and before[name] != given[name]]
    for name in changed:
        say(f"{name} was {before[name]} and is {given[name]} now: the result is not that of an undisturbed training")
    if not resume and any(output.glob("checkpoint-*")):
        raise FileExistsError(f"{output}: there is a training in this folder already; --resume it, or choose another")
    return options


def _build(output: Path, options: dict[str, Any], resume: bool) -> Any:
    """The trainer that the options describe."""
    from npconformer.data import AudioReader, Loader, select_examples, targets_for
    from npconformer.training import CheckpointStore, Trainer, TrainingSettings
    from npconformer.training.starting_point import starting_point

    settings = TrainingSettings(
        steps=options["steps"],
        epochs=options["epochs"],
        learning_rate=options["lr"],
        weight_decay=options["weight_decay"],
        schedule=options["schedule"],
        warmup=options["warmup"],
        max_grad_norm=options["max_grad_norm"] or None,
        accumulate=options["accumulate"],
        gradient_checkpointing=options["gradient_checkpointing"],
        ema=options["ema"],
        log_every=options["log_every"],
        evaluate_every=options["eval_every"],
        save_every=options["save_every"],
        keep=options["keep"],
        patience=options["patience"],
        seed=options["seed"],
    )
    augmentation = _augmentation(options)
    train, left_out = _read(options["train"])
    held_out, also_left_out = _read(options["eval"]) if options["eval"] else ([], [])
    # The model of the newest checkpoint: the first one's folder may be gone, and its labels are these.
    checkpoint = CheckpointStore(output, options["keep"], say).latest() if resume else None
    overrides = dict(map(_field, options["set"]))
    model, processor = starting_point(
        options["task"], checkpoint or options["source"], train, {} if checkpoint else overrides, options["seed"], say
    )
    if options["freeze_feature_encoder"]:
        model.freeze_feature_encoder()
    if options["device"] != "cpu":
        model.to(options["device"])
    extractor = getattr(processor, "feature_extractor", processor)
    targets = targets_for(model, extractor, getattr(processor, "tokenizer", None))
    reader = AudioReader(extractor.sampling_rate)
    batches = {"batch_size": options["batch_size"], "max_seconds": options["batch_seconds"], "reader": reader}

    def select(examples: list[Any], fastest: float) -> Any:
        return select_examples(examples, targets, reader, options["longest"], fastest, progress=sys.stderr.isatty())

    selection = select(train, augmentation.fastest)
    evaluation = select(held_out, 1.0) if options["eval"] else None
    _tell_left_out(output, "train", [*left_out, *selection.left_out], len(selection))
    if evaluation is not None:
        _tell_left_out(output, "eval", [*also_left_out, *evaluation.left_out], len(evaluation))
    if not selection or (evaluation is not None and not evaluation):
        which = "--train" if not selection else "--eval"
        raise ValueError(f"{which}: nothing in it can be used; {output / LEFT_OUT} says why")
    loader = Loader(
        selection,
        targets,
        extractor,
        options["seed"],
        augmentation=augmentation,
        workers=options["workers"],
        **batches,
    )
    other = None
    if evaluation is not None:
        other = Loader(evaluation, targets, extractor, options["seed"], shuffle=False, **batches)
    return Trainer(model, loader, output, settings, evaluation=other, processor=processor, report=say)


def _read(path: str) -> tuple[list[Any], list[Any]]:
    from npconformer.data import read_examples

    examples, left_out = read_examples(path)
    if not examples and not left_out:
        raise ValueError(f"{path}: no recordings in it")
    return examples, left_out


def _augmentation(options: dict[str, Any]) -> Any:
    from npconformer.data import Augmentation
    from npconformer.files import read_json

    if options["augmentation"] is None:
        return Augmentation.from_dict({kind: {} for kind in options["augment"]})
    if options["augment"]:
        raise ValueError("--augment and --augmentation: give one of the two")
    return Augmentation.from_dict(read_json(options["augmentation"]))


def _tell_left_out(output: Path, part: str, left_out: list[Any], used: int) -> None:
    """Names what cannot be used, the first few at the terminal and all of it in a table."""
    from npconformer.files import write_text_atomically

    path = output / LEFT_OUT
    if part == "train":
        write_text_atomically(path, "part,path,reason,source\n")
    say(f"{part}: {used} recordings" + (f", {len(left_out)} left out:" if left_out else ""))
    for one in left_out[:SHOWN]:
        say(f"  {one}")
    if len(left_out) > SHOWN:
        say(f"  and {len(left_out) - SHOWN} more, see {path}")
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([part, one.path, one.reason, one.source] for one in left_out)
    write_text_atomically(path, path.read_text(encoding="utf-8") + table.getvalue())


def _where_time_went(progress: Any) -> str:
    total = sum(progress.seconds.values())
    if not total:
        return ""
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in progress.seconds.items())
    return f" ({1000 * total / progress.step:.0f} ms a step: {shares})"


def _field(text: str) -> tuple[str, Any]:
    """hidden_dropout=0.1 -> ("hidden_dropout", 0.1); what is no JSON is a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set {text}: expected FIELD=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)
