"""Stochastic gradient descent with momentum (Sutskever et al. 2013), as torch computes it."""

from __future__ import annotations

from typing import Any

from npconformer.arrays.backend import get_array_module
from npconformer.nn import Parameter
from npconformer.optim.optimizer import Optimizer, below_one
from npconformer.optim.pieces import pieces


class SGD(Optimizer):
    """For each parameter p with gradient g, learning rate η, decay λ and momentum μ:

        g <- g + λ p
        b <- μ b + g                      the first time b = g
        p <- p - η b                      with nesterov: p - η (g + μ b)

    The velocity b holds gradients, not steps, so a change of η acts at once.

    Args:
        params: see `Optimizer`.
        lr: η. momentum: μ, from 0 to below 1. weight_decay: λ. nesterov: whether to look ahead; needs momentum.
    """

    slots = ("momentum",)

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def check_settings(self, group: dict[str, Any]) -> None:
        super().check_settings(group)
        below_one("momentum", group["momentum"])
        if group["nesterov"] and group["momentum"] == 0:
            raise ValueError("nesterov: needs a momentum above 0")

    def update(self, group: dict[str, Any], parameter: Parameter, state: dict[str, Any], step: int) -> None:
        xp = get_array_module(parameter.data)
        lr, momentum, decay, nesterov = (group[name] for name in ("lr", "momentum", "weight_decay", "nesterov"))
        for p, g, b in pieces(parameter.data, parameter.grad, state["momentum"]):
            s = self._scratch.get(p)
            xp.multiply(p, decay, out=s)
            s += g
            b *= momentum  # 0 the first time, as b is
            b += s
            if nesterov:
                s += momentum * b
                s *= lr
            else:
                xp.multiply(b, lr, out=s)
            p -= s
