"""Averages of weights: running along with the training, or of checkpoints afterwards.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.arrays.backend import backend_of, get_array_module, to_backend, to_host
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.nn import Module
from npconformer.optim.pieces import Scratch, pieces
from npconformer.storage.checksums import CHECKSUMS
from npconformer.storage.folders import whole_folder
from npconformer.training.state import AVERAGE, MODEL, OPTIMIZER, TRAINING


class ExponentialAverage:
    """An exponential moving average a of every parameter p that is trained (Polyak and Juditsky 1992).

    After step t, with decay d:   a <- a + (1 - min(d, (1 + t) / (10 + t))) (p - a)

    so that the first steps, far from where the weights end up, are soon forgotten. Batch norm's running statistics
    are averages already and are used as they are.

    Args:
        model: whose parameters are averaged, from their present values on.
        decay: d, from 0 to below 1; 0.999 looks back about a thousand steps.
    """

    def __init__(self, model: Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay: expected at least 0 and below 1, got {decay!r}")
        self.decay = decay
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._averages = {name: p.data.copy(order="C") for name, p in self._parameters.items()}
        self._scratch = Scratch()

    def update(self, step: int) -> None:
        """Takes the parameters after step `step`, which is 1 after the first, into the averages."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, parameter in self._parameters.items():
            xp = get_array_module(parameter.data)
            for a, p in pieces(self._averages[name], parameter.data):
                s = self._scratch.get(a)
                xp.subtract(p, a, out=s)
                s *= share
                a += s

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the model has the averaged weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, parameter in self._parameters.items():
            parameter.data, self._averages[name] = self._averages[name], parameter.data

    def state_dict(self) -> dict[str, np.ndarray]:
        """The averages by parameter, on the host."""
        return {name: to_host(array) for name, array in self._averages.items()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `state_dict` returned. Raises ValueError if it is of other parameters."""
        if {n: a.shape for n, a in state.items()} != {n: a.shape for n, a in self._averages.items()}:
            raise ValueError("state: the averages are not those of this model's trained parameters")
        for name, own in self._averages.items():
            self._averages[name] = to_backend(np.array(state[name], own.dtype, order="C"), backend_of(own))


def average_checkpoints(folders: Sequence[str | os.PathLike], output: str | os.PathLike) -> None:
    """Writes a checkpoint folder whose weights are the mean of those in `folders`.

    The mean is taken in float64; integers, and everything beside the weights, are the last folder's. What belongs to
    its training only is left out.

    Args:
        folders: checkpoint folders of one model, in the order of training.
        output: the folder to write, all or nothing.

    Raises:
        ValueError: no folders, or their weights have different names or shapes.
    """
    if not folders:
        raise ValueError("folders: there are no checkpoints to average")
    files = [SafetensorsFile(Path(folder) / MODEL) for folder in folders]
    for file in files:
        if {name: file.shape(name) for name in file} != {name: files[-1].shape(name) for name in files[-1]}:
            raise ValueError(f"folders: the weights in {file.path} and {files[-1].path} have other names or shapes")
    arrays: dict[str, Any] = {}
    for name in files[-1]:
        last = files[-1].read(name)
        if last.dtype.kind == "f":
            mean = sum(file.read(name, np.float64) for file in files) / len(files)
            last = np.asarray(mean, last.dtype)
        arrays[name] = last
    skipped = (MODEL, OPTIMIZER, AVERAGE, TRAINING, CHECKSUMS)
    with whole_folder(output) as folder:
        for path in Path(folders[-1]).iterdir():
            if path.is_file() and path.name not in skipped:
                shutil.copy(path, folder)
        write_safetensors(folder / MODEL, arrays)
