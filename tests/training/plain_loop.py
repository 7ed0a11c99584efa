"""A training written out plainly in NumPy: what the weights, averages and log of a `Trainer` are compared with.

Of npconformer it uses a model's forward and backward, and its random numbers, and nothing that trains: the rates, the
temperature of the Gumbel softmax, the sums over accumulated batches, the clipping, AdamW, the running average and the
columns of the log stand here a second time, from the papers' formulas. A Recipe is for these what TrainingSettings is
for the Trainer, with every number that follows from another one given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import npconformer

Batch = dict[str, np.ndarray]
SPARED = ("bias", "layer_norm", "batch_norm")  # what no weight decay pulls towards 0


@dataclass
class Recipe:
    """How to train.

    rate: the learning rate of step s = 0, 1, ... temperature: of the Gumbel softmax in step s; None: there is none.
    batch_weight: what the loss of a batch is multiplied with, by what is counted in it and in all batches of the step;
    report_weight: the same for the reported loss. count: how many things are counted in a batch.
    """

    rate: Callable[[int], float]
    count: Callable[[Batch], int]
    batch_weight: Callable[[int, int], float]
    report_weight: Callable[[int, int], float]
    temperature: Callable[[int], float] | None = None
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    max_norm: float = math.inf
    average_decay: float = 0.0
    log_every: int = 1
    seed: int = 0


@dataclass
class Trained:
    """What came of it: the running averages by parameter, the log, and how often each parameter was changed."""

    averages: dict[str, np.ndarray] = field(default_factory=dict)
    log: list[dict[str, float]] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    ages: dict[str, int] = field(default_factory=dict)


def train(model: Any, steps: Sequence[Sequence[Batch]], recipe: Recipe) -> Trained:
    """Trains the model where it is; steps: the batches of every step."""
    npconformer.manual_seed(recipe.seed)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    result = Trained(averages={name: p.data.copy() for name, p in parameters.items()})
    moments: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    losses = []
    model.train()
    for s, batches in enumerate(steps):
        if recipe.temperature is not None:
            model.set_gumbel_temperature(recipe.temperature(s))
        loss, gradients = loss_and_gradients(model, batches, recipe)
        norm = math.sqrt(sum((g**2).sum() for g in gradients.values()))
        if norm > recipe.max_norm:
            gradients = {name: g * recipe.max_norm / (norm + 1e-6) for name, g in gradients.items()}
        for name, g in gradients.items():
            p = parameters[name]
            t = result.ages[name] = result.ages.get(name, 0) + 1
            m, v = moments.get(name, (np.zeros(p.shape), np.zeros(p.shape)))
            decay = 0.0 if any(part in name for part in SPARED) else recipe.weight_decay
            p.data, *moments[name] = adamw(p.data, g, m, v, t, recipe.rate(s), decay, recipe.betas, recipe.eps)
        keep = min(recipe.average_decay, (s + 2) / (s + 11))  # with t = s + 1 steps done: (1 + t) / (10 + t)
        for name, p in parameters.items():
            result.averages[name] = keep * result.averages[name] + (1 - keep) * p.data

        losses.append(loss)
        result.norms.append(norm)
        if (s + 1) % recipe.log_every == 0 or s + 1 == len(steps):
            row = {"step": s + 1, "loss": float(np.mean(losses)), "learning_rate": recipe.rate(s)}
            result.log.append({**row, "gradient_norm": norm})
            losses = []
    return result


def loss_and_gradients(model: Any, batches: Sequence[Batch], recipe: Recipe) -> tuple[float, dict[str, np.ndarray]]:
    """The reported loss and the sum of the weighted gradients of the batches of one step, by parameter."""
    total = sum(recipe.count(batch) for batch in batches)
    loss, gradients = 0.0, {}
    for batch in batches:
        count = recipe.count(batch)
        model.zero_grad()
        output = model(**batch)
        output.loss.backward()
        loss += output.loss.item() * recipe.report_weight(count, total)
        for name, p in model.named_parameters():
            if p.grad is not None:
                gradients[name] = gradients.get(name, 0.0) + p.grad * recipe.batch_weight(count, total)
    model.zero_grad()
    return loss, gradients


def adamw(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    rate: float,
    decay: float,
    betas: tuple[float, float],
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Algorithm 2 of Loshchilov and Hutter 2019, with the decay scaled by the learning rate: new p, m and v."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return p - rate * (m_hat / (np.sqrt(v_hat) + eps) + decay * p), m, v


def linear(peak: float, warmup: int, total: int) -> Callable[[int], float]:
    """Up from 0 on a line for `warmup` steps, then down on a line to 0 at `total`."""
    return lambda s: peak * (s / warmup if s < warmup else (total - s) / (total - warmup))


def cosine(peak: float, warmup: int, total: int) -> Callable[[int], float]:
    """Up from 0 on a line for `warmup` steps, then down on half a cosine wave to 0 at `total`."""
    return lambda s: (
        peak * (s / warmup if s < warmup else 0.5 + 0.5 * math.cos(math.pi * (s - warmup) / (total - warmup)))
    )


def tri_stage(peak: float, warmup: int, hold: int, total: int) -> Callable[[int], float]:
    """Up from a hundredth on a line, `hold` steps at the peak, then down to a hundredth exponentially."""

    def rate(s: int) -> float:
        if s < warmup:
            return peak * (0.01 + 0.99 * s / warmup)
        return peak * math.exp(math.log(0.01) * max(s - warmup - hold, 0) / (total - warmup - hold))

    return rate


def constant(peak: float, warmup: int) -> Callable[[int], float]:
    """Up from 0 on a line for `warmup` steps, then level."""
    return lambda s: peak * min(s / warmup, 1.0)
