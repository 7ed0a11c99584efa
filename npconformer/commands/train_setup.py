"""From the arguments of `npconformer train` to a trainer: settings, model, data, and what had to be left out."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import say

LEFT_OUT = "left_out.csv"
SHOWN = 20  # lines about what was left out


def build_trainer(output: Path, options: dict[str, Any], resume: bool) -> Any:
    """The trainer that the options (see `train.DEFAULTS`) describe, with its data read and looked through.

    Raises ValueError, OSError or RuntimeError for what prevents the start.
    """
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
    if checkpoint:
        model, processor = starting_point(options["task"], checkpoint, train, seed=options["seed"], report=say)
    else:
        model, processor = starting_point(
            options["task"], options["source"], train, overrides, options["seed"], say, options["new_head"]
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
    unknown = sum(one.unknown for one in selection.left_out)
    if unknown and not checkpoint and not options["new_head"]:
        say(f"{unknown} of them have labels or letters that the model does not know; {_remedy(options['task'])}")
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


def _remedy(task: str) -> str:
    if task == "frame":
        return "--new-head --set num_labels=N makes a head for N speakers"
    return "--new-head makes a head for those of the data"


def _augmentation(options: dict[str, Any]) -> Any:
    from npconformer.data import Augmentation
    from npconformer.files import read_json_object

    if options["augmentation"] is None:
        return Augmentation.from_dict({kind: {} for kind in options["augment"]})
    if options["augment"]:
        raise ValueError("--augment and --augmentation: give one of the two")
    return Augmentation.from_dict(read_json_object(options["augmentation"]))


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


def _field(text: str) -> tuple[str, Any]:
    """hidden_dropout=0.1 -> ("hidden_dropout", 0.1); what is no JSON is a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set {text}: expected FIELD=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
