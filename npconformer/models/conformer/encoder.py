"""The Conformer encoder: blocks of feed-forward, self-attention, convolution, feed-forward (Gulati et al. 2020).

Letters: B batch, T time, C channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays import generator
from npconformer.arrays.backend import asarray
from npconformer.models.conformer.attention import Wav2Vec2ConformerSelfAttention
from npconformer.models.conformer.positions import (
    Wav2Vec2ConformerRelPositionalEmbedding,
    Wav2Vec2ConformerRotaryPositionalEmbedding,
)
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.nn import (
    BatchNorm1d,
    Conv1d,
    Dropout,
    LayerNorm,
    Linear,
    Module,
    ModuleList,
    PointwiseConv1d,
    WeightNormConv1d,
)
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_grad_enabled
from npconformer.tape.recompute import recompute


class Wav2Vec2ConformerFeedForward(Module):
    """linear, activation, linear: C -> intermediate_size -> C"""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        std = config.initializer_range
        self.intermediate_dense = Linear(config.hidden_size, config.intermediate_size, std=std)
        self.activation = ops.get_activation(config.hidden_act)
        self.intermediate_dropout = Dropout(config.activation_dropout)
        self.output_dense = Linear(config.intermediate_size, config.hidden_size, std=std)
        self.output_dropout = Dropout(config.hidden_dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.intermediate_dropout(self.activation(self.intermediate_dense(x), overwrite=True))
        return self.output_dropout(self.output_dense(x))


class Wav2Vec2ConformerConvolutionModule(Module):
    """layer norm, pointwise to 2C, GLU, depthwise over time, batch norm, activation, pointwise, dropout"""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        channels, kernel = config.hidden_size, config.conv_depthwise_kernel_size
        self.layer_norm = LayerNorm(channels)
        self.pointwise_conv1 = PointwiseConv1d(channels, 2 * channels)
        self.depthwise_conv = Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2, groups=channels, bias=False)
        self.batch_norm = BatchNorm1d(channels)
        self.activation = ops.get_activation(config.hidden_act)
        self.pointwise_conv2 = PointwiseConv1d(channels, channels)
        self.dropout = Dropout(config.conformer_conv_dropout)

    def forward(self, x: Tensor, padded_frames: Any = None) -> Tensor:
        """With padded_frames (B, T, 1) true at padding, the depthwise convolution sees zeros there."""
        x = ops.glu(self.pointwise_conv1(self.layer_norm(x)))  # (B, T, C)
        if padded_frames is not None:
            x = ops.masked_assign(x, padded_frames, 0.0)
        x = self.activation(self._mix_frames(x), overwrite=True)
        return self.dropout(self.pointwise_conv2(x))

    def _mix_frames(self, x: Tensor) -> Tensor:
        """Depthwise convolution and batch norm; one convolution where both are linear and no gradient is recorded."""
        conv = self.depthwise_conv
        if self.training or is_grad_enabled():
            return self.batch_norm(conv(x))
        weight, bias = self.batch_norm.folded_into(conv.weight.data)
        return ops.conv1d(x, weight, bias, padding=conv.padding, groups=conv.groups)


class Wav2Vec2ConformerEncoderLayer(Module):
    """One Conformer block: x + ffn/2, + attention, + convolution, + ffn/2, layer norm."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        channels = config.hidden_size
        self.ffn1_layer_norm = LayerNorm(channels)
        self.ffn1 = Wav2Vec2ConformerFeedForward(config)
        self.self_attn_layer_norm = LayerNorm(channels)
        self.self_attn_dropout = Dropout(config.attention_dropout)
        self.self_attn = Wav2Vec2ConformerSelfAttention(config)
        self.conv_module = Wav2Vec2ConformerConvolutionModule(config)
        self.ffn2_layer_norm = LayerNorm(channels)
        self.ffn2 = Wav2Vec2ConformerFeedForward(config)
        self.final_layer_norm = LayerNorm(channels)

    def forward(
        self,
        x: Tensor,
        mask: Any = None,
        positions: Any = None,
        padded_frames: Any = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        x = ops.scaled_add(self.ffn1(self.ffn1_layer_norm(x)), x, 0.5)
        attended, weights = self.self_attn(self.self_attn_layer_norm(x), mask, positions, output_attentions)
        x = x + self.self_attn_dropout(attended)
        x = x + self.conv_module(x, padded_frames)
        x = ops.scaled_add(self.ffn2(self.ffn2_layer_norm(x)), x, 0.5)
        return self.final_layer_norm(x), weights


class Wav2Vec2ConformerPositionalConvEmbedding(Module):
    """A grouped convolution that every checkpoint holds and that the reference never calls; kept for round trips."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        self.conv = WeightNormConv1d(
            config.hidden_size, config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups
        )
        self.activation = ops.get_activation(config.feat_extract_activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.conv(x)[:, : x.shape[1]])  # an even kernel gives one frame too many


class Wav2Vec2ConformerEncoder(Module):
    """The stack of blocks, with LayerDrop (Fan et al. 2019), and the final layer norm."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        self.config, self.gradient_checkpointing = config, False
        if config.position_embeddings_type == "relative":
            self.embed_positions = Wav2Vec2ConformerRelPositionalEmbedding(config)
        elif config.position_embeddings_type == "rotary":
            self.embed_positions = Wav2Vec2ConformerRotaryPositionalEmbedding(config)
        else:
            self.embed_positions = None
        self.pos_conv_embed = Wav2Vec2ConformerPositionalConvEmbedding(config)
        self.layer_norm = LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout)
        self.layers = ModuleList(Wav2Vec2ConformerEncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        x: Tensor,
        frame_mask: np.ndarray | None = None,
        exact_padding: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """(B, T, C) -> (B, T, C) after the final layer norm; all hidden states; all attention weights.

        frame_mask: (B, T) booleans, true at the utterances' own frames. Padded frames are set to 0 at the start and
        are invisible to attention; with exact_padding the convolutions do not see them either.
        """
        mask = padded_frames = None
        if frame_mask is not None:
            padded = asarray(~frame_mask[:, :, None], x.data)  # (B, T, 1)
            x = ops.masked_assign(x, padded, 0.0)
            mask = _attention_bias(frame_mask, x)
            padded_frames = padded if exact_padding else None
        x = self.dropout(x)
        positions = self.embed_positions(x) if self.embed_positions is not None else None

        hidden_states, attentions = [x], []
        for layer in self.layers:
            dropped = self.training and generator.happens(self.config.layerdrop)
            if not dropped:  # else it passes its input on, and has its entry among the hidden states
                x, weights = self._run_layer(layer, x, mask, positions, padded_frames, output_attentions)
                attentions.append(weights)
            hidden_states.append(x) if output_hidden_states else None
        return (
            self.layer_norm(x),
            tuple(hidden_states) if output_hidden_states else None,
            tuple(attentions) if output_attentions else None,
        )

    def _run_layer(
        self, layer: Module, x: Tensor, mask: Any, positions: Any, padded_frames: Any, output_attentions: bool
    ) -> tuple[Tensor, Tensor | None]:
        if not (self.gradient_checkpointing and self.training and is_grad_enabled()):
            return layer(x, mask, positions, padded_frames, output_attentions)
        if output_attentions:
            return recompute(lambda h: layer(h, mask, positions, padded_frames, True), x)
        return recompute(lambda h: layer(h, mask, positions, padded_frames)[0], x), None


def _attention_bias(frame_mask: np.ndarray, x: Tensor) -> Any:
    """(B, 1, 1, T): 0 where a frame may be attended to, the dtype's lowest number where not; None without padding."""
    if frame_mask.all():
        return None
    bias = np.where(frame_mask, 0.0, np.finfo(x.dtype).min).astype(x.dtype)
    return asarray(bias[:, None, None, :], x.data)
