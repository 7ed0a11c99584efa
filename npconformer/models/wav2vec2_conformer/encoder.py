"""Wav2Vec2-Conformer's encoder: the shared stack of blocks, what its checkpoints hold beside it, and a layer norm.

Letters: B batch, T time, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.models.conformer.convolution import ConvolutionModule
from npconformer.models.conformer.encoder import ConformerEncoder
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.nn import LayerNorm, Module, WeightNormConv1d, make_activation
from npconformer.tape.autograd import Tensor

BLOCK_EPS = 1e-5  # of the layer norms in the blocks, whatever the config's layer_norm_eps


class Wav2Vec2ConformerPositionalConvEmbedding(Module):
    """A grouped convolution that every checkpoint holds and that the reference never calls; kept for round trips."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        self.conv = WeightNormConv1d(
            config.hidden_size, config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups
        )
        self.activation = make_activation(config.feat_extract_activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.conv(x)[:, : x.shape[1]])  # an even kernel gives one frame too many


class Wav2Vec2ConformerEncoder(ConformerEncoder):
    """The stack of blocks and the final layer norm, which only the first result has gone through."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config, ConvolutionModule, BLOCK_EPS)

    def add_own_layers(self, config: Wav2Vec2ConformerConfig) -> None:
        self.pos_conv_embed = Wav2Vec2ConformerPositionalConvEmbedding(config)
        self.layer_norm = LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Any, Any]:
        x, hidden_states, attentions = super().forward(*args, **kwargs)
        return self.layer_norm(x), hidden_states, attentions
