"""Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), as torch computes it.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from npconformer.arrays import threads
from npconformer.arrays.types import Array
from npconformer.nn import Parameter
from npconformer.optim.optimizer import Optimizer, at_least_zero, below_one
from npconformer.optim.pieces import pieces


class AdamW(Optimizer):
    """For each parameter p with gradient g at its step t, learning rate η and decay λ:

        p <- p - η λ p
        m <- β1 m + (1 - β1) g
        v <- β2 v + (1 - β2) g²
        p <- p - η / (1 - β1^t) · m / (sqrt(v) / sqrt(1 - β2^t) + ε)

    A parameter that had no gradient (a layer that LayerDrop left out) has not aged: its t counts its own steps.

    Args:
        params: see `Optimizer`; `parameter_groups(model)` spares biases and normalisations the decay.
        lr: η. betas: (β1, β2), each from 0 to below 1. eps: ε. weight_decay: λ.
    """

    slots = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay)

    def check_settings(self, group: dict[str, Any]) -> None:
        super().check_settings(group)
        at_least_zero("eps", group["eps"])
        if len(group["betas"]) != 2:
            raise ValueError(f"betas: expected two numbers, got {group['betas']!r}")
        for beta in group["betas"]:
            below_one("betas", beta)

    def update(self, group: dict[str, Any], parameter: Parameter, state: dict[str, Any], step: int) -> None:
        lr, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
        shrink = 1 - lr * group["weight_decay"]
        step_size = lr / (1 - beta1**step)
        correction = math.sqrt(1 - beta2**step)
        for p, g, m, v in pieces(parameter.data, parameter.grad, state["exp_avg"], state["exp_avg_sq"]):
            if shrink != 1:
                p *= shrink
            threads.run_step(_move, p, m, v, self._scratch.get(p), g, beta1, beta2, correction, eps, step_size)


def _move(
    xp: ModuleType,
    p: Array,
    m: Array,
    v: Array,
    s: Array,
    g: Array,
    beta1: float,
    beta2: float,
    correction: float,
    eps: float,
    step_size: float,
) -> None:
    """p, m and v of the next step; s is scratch memory."""
    xp.subtract(g, m, out=s)
    s *= 1 - beta1
    m += s
    xp.multiply(g, g, out=s)
    s *= 1 - beta2
    v *= beta2
    v += s
    xp.sqrt(v, out=s)
    s /= correction
    s += eps
    xp.divide(m, s, out=s)
    s *= step_size
    p -= s
