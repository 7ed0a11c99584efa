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

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.arrays import generator
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.storage.files import read_json_object, write_json_atomically

MODEL, OPTIMIZER, AVERAGE = "model.safetensors", "optimizer.safetensors", "average.safetensors"
TRAINING = "training.json"
FORMAT = 1
OTHER_DATA = "the data or the settings of their batches have changed: the result is not that of an undisturbed training"


@dataclass
class Progress:
    """How far a training is; all of it is in every checkpoint.

    Attributes:
        step: changes of the weights so far.
        epoch, batch: which batch comes next.
        best, best_loss, best_step: the best value of the task's metric, the loss with it, and when that was.
        worse: evaluations since then.
        stopped: why the training ended before its last step, or "".
        recent_loss, recent_steps: sum and number of the losses since the last row of the log.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float | None = None
    best_loss: float | None = None
    best_step: int = 0
    worse: int = 0
    stopped: str = ""
    recent_loss: float = 0.0
    recent_steps: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def is_better(self, value: float, loss: float, less_is_better: bool) -> bool:
        """Whether the value is better than the best so far; the loss decides between equal ones.

        NaN is better than nothing at all only.
        """
        if self.best is None or math.isnan(self.best):
            return True
        if value == self.best:
            return self.best_loss is None or loss < self.best_loss
        return value < self.best if less_is_better else value > self.best


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
        "progress": asdict(state.progress),
        "random": generator.get_state(),
        "schedule": state.schedule,
        "settings": state.settings,
        "fingerprint": state.fingerprint,
    }
    write_json_atomically(folder / TRAINING, contents)


def read_state(folder: Path, state: TrainingState, report: Callable[[str], Any]) -> Progress:
    """Puts the model, the optimiser, the average and the random numbers where they were; returns the progress.

    report: called with lines about a schedule or data that are not those of the checkpoint.

    Raises ValueError when the checkpoint is of another model, optimiser or version.
    """
    contents = read_json_object(folder / TRAINING, python=True)
    found = contents.get("format") if isinstance(contents, dict) else None
    if found != FORMAT:
        raise ValueError(f"{folder / TRAINING}: format {found!r}; this version reads {FORMAT}")
    if contents["random"]["bit_generator"] != generator.get_state()["bit_generator"]:
        raise ValueError(f"{folder}: its random numbers come from another generator than this version's")
    if contents["schedule"] != state.schedule:
        report(f"the schedule was {contents['schedule']} before, and is {state.schedule} now")
    averages = _arrays(folder / AVERAGE) if (folder / AVERAGE).is_file() else None
    if state.average is not None and averages is None:
        raise ValueError(f"{folder} holds no running average: train without ema, or from the beginning")

    state.model.load_state_dict(_arrays(folder / MODEL))
    state.optimizer.load_state_dict(_arrays(folder / OPTIMIZER))
    if state.average is not None:
        state.average.load_state_dict(averages)
    generator.set_state(contents["random"])
    if contents.get("fingerprint", state.fingerprint) != state.fingerprint:  # early checkpoints have none
        report(OTHER_DATA)
    return Progress(**contents["progress"])


def _arrays(path: Path) -> dict[str, np.ndarray]:
    file = SafetensorsFile(path)
    return {name: file.read(name).copy() for name in file}  # the file may be removed while training goes on
