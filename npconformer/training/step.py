"""One step of training: forward and backward through its batches, and a check that nothing went wrong.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from npconformer.arrays.backend import asarray, get_array_module
from npconformer.optim import Optimizer, clip_grad_norm_, first_bad_gradient
from npconformer.training.tasks import Task


class NonFiniteError(ArithmeticError):
    """The loss or a gradient is NaN or infinite. The weights have not been changed by it."""


class StepResult(NamedTuple):
    """The loss, the gradients' norm before clipping, and the seconds spent in each part."""

    loss: float
    gradient_norm: float
    seconds: dict[str, float]


def run_step(
    model: Any,
    batches: Sequence[dict[str, np.ndarray]],
    task: Task,
    optimizer: Optimizer,
    max_grad_norm: float | None,
) -> StepResult:
    """Changes the weights once, by the gradient of all batches together; see `tasks` for how they are weighted.

    Raises:
        NonFiniteError: the message names the loss, or the first parameter whose gradient is not finite.
    """
    counts = [task.count(batch) for batch in batches]
    seconds = dict.fromkeys(("forward", "backward", "update"), 0.0)
    optimizer.zero_grad()
    reported = 0.0
    scales = zip(task.gradient_scales(counts), task.report_scales(counts))
    for batch, (scale, report_scale) in zip(batches, scales, strict=True):
        if scale == 0:
            continue  # nothing is counted in it
        started = perf_counter()
        loss = model(**batch).loss
        value = loss.item()
        seconds["forward"] += perf_counter() - started
        if not math.isfinite(value):
            raise NonFiniteError(f"the loss is {value}{_hint(value)}")
        reported += value * report_scale
        started = perf_counter()
        gradient = None if scale == 1 else asarray(np.array(scale, loss.dtype), like=loss.data)
        loss.backward(gradient, retain_graph=False)
        seconds["backward"] += perf_counter() - started
        del loss
    started = perf_counter()
    parameters = optimizer.named_parameters()
    norm = clip_grad_norm_((p for _, p in parameters), max_grad_norm)
    if not math.isfinite(norm):
        name = first_bad_gradient(parameters)
        raise NonFiniteError(f"the gradient of {name} is the first that is not finite (the loss is {reported:g})")
    optimizer.step()
    optimizer.zero_grad()
    seconds["update"] += perf_counter() - started
    return StepResult(reported, norm, seconds)


def check_weights(model: Any) -> None:
    """Raise a NonFiniteError that names the first parameter or buffer with NaN or infinity in it, if there is one."""
    for name, array in model.state_dict().items():
        if array.dtype.kind == "f" and not bool(get_array_module(array).isfinite(array).all()):
            raise NonFiniteError(f"{name} is no longer finite: lower the learning rate")


def _hint(value: float) -> str:
    if math.isinf(value):
        return (
            ": with CTC, a text with more letters than its sound has frames gives this; "
            "leave such utterances out, or set config.ctc_zero_infinity"
        )
    return ": lower the learning rate, or look for damaged data"
