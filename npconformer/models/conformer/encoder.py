"""The Conformer encoder: a stack of blocks (Gulati et al. 2020).

Letters: B batch, T time, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays import generator
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.models.conformer.attention_mask import attention_bias
from npconformer.models.conformer.block import ConformerBlock
from npconformer.models.conformer.convolution import ConvolutionModule
from npconformer.models.conformer.positions import RelativePositionalEmbedding, RotaryPositionalEmbedding
from npconformer.nn import Dropout, Module, ModuleList
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_grad_enabled
from npconformer.tape.recompute import recompute


class ConformerEncoder(Module):
    """The stack of blocks, with LayerDrop (Fan et al. 2019).

    convolution: the class of the blocks' convolution modules. eps: of all layer norms. saves_positions: whether the
    frequencies of rotary positions are part of a checkpoint.
    """

    def __init__(
        self, config: Any, convolution: type[ConvolutionModule], eps: float, saves_positions: bool = True
    ) -> None:
        super().__init__()
        self.config, self.gradient_checkpointing = config, False
        self.embed_positions: Module | None = None
        if config.position_embeddings_type == "relative":
            self.embed_positions = RelativePositionalEmbedding(config)
        elif config.position_embeddings_type == "rotary":
            self.embed_positions = RotaryPositionalEmbedding(config, saves_positions)
        self.add_own_layers(config)
        self.dropout = Dropout(config.hidden_dropout)
        self.layers = ModuleList(ConformerBlock(config, convolution, eps) for _ in range(config.num_hidden_layers))

    def add_own_layers(self, config: Any) -> None:
        """Layers that only one model's encoder has; they come before the blocks in checkpoints."""

    def forward(
        self,
        x: Tensor,
        frame_mask: np.ndarray | None = None,
        masks_convolutions: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """(B, T, C) -> (B, T, C) of the last block; all hidden states; all attention weights.

        frame_mask: (B, T) booleans, true at the utterances' own frames. Padded frames are set to 0 at the start and
        are invisible to attention; with masks_convolutions the convolutions do not see them either.
        """
        mask = padded_frames = None
        if frame_mask is not None:
            padded = asarray(~frame_mask[:, :, None], x.data)  # (B, T, 1)
            x = ops.masked_assign(x, padded, 0.0)
            mask = attention_bias(frame_mask, x)
            padded_frames = padded if masks_convolutions else None
        x = self.dropout(x)
        positions = self.embed_positions(x) if self.embed_positions is not None else None

        hidden_states: list[Tensor] = [x]
        attentions: list[Any] = []
        for layer in self.layers:
            dropped = self.training and generator.happens(self.config.layerdrop)
            if not dropped:  # else it passes its input on, and has its entry among the hidden states
                x, weights = self._run_layer(layer, x, mask, positions, padded_frames, output_attentions)
                attentions.append(weights)
            hidden_states.append(x) if output_hidden_states else None
        return (
            x,
            tuple(hidden_states) if output_hidden_states else None,
            tuple(attentions) if output_attentions else None,
        )

    def _run_layer(
        self, layer: Module, x: Tensor, mask: Any, positions: Any, padded_frames: Array | None, output_attentions: bool
    ) -> tuple[Tensor, Tensor | None]:
        if not (self.gradient_checkpointing and self.training and is_grad_enabled()):
            return layer(x, mask, positions, padded_frames, output_attentions)
        if output_attentions:
            return recompute(lambda h: layer(h, mask, positions, padded_frames, True), x)
        return recompute(lambda h: layer(h, mask, positions, padded_frames)[0], x), None
