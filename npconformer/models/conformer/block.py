"""One Conformer block (Gulati et al. 2020, section 2.4).

Letters: B batch, T time, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.arrays.types import Array
from npconformer.models.conformer.attention import SelfAttention
from npconformer.models.conformer.convolution import ConvolutionModule
from npconformer.models.conformer.feed_forward import FeedForward, half_step
from npconformer.nn import Dropout, LayerNorm, Module
from npconformer.nn.fusing import is_idle
from npconformer.tape.autograd import Tensor


class ConformerBlock(Module):
    """x + ffn/2, + attention, + convolution, + ffn/2, layer norm; each part behind a layer norm of its own.

    The two feed-forward modules are half-steps: half of what they say is added, so that together they make one step.

    convolution: the class of its convolution module. eps: of the layer norms.
    """

    def __init__(self, config: Any, convolution: type[ConvolutionModule], eps: float) -> None:
        super().__init__()
        channels = config.hidden_size
        self.ffn1_layer_norm = LayerNorm(channels, eps)
        self.ffn1 = FeedForward(config)
        self.self_attn_layer_norm = LayerNorm(channels, eps)
        self.self_attn_dropout = Dropout(config.attention_dropout)
        self.self_attn = SelfAttention(config, channels, config.position_embeddings_type)
        self.conv_module = convolution(config, eps)
        self.ffn2_layer_norm = LayerNorm(channels, eps)
        self.ffn2 = FeedForward(config)
        self.final_layer_norm = LayerNorm(channels, eps)

    def forward(
        self,
        x: Tensor,
        mask: Array | None = None,
        positions: Any = None,
        padded_frames: Array | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(B, T, C) -> (B, T, C), and the attention weights (B, H, T, T) if asked for.

        mask: None or numbers added to the scores, (B, 1, 1, T). positions: of the encoder's table, if it has one.
        padded_frames: None or (B, T, 1), true at frames that the convolution is not to see.
        """
        x = half_step(self.ffn1, self.ffn1_layer_norm(x), x)
        attended = self.self_attn_layer_norm(x)
        if can_add(self.self_attn) and is_idle(self.self_attn_dropout):
            x, weights = self.self_attn(attended, mask, positions, output_attentions, residual=x)
        else:
            attended, weights = self.self_attn(attended, mask, positions, output_attentions)
            x = x + self.self_attn_dropout(attended)
        convolved = self.conv_module
        x = convolved(x, padded_frames, residual=x) if can_add(convolved) else x + convolved(x, padded_frames)
        x = half_step(self.ffn2, self.ffn2_layer_norm(x), x)
        return self.final_layer_norm(x), weights


def can_add(module: Any) -> bool:
    """Whether a part adds the residual itself; another one in its place may not know how to."""
    return isinstance(module, SelfAttention | ConvolutionModule) and module.can_add()
