"""Schedules that set an optimiser's learning rate step by step, by the names and arguments of transformers.

>>> scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=100, num_training_steps=1000)
>>> optimizer.step(); scheduler.step()
"""

from __future__ import annotations

from typing import Any

from npconformer.optim.optimizer import Optimizer
from npconformer.optim.schedules import Constant, Cosine, Linear, Schedule


class Scheduler:
    """Sets the rates of an optimiser: at once those of its first step, and with each `step()` those of the next."""

    def __init__(self, optimizer: Optimizer, schedule: Schedule, last_epoch: int = -1) -> None:
        self.optimizer, self.schedule, self.last_epoch = optimizer, schedule, last_epoch
        self.step()

    def step(self) -> None:
        """Goes on by one step of training."""
        self.last_epoch += 1
        self.optimizer.scale_learning_rate(self.schedule.factor(self.last_epoch))

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.groups]

    def state_dict(self) -> dict[str, int]:
        """What is remembered: how many steps were done."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Goes back to where `state_dict` was asked for."""
        self.last_epoch = state_dict["last_epoch"] - 1
        self.step()


def get_constant_schedule(optimizer: Optimizer, last_epoch: int = -1) -> Scheduler:
    """The same rate throughout."""
    return Scheduler(optimizer, Constant(), last_epoch)


def get_constant_schedule_with_warmup(optimizer: Optimizer, num_warmup_steps: int, last_epoch: int = -1) -> Scheduler:
    """`schedules.Constant`: a warm-up from 0, then the same rate."""
    return Scheduler(optimizer, Constant(num_warmup_steps), last_epoch)


def get_linear_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1
) -> Scheduler:
    """`schedules.Linear`: a warm-up from 0, then a line to 0 at num_training_steps."""
    return Scheduler(optimizer, Linear(num_training_steps, num_warmup_steps), last_epoch)


def get_cosine_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1
) -> Scheduler:
    """`schedules.Cosine`: a warm-up from 0, then half a cosine wave to 0 at num_training_steps."""
    return Scheduler(optimizer, Cosine(num_training_steps, num_warmup_steps), last_epoch)


def get_scheduler(
    name: Any, optimizer: Optimizer, num_warmup_steps: int | None = None, num_training_steps: int | None = None
) -> Scheduler:
    """The schedule of that name: "constant", "constant_with_warmup", "linear" or "cosine".

    Raises:
        ValueError: another name, or a number of steps that the schedule needs and that was not given.
    """
    name = getattr(name, "value", name)
    if name not in ("constant", "constant_with_warmup", "linear", "cosine"):
        raise ValueError(f"name: expected constant, constant_with_warmup, linear or cosine, got {name!r}")
    if name == "constant":
        return get_constant_schedule(optimizer)
    if num_warmup_steps is None:
        raise ValueError(f"num_warmup_steps: {name} needs it")
    if name == "constant_with_warmup":
        return get_constant_schedule_with_warmup(optimizer, num_warmup_steps)
    if num_training_steps is None:
        raise ValueError(f"num_training_steps: {name} needs it")
    build = get_linear_schedule_with_warmup if name == "linear" else get_cosine_schedule_with_warmup
    return build(optimizer, num_warmup_steps, num_training_steps)
