"""The activation that a config names: a function, or a module where it has weights, by the reference's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.nn import init
from npconformer.nn.module import Module, Parameter
from npconformer.tape.autograd import Tensor


class PReLU(Module):
    """x, or weight x below 0; weight (1,) starts at 1/4."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(init.constant(0.25, 1))

    def forward(self, x: Tensor | Array, overwrite: bool = False) -> Tensor:
        return ops.prelu(x, self.weight)


class XIELU(Module):
    """`ops.xielu` with its two weights, (1,) each, and its two constants, which checkpoints hold too.

    The reference makes all four in bfloat16, from 0.8, 0.8 - beta, 0.5 and -1e-6; these are its numbers.
    """

    beta: Array
    eps: Array

    def __init__(self) -> None:
        super().__init__()
        self.alpha_p = Parameter(init.constant(ALPHA_P, 1))
        self.alpha_n = Parameter(init.constant(ALPHA_N, 1))
        self.register_buffer("beta", np.array(0.5, np.float32))
        self.register_buffer("eps", np.array(EPS, np.float32))

    def forward(self, x: Tensor | Array, overwrite: bool = False) -> Tensor:
        return ops.xielu(x, self.alpha_p, self.alpha_n, float(self.beta), float(self.eps))


ALPHA_P, ALPHA_N, EPS = 0.2041015625, -1.046875, -9.98377799987793e-07
WITH_WEIGHTS: dict[str, type[Module]] = {"prelu": PReLU, "xielu": XIELU}


def make_activation(name: str) -> Callable[..., Any]:
    """The activation of that name: called with x, and with overwrite=True where its result may take x's memory."""
    return WITH_WEIGHTS[name]() if name in WITH_WEIGHTS else ops.get_activation(name)
