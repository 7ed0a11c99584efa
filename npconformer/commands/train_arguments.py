"""The arguments of `npconformer train`: those given, those of the run that is resumed, and what contradicts them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import say

SETTINGS = "arguments.json"
PATHS = ("source", "train", "eval", "augmentation")
NO_PART = ("train", "eval", "eval_every", "log_every", "save_every", "keep", "workers")  # data: see Loader.fingerprint
DEFAULTS: dict[str, Any] = {
    "revision": None,
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
    "new_head": False,
    "speakers": "names",
    "freeze_feature_encoder": False,
    "freeze": [],
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

TEXTS = ("task", "source", "revision", "speakers", "train", "eval", "schedule", "augmentation", "device")
NEEDED = ("task", "source", "train")
OF_THE_MODEL = ("task", "source", "revision", "new_head", "speakers")  # which is the checkpoint's, once there is one
OF_EVALUATIONS = ("patience", "eval_every")


def complete(parser: Any, output: Path, given: dict[str, Any], resume: bool) -> dict[str, Any]:
    """All arguments: those given, those of the first run when resuming, and defaults. Nothing is written.

    Raises ValueError or OSError for what contradicts the training that is there, or cannot have an effect.
    """
    from npconformer.storage.hub import is_repository

    begun = any(output.glob("checkpoint-*"))
    if begun and not resume:
        raise FileExistsError(f"{output}: there is a training in this folder already; --resume it, or choose another")
    given = _with_whole_paths(given)
    before = _arguments_before(output, given) if resume else {}
    options = {**DEFAULTS, **before, **given}
    if "steps" in given or "epochs" in given:  # one of them replaces the other
        options |= {"steps": given.get("steps"), "epochs": given.get("epochs")}
    missing = [_option(name) for name in NEEDED if name not in options]
    if missing and resume and not before:
        raise ValueError(f"{output}: there is nothing to resume here; to begin, give {', '.join(missing)}, too")
    if missing:
        parser.error(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} needed")
    if options["steps"] is None and options["epochs"] is None:
        options["epochs"] = 10
    changed = [name for name in given if name in before and before[name] != given[name]]
    if begun:
        _check_model_is_the_same(changed, before, given)
        options["set"] = list(dict.fromkeys([*before.get("set", []), *given.get("set", [])]))
    _check_effects(options, given, is_repository(options["source"]))
    for name in changed:
        other = "" if name in NO_PART else ": the result is not that of an undisturbed training"
        say(f"{name} was {before[name]} and is {given[name]} now{other}")
    return options


def _with_whole_paths(given: dict[str, Any]) -> dict[str, Any]:
    """Paths from the root on, so that the training can be resumed in any folder."""
    from npconformer.storage.hub import is_repository
    from npconformer.training.ready_configurations import is_ready

    named = "source" in given and (is_repository(given["source"]) or is_ready(given["source"]))
    paths = [name for name in PATHS if given.get(name) and not (name == "source" and named)]
    return {**given, **{name: os.path.abspath(given[name]) for name in paths}}


def _arguments_before(output: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the run that is resumed; none without such a file, or where `given` takes the place of a damaged one."""
    try:
        return read_arguments(output / SETTINGS) if (output / SETTINGS).is_file() else {}
    except ValueError as error:
        needed = [_option(name) for name in NEEDED if name not in given]
        if needed:
            raise ValueError(
                f"{error}; to go on without it, give all arguments again, also {', '.join(needed)}"
            ) from None
        say(f"{error}; going on with the arguments given now, and defaults for all others")
        return {}


def read_arguments(path: Path) -> dict[str, Any]:
    """The arguments that a training has written. Raises ValueError for what none has."""
    from npconformer.storage.files import read_json_object
    from npconformer.storage.messages import shown

    before = read_json_object(path, python=True)
    if isinstance(before, dict):
        before.pop("threads", None)  # was kept once
    if not isinstance(before, dict) or not before.keys() <= {*DEFAULTS, *NEEDED}:
        raise ValueError(f"{path} does not hold the arguments of a training")
    for name, value in before.items():
        if not _may_be(name, value):
            raise ValueError(f"{path}: {name} is {shown(value)}, which is no such argument's value")
    return before


def _check_model_is_the_same(changed: list[str], before: dict[str, Any], given: dict[str, Any]) -> None:
    for name in changed:
        if name in OF_THE_MODEL:
            raise ValueError(
                f"{_option(name)} was {before[name]}, and {given[name]} would have no effect: a training goes on with "
                "the model of its last checkpoint; leave it out, or begin another training in another --output"
            )


def _check_effects(options: dict[str, Any], given: dict[str, Any], of_hub: bool) -> None:
    """Refuse what is given now and can have no effect."""
    for name in OF_EVALUATIONS:
        if given.get(name) is not None and not options["eval"]:
            raise ValueError(f"{_option(name)} is about evaluations, of which there are none without --eval DATA")
    if given.get("revision") is not None and not of_hub:
        raise ValueError(f"--revision is of a repository at the hub, and --from {options['source']} is none")
    if given.get("speakers") is not None and options["task"] != "frame":
        raise ValueError(f"--speakers is for --task frame, not for --task {options['task']}")


def _option(name: str) -> str:
    return "--from" if name == "source" else f"--{name.replace('_', '-')}"


def _may_be(name: str, value: Any) -> bool:
    """Whether a value, read from a file, is of the type that an argument has."""
    default = DEFAULTS.get(name, "")
    if value is None and default is None:
        return True
    if name in TEXTS:
        return isinstance(value, str)
    if isinstance(default, list):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(default, bool):
        return isinstance(value, bool)
    return type(value) in ((int, float) if default is None or isinstance(default, float) else (int,))
