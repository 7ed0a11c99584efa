"""Learning-rate schedules: what to multiply the learning rate with, as a function of the number of steps done.

A schedule remembers nothing, so there is nothing of it to save but its settings. `factor(0)` belongs to the first
step: a warm-up from 0 changes nothing in its first step, as in transformers.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True)
class Schedule:
    """Base of the schedules. All start with a linear warm-up."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_steps") and not (isinstance(value, int) and value >= 0):
                raise ValueError(f"{field.name}: expected a whole number of at least 0, got {value!r}")
            if field.name.endswith("_scale") and not 0 < value <= 1:
                raise ValueError(f"{field.name}: expected a number above 0 and at most 1, got {value!r}")
        if "total_steps" in self.settings and self.settings["total_steps"] < self.settings["warmup_steps"]:
            raise ValueError(
                f"warmup_steps: {self.settings['warmup_steps']} are more than all {self.total_steps} steps"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The fields by name, for saving."""
        return asdict(self)

    def factor(self, step: int) -> float:
        """What to multiply the learning rate with in the step that follows `step` others."""
        raise NotImplementedError(f"{type(self).__name__} has no factor")


@dataclass(frozen=True)
class Constant(Schedule):
    """From 0 to 1 in `warmup_steps`, then 1."""

    name: ClassVar[str] = "constant"
    warmup_steps: int = 0

    def factor(self, step: int) -> float:
        return min(step / self.warmup_steps, 1.0) if self.warmup_steps else 1.0


@dataclass(frozen=True)
class Linear(Schedule):
    """From 0 to 1 in `warmup_steps`, then on a line to 0 at `total_steps`, and 0 after it."""

    name: ClassVar[str] = "linear"
    total_steps: int
    warmup_steps: int = 0

    def factor(self, step: int) -> float:
        if step < self.warmup_steps:
            return step / self.warmup_steps
        return max(self.total_steps - step, 0) / max(self.total_steps - self.warmup_steps, 1)


@dataclass(frozen=True)
class Cosine(Schedule):
    """From 0 to 1 in `warmup_steps`, then half a cosine wave to 0 at `total_steps` (Loshchilov and Hutter 2017)."""

    name: ClassVar[str] = "cosine"
    total_steps: int
    warmup_steps: int = 0

    def factor(self, step: int) -> float:
        if step < self.warmup_steps:
            return step / self.warmup_steps
        progress = min((step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1), 1.0)
        return (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class TriStage(Schedule):
    """Warm up, hold, decay exponentially, as fairseq fine-tunes wav2vec 2.0 (Park et al. 2019).

    From initial_scale on a line to 1 in `warmup_steps`; 1 for `hold_steps`; then final_scale^(n / decay_steps) in the
    n-th step of the decay; final_scale after that.
    """

    name: ClassVar[str] = "tri-stage"
    warmup_steps: int
    hold_steps: int
    decay_steps: int
    initial_scale: float = 0.01
    final_scale: float = 0.01

    @classmethod
    def of(cls, total_steps: int, warmup_steps: int, hold: float = 0.4) -> TriStage:
        """The schedule whose decay ends at `total_steps`, with a share `hold` of them at the full rate."""
        hold_steps = min(round(hold * total_steps), total_steps - warmup_steps)
        return cls(warmup_steps, hold_steps, total_steps - warmup_steps - hold_steps)

    def factor(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.initial_scale + (1 - self.initial_scale) * step / self.warmup_steps
        decayed = step - self.warmup_steps - self.hold_steps
        if decayed < 0:
            return 1.0
        return self.final_scale ** (decayed / self.decay_steps) if decayed < self.decay_steps else self.final_scale


SCHEDULES = {kind.name: kind for kind in (Constant, Linear, Cosine, TriStage)}
