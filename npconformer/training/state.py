"""What a training needs to go on, as the files of a checkpoint.

    config.json, model.safetensors   the model, as save_pretrained writes it: usable as it is
    ...                              the processor's files, if there is one
    optimizer.safetensors            what the optimiser remembers, by parameter
    average.safetensors              the running average of the weights, if there is one
    training.json                    step, position in the data, random state, best result, settings, and the
                                     fingerprint of the data

The model's batch norm statistics are among its weights. The schedule remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npconformer.arrays import generator
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.storage.files import read_json_object, write_json_atomically
from npconformer.storage.messages import printable, shown
from npconformer.training.progress import Progress

MODEL, OPTIMIZER, AVERAGE = "model.safetensors", "optimizer.safetensors", "average.safetensors"
TRAINING = "training.json"
FORMAT = 1
LONGEST = 500  # characters of a message about a file
OTHER_DATA = "the data or the settings of their batches have changed: the result is not that of an undisturbed training"


@dataclass
class TrainingState:
    """Everything that a checkpoint holds, as the objects that a training works with.

    Attributes:
        model, optimizer: with `state_dict` and `load_state_dict`.
        processor: saved beside the model, or None. average: the running average of the weights, or None.
        progress: how far the training is.
        schedule: name and settings of the learning rate's schedule, which remembers nothing else.
        settings: of the training; they are written down and not read.
        fingerprint: tells whether the data are the same.
    """

    model: Any
    optimizer: Any
    processor: Any
    average: Any
    progress: Progress
    schedule: dict[str, Any]
    settings: dict[str, Any]
    fingerprint: str


def write_state(folder: Path, state: TrainingState) -> None:
    """Writes everything, and the state of the random numbers, into an empty folder."""
    state.model.save_pretrained(folder)
    if state.processor is not None:
        state.processor.save_pretrained(folder)
    write_safetensors(folder / OPTIMIZER, state.optimizer.state_dict())
    if state.average is not None:
        write_safetensors(folder / AVERAGE, state.average.state_dict())
    contents = {
        "format": FORMAT,
        "progress": state.progress.to_dict(),
        "random": generator.get_state(),
        "schedule": state.schedule,
        "settings": state.settings,
        "fingerprint": state.fingerprint,
    }
    write_json_atomically(folder / TRAINING, contents, python=True)


def read_state(folder: Path, state: TrainingState, report: Callable[[str], Any]) -> Progress:
    """Puts the model, the optimiser, the average and the random numbers where they were; returns the progress.

    report: called with lines about a schedule or data that are not those of the checkpoint.

    Raises ValueError, naming the file and the field, when the checkpoint is of another model, optimiser or version, or
    holds what no training writes; the model is then as before, as far as training.json is to blame.
    """
    path = folder / TRAINING
    contents = read_json_object(path, python=True)
    if contents.get("format") != FORMAT:
        raise ValueError(f"{path}: format {shown(contents.get('format'))}; this version reads {FORMAT}")
    try:
        progress = Progress.from_dict(contents.get("progress"))
        generator.check_state(contents.get("random"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    before = contents.get("schedule")
    if before != state.schedule:
        report(f"the schedule was {shown(before, 200)} before, and is {state.schedule} now")
    if state.average is not None and not (folder / AVERAGE).is_file():
        raise ValueError(f"{folder} holds no running average: train without ema, or from the beginning")

    _load(state.model, folder / MODEL)
    _load(state.optimizer, folder / OPTIMIZER)
    if state.average is not None:
        _load(state.average, folder / AVERAGE)
    generator.set_state(contents["random"])
    if contents.get("fingerprint", state.fingerprint) != state.fingerprint:  # early checkpoints have none
        report(OTHER_DATA)
    return progress


def _load(part: Any, path: Path) -> None:
    """Puts a file's arrays into a model, an optimiser or an average."""
    file = SafetensorsFile(path)
    arrays = {name: file.read(name).copy() for name in file}  # the file may be removed while training goes on
    try:
        part.load_state_dict(arrays)
    except ValueError as error:
        message = printable(str(error))
        raise ValueError(f"{path}: {message[:LONGEST]}{'...' if len(message) > LONGEST else ''}") from error
