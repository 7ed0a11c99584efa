"""Training step: forward, CTC loss, backward, gradients cleared. No optimiser, and nothing random.

All dropouts, LayerDrop and SpecAugment are off in the random models, so that loss and gradients can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.agreement import gradient_difference, largest_difference
from benchmarks.cases import COMMON, SAMPLING_RATE, TRAINED, TRAINING_BATCH, TRAINING_LABELS, TRAINING_SECONDS
from benchmarks.models import SEED, folder_of
from benchmarks.sides import OURS, SIDES, THEIRS, import_libraries, load, set_threads
from benchmarks.timing import alternate

BLANK = 0


def make_batch() -> tuple[np.ndarray, np.ndarray]:
    """(B, N) float32 noise and (B, S) labels without blanks."""
    random = np.random.default_rng(SEED)
    values = random.standard_normal((TRAINING_BATCH, round(TRAINING_SECONDS * SAMPLING_RATE)), dtype=np.float32)
    return values, random.integers(BLANK + 1, COMMON["vocab_size"], (TRAINING_BATCH, TRAINING_LABELS))


def forward_backward(side: str, model: Any, values: np.ndarray, labels: np.ndarray) -> Callable[[], float]:
    """A function that runs forward and backward, leaves the gradients on the parameters, and returns the loss."""
    if side == THEIRS:
        import torch

        values, labels = torch.from_numpy(values), torch.from_numpy(labels)

    def run() -> float:
        # the reference marks its input for gradients, so it gets a copy; 1.3 MB, a millisecond at most
        loss = model(values.clone() if side == THEIRS else values, labels=labels).loss
        loss.backward()
        return float(loss.item())

    return run


def training_step(side: str, model: Any, values: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    """A function that makes one step."""
    run = forward_backward(side, model, values, labels)

    def step() -> None:
        run()
        model.zero_grad()

    return step


def gradients(side: str, model: Any) -> dict[str, np.ndarray | None]:
    """The gradient of each parameter, by name; None where there is none."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    if side == THEIRS:
        return {name: None if gradient is None else gradient.numpy().copy() for name, gradient in found.items()}
    return {name: None if gradient is None else np.array(gradient) for name, gradient in found.items()}


def measure(models_folder: str, threads: int, rounds: int, budget: float) -> dict[str, Any]:
    """A job: {"samples": {side: seconds}, "loss difference", "gradient difference"}."""
    batch = make_batch()
    models, losses, found = {}, {}, {}
    for side in SIDES:
        import_libraries(side)
        set_threads(side, threads)
        models[side] = load(side, folder_of(TRAINED, models_folder)).train()
        losses[side] = np.array([forward_backward(side, models[side], *batch)()])
        found[side] = gradients(side, models[side])
        models[side].zero_grad()
    loss_difference = largest_difference(losses[OURS], losses[THEIRS])
    difference = gradient_difference(found[OURS], found[THEIRS])
    del found
    steps = {side: training_step(side, models[side], *batch) for side in SIDES}
    return {
        "samples": alternate(steps, rounds, budget),
        "loss difference": loss_difference,
        "gradient difference": difference,
    }
