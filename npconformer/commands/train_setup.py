"""From the arguments of `npconformer train` to a trainer: settings, model, data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from npconformer.commands.arguments import say


def build_trainer(output: Path, options: dict[str, Any], resume: bool, asked: list[str]) -> tuple[Any, bytes]:
    """The trainer that the options (see `train_arguments.DEFAULTS`) describe, with its data read and looked through.

    asked: fields of the configuration that are given now, of which a checkpoint to go on from must have the values.
    Returns also the table of what is left out of the data.

    Raises ValueError, OSError or RuntimeError for what prevents the start.
    """
    from npconformer.commands.train_data import TrainingData, read_data
    from npconformer.commands.train_left_out import tell_what_is_used
    from npconformer.commands.train_outlook import tell_outlook
    from npconformer.training import CheckpointStore, Trainer

    settings = _settings(options)
    augmentation = _augmentation(options)
    train = read_data(options["train"])
    held_out = read_data(options["eval"]) if options["eval"] else None
    # The model of the newest checkpoint: the first one's folder may be gone, and its labels are these.
    checkpoint = CheckpointStore(output, options["keep"], say).latest() if resume else None
    if checkpoint is not None:
        _check_goes_on(options["task"], checkpoint, dict(map(_field, asked)))
    model, processor = _model(options, checkpoint, train.examples)
    _check_masks(model.config)
    data = TrainingData(model, processor, options)
    selection = data.select(train, augmentation.fastest)
    evaluation = None if held_out is None else data.select_held_out(held_out)
    has_own_head = checkpoint is not None or options["new_head"]  # made for these data
    left_out = tell_what_is_used(output, selection, evaluation, None if has_own_head else options["task"])
    trainer = Trainer(
        model,
        data.loader(selection, augmentation),
        output,
        settings,
        evaluation=None if evaluation is None else data.validation_loader(evaluation),
        processor=processor,
        report=say,
    )
    if checkpoint is None:
        tell_outlook(trainer, selection, from_nothing=getattr(model, "load_report", None) is None)
    return trainer, left_out


def _check_goes_on(task: str, checkpoint: Path, fields: dict[str, Any]) -> None:
    """Refuse what the model of the checkpoint to go on from is not: another task's, or of another configuration."""
    from npconformer.models.auto import AutoConfig, heads_of
    from npconformer.training import TASKS

    config = AutoConfig.from_pretrained(checkpoint)
    heads = heads_of(config.architectures or [])
    if TASKS[task].head_name not in heads:
        tasks = [name for name, each in TASKS.items() if each.head_name in heads]
        raise ValueError(
            f"--task {task}: {checkpoint} is of --task {' or '.join(tasks) or 'none'}, and a training goes on with its "
            "model; begin another training in another --output"
        )
    for name, value in fields.items():
        if type(config).from_dict(config.to_dict(), **{name: value}) != config:
            raise ValueError(
                f"--set {name}={value} would have no effect: {checkpoint} has {getattr(config, name, None)}, and a "
                "training goes on with its model; leave it out, or begin another training in another --output"
            )


def _check_masks(config: Any) -> None:
    """Refuse spans of channels that no step could draw."""
    asked = config.apply_spec_augment and config.mask_feature_prob > 0
    if asked and config.mask_feature_length > config.hidden_size:
        raise ValueError(
            f"mask_feature_length is {config.mask_feature_length}, and hidden_size {config.hidden_size}: no span of "
            "channels has room; set a shorter one, or mask_feature_prob=0"
        )


def _settings(options: dict[str, Any]) -> Any:
    from npconformer.training import TrainingSettings

    return TrainingSettings(
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


def _augmentation(options: dict[str, Any]) -> Any:
    from npconformer.data import Augmentation
    from npconformer.storage.files import read_json_object

    if options["augmentation"] is None:
        return Augmentation.from_dict({kind: {} for kind in options["augment"]})
    if options["augment"]:
        raise ValueError("--augment and --augmentation: give one of the two")
    return Augmentation.from_dict(read_json_object(options["augmentation"]))


def _model(options: dict[str, Any], checkpoint: Path | None, examples: list[Any]) -> tuple[Any, Any]:
    """The model on its device, and its processor: those of the checkpoint to go on from, or a start."""
    from npconformer.checkpoints.report import count_by_part
    from npconformer.storage.hub_options import HubOptions
    from npconformer.training.freezing import freeze
    from npconformer.training.starting_point import starting_point

    overrides = dict(map(_field, options["set"]))
    model, processor = starting_point(
        options["task"],
        checkpoint or options["source"],
        examples,
        overrides={} if checkpoint else overrides,
        seed=options["seed"],
        report=say,
        new_head=options["new_head"] and not checkpoint,
        speakers=options["speakers"],
        hub=HubOptions(revision=options["revision"]),
    )
    if options["freeze_feature_encoder"]:
        model.freeze_feature_encoder()
    if options["freeze"]:
        frozen = freeze(model, options["freeze"])
        say(f"weights that are not trained: {count_by_part(frozen)}")
    if options["device"] != "cpu":
        model.to(options["device"])
    return model, processor


def _field(text: str) -> tuple[str, Any]:
    """hidden_dropout=0.1 -> ("hidden_dropout", 0.1); what is no JSON is a string."""
    from npconformer.storage.strict_json import parse_json

    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set {text}: expected FIELD=VALUE")
    try:
        return name, parse_json(value)
    except ValueError:
        return name, value
