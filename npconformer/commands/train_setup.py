"""From the arguments of `npconformer train` to a trainer: settings, model, data, and what had to be left out."""

from __future__ import annotations

import csv
import io
import json
import os
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
    model, processor = starting_point(
        options["task"],
        checkpoint or options["source"],
        train,
        overrides={} if checkpoint else overrides,
        seed=options["seed"],
        report=say,
        new_head=options["new_head"] and not checkpoint,
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
    _tell_repeated(selection.examples, evaluation.examples if evaluation else [])
    unknown = sum(one.unknown for one in selection.left_out)
    if unknown and not checkpoint and not options["new_head"]:
        what = f"train: {unknown} of those left out have labels or letters that the model does not know"
        say(f"{what}; {_remedy(options['task'])}")
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


def _tell_repeated(train: list[Any], evaluation: list[Any]) -> None:
    """Says which recordings are learnt from more than once, which is allowed, and which are measured on as well."""
    said: dict[Any, list[Any]] = {}
    for one in train:
        said.setdefault(_sound_of(one), []).append((one.text, one.label, one.speaker, one.rttm))
    if repeated := [what for what in said.values() if len(what) > 1]:
        differ = sum(len(set(what)) > 1 for what in repeated)
        note = f" ({differ} of them with different texts or labels)" if differ else ""
        say(
            f"train: {len(repeated)} recording{'s' * (len(repeated) != 1)} named more than once{note}: each time counts"
        )
    if shared := len(said.keys() & set(map(_sound_of, evaluation))):
        say(f"eval: {shared} of the recordings {'is' if shared == 1 else 'are'} in --train, too")


def _sound_of(example: Any) -> tuple[Any, ...]:
    return os.path.realpath(example.path), example.start, example.end


def _remedy(task: str) -> str:
    if task == "frame":
        return "--new-head --set num_labels=N makes a head for N speakers"
    return "--new-head makes a head for those of the data"


def _augmentation(options: dict[str, Any]) -> Any:
    from npconformer.data import Augmentation
    from npconformer.storage.files import read_json_object

    if options["augmentation"] is None:
        return Augmentation.from_dict({kind: {} for kind in options["augment"]})
    if options["augment"]:
        raise ValueError("--augment and --augmentation: give one of the two")
    return Augmentation.from_dict(read_json_object(options["augmentation"]))


def _tell_left_out(output: Path, part: str, left_out: list[Any], used: int) -> None:
    """Names what cannot be used, the first few at the terminal and all of it in a table."""
    from npconformer.storage.files import write_bytes_atomically

    path = output / LEFT_OUT
    if part == "train":
        write_bytes_atomically(path, b"part,path,reason,source\n")
    say(f"{part}: {used} recording{'s' * (used != 1)}" + (f", {len(left_out)} left out:" if left_out else ""))
    for one in left_out[:SHOWN]:
        say(f"  {one}")
    if len(left_out) > SHOWN:
        say(f"  and {len(left_out) - SHOWN} more, see {path}")
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([part, one.path, one.reason, one.source] for one in left_out)
    rows = table.getvalue().encode("utf-8", "surrogateescape")  # names of files need not be UTF-8
    write_bytes_atomically(path, path.read_bytes() + rows)


def _field(text: str) -> tuple[str, Any]:
    """hidden_dropout=0.1 -> ("hidden_dropout", 0.1); what is no JSON is a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set {text}: expected FIELD=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
