"""The feed-forward half-step of a Conformer block (Gulati et al. 2020, section 2.3).

Letters: B batch, T time, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer import ops
from npconformer.nn import Dropout, Linear, Module, make_activation
from npconformer.nn.fusing import activation_after, fusible_weight, is_idle, is_plain
from npconformer.ops.activations import fused_class
from npconformer.tape.autograd import Tensor


class FeedForward(Module):
    """linear, activation, dropout, linear, dropout: C -> intermediate_size -> C

    channels, activation: C and the activation's name; the config's hidden_size and hidden_act unless given.
    """

    def __init__(self, config: Any, channels: int | None = None, activation: str | None = None) -> None:
        super().__init__()
        std, channels = config.initializer_range, channels or config.hidden_size
        self.intermediate_dense = Linear(channels, config.intermediate_size, std=std)
        self.intermediate_act_fn = make_activation(activation or config.hidden_act)
        self.intermediate_dropout = Dropout(config.activation_dropout)
        self.output_dense = Linear(config.intermediate_size, channels, std=std)
        self.output_dropout = Dropout(config.hidden_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)"""
        return self.output_dropout(self.output_dense(self.widen(x)))

    def widen(self, x: Tensor) -> Tensor:
        """The first half of it: C -> intermediate_size."""
        activation = activation_after(self.intermediate_dense, self.intermediate_act_fn)
        if activation is not None:
            return self.intermediate_dropout(self.intermediate_dense(x, activation=activation))
        return self.intermediate_dropout(self.intermediate_act_fn(self.intermediate_dense(x), overwrite=True))


def half_step(module: Module, x: Tensor, residual: Tensor) -> Tensor:
    """residual + module(x) / 2; as few operations as nobody looks in between."""
    if is_plain(module, FeedForward) and is_idle(module.output_dropout):
        first, second = module.intermediate_dense, module.output_dense
        activation = fused_class(module.intermediate_act_fn)
        w, v = fusible_weight(first), fusible_weight(second)
        if activation and w is not None and v is not None and is_idle(module.intermediate_dropout):
            return ops.feed_forward(x, (w, first.bias), (v, second.bias), activation, residual, 0.5)
        if is_plain(second, Linear):
            return second(module.widen(x), residual=residual, factor=0.5)
    return ops.scaled_add(module(x), residual, 0.5)
