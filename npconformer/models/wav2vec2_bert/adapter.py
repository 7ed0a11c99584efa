"""Wav2Vec2-BERT's adapter: Transformer layers behind strided convolutions, each of which makes the frames fewer.

    r = GLU(conv_r(LN(x))),   a = attention(GLU(conv_a(LN(x)))) + r,   y = ffn(LN(a)) + a

Both convolutions have kernel k, stride s and floor(s/2) zeros on each side: T' = floor((T + 2 floor(s/2) - k) / s) + 1.

Letters: B batch, T time, T' time after a layer, C = output_hidden_size.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer import ops
from npconformer.arrays import generator
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.models.conformer.attention import SelfAttention
from npconformer.models.conformer.attention_mask import attention_bias
from npconformer.models.conformer.feed_forward import FeedForward
from npconformer.models.frame_clock import Stage, count_steps
from npconformer.models.wav2vec2_bert.configuration import Wav2Vec2BertConfig
from npconformer.nn import Conv1d, Dropout, LayerNorm, Linear, Module, ModuleList
from npconformer.tape.autograd import Tensor


def counted_stage(config: Wav2Vec2BertConfig) -> Stage:
    """A layer as lengths are counted: as if its convolutions were padded by half their kernel."""
    return Stage(config.adapter_kernel_size - 2 * (config.adapter_kernel_size // 2), config.adapter_stride)


def convolution_stage(config: Wav2Vec2BertConfig) -> Stage:
    """A layer as its convolutions are: padded by half their stride. Both agree for the usual kernel 3 and stride 2."""
    return Stage(config.adapter_kernel_size - 2 * (config.adapter_stride // 2), config.adapter_stride)


class Wav2Vec2BertAdapterLayer(Module):
    """Two strided convolutions to 2C with GLU, one for the residual; self-attention without positions; feed-forward."""

    def __init__(self, config: Wav2Vec2BertConfig) -> None:
        super().__init__()
        channels, eps = config.width_after_adapter, config.layer_norm_eps
        kernel, stride = config.adapter_kernel_size, config.adapter_stride
        self.residual_layer_norm = LayerNorm(channels, eps)
        self.residual_conv = Conv1d(channels, 2 * channels, kernel, stride, stride // 2)
        self.self_attn_layer_norm = LayerNorm(channels, eps)
        self.self_attn_conv = Conv1d(channels, 2 * channels, kernel, stride, stride // 2)
        self.self_attn = SelfAttention(config, channels, None)
        self.self_attn_dropout = Dropout(config.conformer_conv_dropout)
        self.ffn_layer_norm = LayerNorm(channels, eps)
        self.ffn = FeedForward(config, channels, config.adapter_act)

    def forward(self, x: Tensor, seen: np.ndarray | None = None, padded_frames: Array | None = None) -> Tensor:
        """(B, T, C) -> (B, T', C)

        seen: None or (B,): how many frames after the convolutions attention may see. padded_frames: None or (B, T, 1),
        true at frames that the convolutions are not to see.
        """
        residual = self._pool(self.residual_layer_norm(x), self.residual_conv, padded_frames)  # (B, T', C)
        x = self._pool(self.self_attn_layer_norm(x), self.self_attn_conv, padded_frames)  # (B, T', C)
        mask = None if seen is None else attention_bias(np.arange(x.shape[1]) < seen[:, None], x)
        attended, _ = self.self_attn(x, mask)
        x = self.self_attn_dropout(attended) + residual
        return self.ffn(self.ffn_layer_norm(x)) + x

    def _pool(self, x: Tensor, convolution: Conv1d, padded_frames: Array | None) -> Tensor:
        if padded_frames is not None:
            x = ops.masked_assign(x, padded_frames, 0.0)
        return ops.glu(convolution(x))


class Wav2Vec2BertAdapter(Module):
    """An optional projection to output_hidden_size with a layer norm, then the layers (with LayerDrop in training)."""

    def __init__(self, config: Wav2Vec2BertConfig) -> None:
        super().__init__()
        self.config = config
        self.proj: Linear | None = None
        self.proj_layer_norm: LayerNorm | None = None
        if config.width_after_adapter != config.hidden_size:
            self.proj = Linear(config.hidden_size, config.width_after_adapter, std=config.initializer_range)
            self.proj_layer_norm = LayerNorm(config.width_after_adapter, config.layer_norm_eps)
        self.layers = ModuleList(Wav2Vec2BertAdapterLayer(config) for _ in range(config.num_adapter_layers))

    def forward(self, x: Tensor, frame_lengths: np.ndarray | None = None, exact_padding: bool = False) -> Tensor:
        """(B, T, hidden_size) -> (B, T', C)

        frame_lengths: None or (B,) frames of each utterance. Attention sees as many frames as the reference counts,
        also for a layer that LayerDrop skips. Its convolutions see padding, which is not 0 here, in the last frames of
        shorter utterances. With exact_padding they see 0 there, and attention sees the frames that the utterance has
        alone, without a mask.
        """
        if self.proj is not None and self.proj_layer_norm is not None:
            x = self.proj_layer_norm(self.proj(x))
        counted = own = frame_lengths
        for layer in self.layers:
            if counted is not None:
                counted = count_steps(counted, [counted_stage(self.config)])
            if self.training and generator.happens(self.config.layerdrop):
                continue
            seen, padded_frames = counted, None
            if exact_padding and own is not None:
                padded = np.arange(x.shape[1]) >= own[:, None]
                padded_frames = asarray(padded[:, :, None], x.data)  # (B, T, 1)
                seen = own = count_steps(own, [convolution_stage(self.config)])
            x = layer(x, seen, padded_frames)
        return x
