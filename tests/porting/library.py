"""The two libraries as a row of `areas/` sees them: the same names, on the same small checkpoints.

A row is written once, as people write it, and run with either library in place of `l`.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser


class Library:
    """One of the libraries.

    Attributes:
        name: "npconformer" or "transformers".
        temporary: an empty folder of this row's own.
        module: the library itself; its names are this object's attributes too (`l.Wav2Vec2ConformerForCTC`).
        torch: `torch`, or npconformer, which has torch's names where people need them beside these models.
        functional: `torch.nn.functional`, or what stands in its place.
    """

    def __init__(self, name: str, checkpoints: Path, temporary: Path) -> None:
        self.name = name
        self.temporary = temporary
        self._checkpoints = checkpoints
        self.module = importlib.import_module(name)

    @property
    def is_reference(self) -> bool:
        return self.name == "transformers"

    @property
    def torch(self) -> ModuleType:
        return importlib.import_module("torch") if self.is_reference else self.module

    @property
    def functional(self) -> ModuleType:
        return importlib.import_module("torch.nn.functional" if self.is_reference else "npconformer.functional")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def tensor(self, values: Any, dtype: str = "float32", requires_grad: bool = False) -> Any:
        """A tensor of the library: torch's, or npconformer's."""
        array = np.array(values, dtype)
        if self.is_reference:
            tensor = importlib.import_module("torch").from_numpy(array)
            return tensor.requires_grad_() if requires_grad else tensor
        return self.module.Tensor(array, requires_grad=requires_grad)

    def no_grad(self) -> AbstractContextManager:
        return importlib.import_module("torch").no_grad() if self.is_reference else self.module.no_grad()

    def seed(self, number: int) -> None:
        if self.is_reference:
            importlib.import_module("torch").manual_seed(number)
        else:
            self.module.manual_seed(number)

    def folder(self, head: str = "ForCTC", kind: str = "layer") -> str:
        """A checkpoint with random weights: see `tiny_checkpoints`. Rows must not write into it."""
        folder = self._checkpoints / f"{head}-{kind}"
        if not folder.exists():
            save = save_recogniser if head == "ForCTC" else lambda at, kind: save_checkpoint(head, at, kind)
            save(folder, kind)
        return str(folder)

    def model(self, head: str = "ForCTC", kind: str = "layer") -> Any:
        name = {"layer": "Wav2Vec2Conformer", "bert": "Wav2Vec2Bert"}[kind] + head
        return getattr(self, name).from_pretrained(self.folder(head, kind)).eval()

    def audio(self, *lengths: int) -> Any:
        """Float32 samples at 16 kHz: of one recording, or a list of several."""
        waveforms = make_waveforms(list(lengths or (8000,)))
        return waveforms if len(lengths) > 1 else waveforms[0]
