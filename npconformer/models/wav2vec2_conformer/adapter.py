"""The adapter: strided gated convolutions after the encoder, each of which makes the frames fewer.

Letters: B batch, T time, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer import ops
from npconformer.arrays import generator
from npconformer.arrays.backend import asarray
from npconformer.models.frame_clock import Stage, count_steps
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.nn import Conv1d, LayerNorm, Linear, Module, ModuleList
from npconformer.tape.autograd import Tensor

ADAPTER_PADDING = 1  # zeros on each side, whatever the kernel


class Wav2Vec2ConformerAdapterLayer(Module):
    """A strided convolution to 2C channels and a GLU back to C."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        channels = config.width_after_adapter
        self.conv = Conv1d(channels, 2 * channels, config.adapter_kernel_size, config.adapter_stride, ADAPTER_PADDING)

    def forward(self, x: Tensor) -> Tensor:
        return ops.glu(self.conv(x))

    def output_length(self, length: np.ndarray) -> np.ndarray:
        """How many frames the convolution gives for an utterance of `length` frames on its own."""
        return count_steps(length, [Stage(self.conv.kernel_size - 2 * ADAPTER_PADDING, self.conv.stride)])


class Wav2Vec2ConformerAdapter(Module):
    """An optional projection to output_hidden_size, then the strided layers (with LayerDrop in training)."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        self.config = config
        self.proj: Linear | None = None
        self.proj_layer_norm: LayerNorm | None = None
        if config.width_after_adapter != config.hidden_size:
            self.proj = Linear(config.hidden_size, config.width_after_adapter, std=config.initializer_range)
            self.proj_layer_norm = LayerNorm(config.width_after_adapter)
        self.layers = ModuleList(Wav2Vec2ConformerAdapterLayer(config) for _ in range(config.num_adapter_layers))

    def forward(self, x: Tensor, frame_lengths: np.ndarray | None = None) -> Tensor:
        """(B, T, C) -> (B, T', output_hidden_size). With frame_lengths (B,), padding never enters a convolution."""
        if self.proj is not None and self.proj_layer_norm is not None:
            x = self.proj_layer_norm(self.proj(x))
        for layer in self.layers:
            if self.training and generator.happens(self.config.layerdrop):
                continue
            if frame_lengths is not None:
                padded = np.arange(x.shape[1]) >= frame_lengths[:, None]
                x = ops.masked_assign(x, asarray(padded[:, :, None], x.data), 0.0)
                frame_lengths = layer.output_length(frame_lengths)
            x = layer(x)
        return x
