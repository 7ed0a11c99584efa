"""How far a training is, as a checkpoint has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from npconformer.storage.messages import shown

LARGEST_COUNT = 2**53


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
        seconds: what the time went into.
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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Progress:
        """What `to_dict` returned. Raises ValueError, naming the field, for what it cannot have returned."""
        if not isinstance(values, Mapping):
            raise ValueError(f"progress is {shown(values)}; expected an object")
        known = {each.name: each.type for each in fields(cls)}
        for name in ("step", "epoch", "batch"):
            if name not in values:
                raise ValueError(f"progress has no {name}")
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"progress has a field {shown(name)}; expected some of {', '.join(known)}")
            if not _FITS[known[name]](value):
                raise ValueError(f"progress has {name} {shown(value)}; expected {_EXPECTED[known[name]]}")
        return cls(**values)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST_COUNT


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


# By the types of the fields, as `from __future__ import annotations` leaves them.
_FITS: dict[Any, Any] = {
    "int": _is_count,
    "float": _is_number,
    "float | None": lambda value: value is None or _is_number(value),
    "str": lambda value: isinstance(value, str),
    "dict[str, float]": lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
}
_EXPECTED: dict[Any, str] = {
    "int": "a count",
    "float": "a number",
    "float | None": "a number or null",
    "str": "a text",
    "dict[str, float]": "an object of numbers",
}
