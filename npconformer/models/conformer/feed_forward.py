"""The feed-forward half-step of a Conformer block (Gulati et al. 2020, section 2.3).

Letters: B batch, T time, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.nn import Dropout, Linear, Module, make_activation
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
        x = self.intermediate_dropout(self.intermediate_act_fn(self.intermediate_dense(x), overwrite=True))
        return self.output_dropout(self.output_dense(x))
