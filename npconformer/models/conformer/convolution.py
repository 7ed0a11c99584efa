"""The convolution module of a Conformer block (Gulati et al. 2020, section 2.2), as each of the models has it.

    layer norm, pointwise to 2C, gated linear unit (GLU), depthwise over time, norm, activation, pointwise, dropout

Letters: B batch, T time, C channels, K depthwise kernel.

Lesson: notebooks/03_conformer_block.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from typing import Any, ClassVar

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.nn import BatchNorm1d, Conv1d, Dropout, LayerNorm, Module, PointwiseConv1d, make_activation
from npconformer.nn.fusing import is_idle, is_plain, is_plain_linear
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_inference


class ConvolutionModule(Module):
    """Gulati's: a frame sees (K-1)/2 frames on each side, and batch norm with running statistics follows.

    has_biases: whether its three convolutions have biases, as in the models of NeMo.
    """

    has_biases: ClassVar[bool] = False

    def __init__(self, config: Any, eps: float) -> None:
        super().__init__()
        channels = config.hidden_size
        self.layer_norm = LayerNorm(channels, eps)
        self.pointwise_conv1 = PointwiseConv1d(channels, 2 * channels, self.has_biases)
        self.add_mixing(channels, config.conv_depthwise_kernel_size, eps)
        self.activation = make_activation(config.hidden_act)
        self.pointwise_conv2 = PointwiseConv1d(channels, channels, self.has_biases)
        self.dropout = Dropout(config.conformer_conv_dropout)

    def forward(self, x: Tensor, padded_frames: Array | None = None, residual: Tensor | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C). With padded_frames (B, T, 1), true at padding, the depthwise kernel sees zeros there.

        residual: None or what the result is added to, if `can_add`.

        The reference sets them to 0 before the first pointwise layer; where that has no bias, they are 0 behind the
        GLU as well, with the same gradients. With biases they would not be; NeMo sets them to 0 here.
        """
        x = self.layer_norm(x)
        fuses = is_plain_linear(self.pointwise_conv1)
        x = self.pointwise_conv1(x, gated=True) if fuses else ops.glu(self.pointwise_conv1(x))  # (B, T, C)
        if padded_frames is not None:
            x = ops.masked_assign(x, padded_frames, 0.0)
        x = self.activation(self.mix_frames(x), overwrite=True)
        if residual is not None:
            return self.pointwise_conv2(x, residual=residual)
        return self.dropout(self.pointwise_conv2(x))

    def can_add(self) -> bool:
        """Whether the sum with a residual may be part of the last convolution: nobody looks at what is in between."""
        return is_plain(self, ConvolutionModule) and is_plain_linear(self.pointwise_conv2) and is_idle(self.dropout)

    def add_mixing(self, channels: int, kernel: int, eps: float) -> None:
        """The layers that `mix_frames` uses."""
        sides = (kernel - 1) // 2
        self.depthwise_conv = Conv1d(channels, channels, kernel, padding=sides, groups=channels, bias=self.has_biases)
        self.batch_norm = BatchNorm1d(channels)

    def mix_frames(self, x: Tensor) -> Tensor:
        """Depthwise convolution and batch norm; one convolution where both are linear and no gradient is recorded."""
        conv = self.depthwise_conv
        if self.training or not is_inference():
            return self.batch_norm(conv(x))
        own_bias = None if conv.bias is None else conv.bias.data
        weight, bias = self.batch_norm.folded_into(conv.weight.data, own_bias)
        return ops.conv1d(x, weight, bias, padding=conv.padding, groups=conv.groups)


class BiasedConvolutionModule(ConvolutionModule):
    """Gulati's, with biases."""

    has_biases = True


class CausalConvolutionModule(ConvolutionModule):
    """Wav2Vec2-BERT's: a frame sees the K-1 frames before it and none behind, and layer norm follows."""

    def add_mixing(self, channels: int, kernel: int, eps: float) -> None:
        self.depthwise_conv = Conv1d(channels, channels, kernel, padding=(kernel - 1, 0), groups=channels, bias=False)
        self.depthwise_layer_norm = LayerNorm(channels, eps)

    def mix_frames(self, x: Tensor) -> Tensor:
        return self.depthwise_layer_norm(self.depthwise_conv(x), overwrite=True)
