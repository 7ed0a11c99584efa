"""The settings of a training, and the optimiser and schedule that they describe."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from npconformer.nn import Module
from npconformer.optim import SCHEDULES, AdamW, Optimizer, Schedule, TriStage, parameter_groups


@dataclass(frozen=True)
class TrainingSettings:
    """What `Trainer` does, beside the model and the data.

    One of these says how long:
        steps: changes of the weights. epochs: passes over the data.

    The optimiser (AdamW) and its schedule:
        learning_rate: at its highest. weight_decay: of all but biases and normalisations. betas, eps: of AdamW.
        schedule: "linear", "cosine", "tri-stage" or "constant". warmup: steps, or a share of all steps if below 1.
        max_grad_norm: gradients are scaled down to this norm; None leaves them.
        accumulate: batches that make one step. Their loss and gradient are those of one large batch: means over
            utterances (frames) are weighted by how many there are in each batch, sums are added up.

    Memory and weights:
        gradient_checkpointing: compute the blocks' inner arrays twice instead of keeping them.
        ema: decay of a running average of the weights, which is then evaluated and given out; None for no average.

    Reports, in steps; None for evaluations and checkpoints means at the end of each epoch:
        log_every, evaluate_every, save_every. keep: how many checkpoints are kept.
        patience: stop after that many evaluations without a better result; None never does.

    seed: of dropout, LayerDrop, masks and other randomness of the model. (The data have their own.)
    """

    steps: int | None = None
    epochs: int | None = None
    learning_rate: float = 3e-4
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    schedule: str = "linear"
    warmup: float = 0.1
    max_grad_norm: float | None = 1.0
    accumulate: int = 1
    gradient_checkpointing: bool = False
    ema: float | None = None
    log_every: int = 10
    evaluate_every: int | None = None
    save_every: int | None = None
    keep: int = 3
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(f"steps, epochs: give one of the two, got {self.steps!r} and {self.epochs!r}")
        counts = ("steps", "epochs", "accumulate", "log_every", "evaluate_every", "save_every", "keep", "patience")
        optional = ("steps", "epochs", "evaluate_every", "save_every", "patience")
        for name in counts:
            value = getattr(self, name)
            if not (value is None and name in optional) and not (_is_whole(value) and value >= 1):
                raise ValueError(f"{name}: expected a whole number of at least 1, got {value!r}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule: expected one of {', '.join(SCHEDULES)}, got {self.schedule!r}")
        if not 0 <= self.warmup < math.inf or (self.warmup > 1 and self.warmup != int(self.warmup)):
            raise ValueError(f"warmup: expected a whole number of steps or a share below 1, got {self.warmup!r}")
        if self.max_grad_norm is not None and not self.max_grad_norm > 0:
            raise ValueError(f"max_grad_norm: expected a number above 0 or None, got {self.max_grad_norm!r}")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise ValueError(f"ema: expected at least 0 and below 1, or None, got {self.ema!r}")
        if not (_is_whole(self.seed) and self.seed >= 0):
            raise ValueError(f"seed: expected a whole number of at least 0, got {self.seed!r}")
        object.__setattr__(self, "betas", tuple(self.betas))

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON types."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def make_optimizer(self, model: Module) -> Optimizer:
        """AdamW for what is trained of the model."""
        groups = parameter_groups(model, self.weight_decay)
        return AdamW(groups, lr=self.learning_rate, betas=self.betas, eps=self.eps)

    def make_schedule(self, total_steps: int) -> Schedule:
        """The schedule for a training of that many steps."""
        warmup_steps = int(self.warmup) if self.warmup >= 1 else round(self.warmup * total_steps)
        warmup_steps = min(warmup_steps, total_steps)
        if self.schedule == "constant":
            return SCHEDULES["constant"](warmup_steps=warmup_steps)
        if self.schedule == "tri-stage":
            return TriStage.of(total_steps, warmup_steps)
        return SCHEDULES[self.schedule](total_steps=total_steps, warmup_steps=warmup_steps)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
