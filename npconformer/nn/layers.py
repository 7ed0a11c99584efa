"""The stock layers: an operation together with its parameters, named and laid out as in checkpoints.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import get_array_module
from npconformer.arrays.types import Array
from npconformer.nn import init
from npconformer.nn.module import Module, Parameter
from npconformer.ops.batch_norm import as_linear_map
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_recomputing


class Linear(Module):
    """y = x W^T + b. Weight (out, in): normal with the given std; bias (out,): zero."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, std: float = 0.02) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(init.normal(0.0, std, out_features, in_features))
        self.bias = Parameter(init.constant(0.0, out_features)) if bias else None

    def forward(self, x: Tensor | Array, **fused: Any) -> Tensor:
        """fused: what `ops.linear` computes in the same pass."""
        return ops.linear(x, self.weight, self.bias, **fused)

    def extra_repr(self) -> str:
        has_bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={has_bias}"


class Embedding(Module):
    """A table of learned vectors. Weight (rows, channels): normal with the given std."""

    is_embedding = True

    def __init__(self, rows: int, channels: int, std: float = 0.02) -> None:
        super().__init__()
        self.weight = Parameter(init.normal(0.0, std, rows, channels))

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Conv1d(Module):
    """Convolution over time. Weight (out, in / groups, kernel): He's normal; bias: uniform within 1/sqrt(fan_in)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.groups = dilation, groups
        width = in_channels // groups
        bound = math.sqrt(1 / (width * kernel_size))
        self.weight = Parameter(init.kaiming_normal(out_channels, width, kernel_size))
        self.bias = Parameter(init.uniform(-bound, bound, out_channels)) if bias else None

    def forward(self, x: Tensor | Array) -> Tensor:
        return ops.conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        out_channels, width, kernel = self.weight.shape
        parts = [f"{width * self.groups}, {out_channels}, kernel_size=({kernel},), stride=({self.stride},)"]
        parts += [f"padding={self.padding}"] if self.padding else []
        parts += [f"dilation=({self.dilation},)"] if self.dilation != 1 else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        return ", ".join(parts + ([] if self.bias is not None else ["bias=False"]))


class PointwiseConv1d(Module):
    """A convolution with a kernel of 1, which is a linear map of every frame. Weight (out, in, 1); bias: zero."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = Parameter(init.kaiming_normal(out_channels, in_channels, 1))
        self.bias = Parameter(init.constant(0.0, out_channels)) if bias else None

    def forward(self, x: Tensor | Array, gated: bool = False, **fused: Any) -> Tensor:
        """gated: with a gated linear unit behind it. fused: what `ops.linear` computes in the same pass."""
        weight = self.weight.reshape(self.weight.shape[:2])
        return ops.gated_linear(x, weight, self.bias) if gated else ops.linear(x, weight, self.bias, **fused)

    def extra_repr(self) -> str:
        sizes = f"{self.weight.shape[1]}, {self.weight.shape[0]}, kernel_size=(1,), stride=(1,)"
        return sizes if self.bias is not None else f"{sizes}, bias=False"


class Conv2d(Module):
    """Convolution over time and bands, channels last. Weight (out, in / groups, K, K): He's normal.

    padding: zeros at both ends of the time and of the bands. groups: 1, or one for each channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.groups = kernel_size, stride, padding, groups
        width = in_channels // groups
        bound = math.sqrt(1 / (width * kernel_size**2))
        self.weight = Parameter(init.kaiming_normal(out_channels, width, kernel_size, kernel_size))
        self.bias = Parameter(init.uniform(-bound, bound, out_channels))

    def forward(self, x: Tensor | Array) -> Tensor:
        """(B, T, F, C) -> (B, U, V, O)"""
        padding = (self.padding, self.padding)
        return ops.conv2d(x, self.weight, self.bias, self.stride, padding, self.groups)

    def extra_repr(self) -> str:
        out_channels, width, kernel, _ = self.weight.shape
        parts = [f"{width * self.groups}, {out_channels}, kernel_size=({kernel}, {kernel})"]
        parts += [f"stride=({self.stride}, {self.stride})"]
        parts += [f"padding=({self.padding}, {self.padding})"] if self.padding else []
        return ", ".join(parts + ([f"groups={self.groups}"] if self.groups != 1 else []))


class LayerNorm(Module):
    """Normalises the channels of each frame; weight starts at 1, bias at 0."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = Parameter(init.constant(1.0, channels))
        self.bias = Parameter(init.constant(0.0, channels))

    def forward(self, x: Tensor | Array, overwrite: bool = False) -> Tensor:
        """overwrite: the result may take x's memory, if no gradient needs x."""
        return ops.layer_norm(x, self.weight, self.bias, self.eps, overwrite)

    def extra_repr(self) -> str:
        return f"({self.weight.size},), eps={self.eps}"


class GroupNorm(Module):
    """Normalises groups of channels over the time of each utterance; weight starts at 1, bias at 0."""

    def __init__(self, groups: int, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight = Parameter(init.constant(1.0, channels))
        self.bias = Parameter(init.constant(0.0, channels))

    def forward(self, x: Tensor | Array, frame_mask: Array | None = None) -> Tensor:
        return ops.group_norm(x, self.weight, self.bias, self.groups, self.eps, frame_mask)

    def extra_repr(self) -> str:
        return f"{self.groups}, {self.weight.size}, eps={self.eps}"


class BatchNorm1d(Module):
    """Normalises each channel over batch and time: with the batch's statistics in training, the running ones after.

    After each training forward, with momentum m and n values for each channel:
        running_mean <- (1 - m) running_mean + m mean,   running_var <- (1 - m) running_var + m variance n / (n - 1)
    """

    running_mean: Array
    running_var: Array
    num_batches_tracked: Array

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(init.constant(1.0, channels))
        self.bias = Parameter(init.constant(0.0, channels))
        self.register_buffer("running_mean", init.constant(0.0, channels))
        self.register_buffer("running_var", init.constant(1.0, channels))
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64))

    def forward(self, x: Tensor | Array) -> Tensor:
        if not self.training:
            return ops.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.eps)
        y, mean, variance = ops.batch_norm_training(x, self.weight, self.bias, self.eps)
        if not is_recomputing():
            count = x.shape[0] * x.shape[1]
            self.running_mean = self._moved(self.running_mean, mean)
            self.running_var = self._moved(self.running_var, variance * (count / (count - 1)))
            self.num_batches_tracked = get_array_module(x.data).asarray(self.num_batches_tracked + 1)  # 0-d, no scalar
        return y

    def extra_repr(self) -> str:
        return f"{self.weight.size}, eps={self.eps}, momentum={self.momentum}"

    def folded_into(self, weight: Array, bias: Array | None = None) -> tuple[Array, Array]:
        """Weight and bias of the convolution that does the work of one with this weight (C, ...) and of this norm.

        In evaluation both are linear:  scale (w x + b) + shift = (scale w) x + (scale b + shift).
        Arrays: no gradient flows through them.
        """
        xp, statistics = get_array_module(weight), (self.running_mean, self.running_var)
        _, scale, shift = as_linear_map(xp, self.weight.data, self.bias.data, *statistics, self.eps)
        shift = shift if bias is None else shift + scale * bias
        folded = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
        return folded.astype(weight.dtype, copy=False), shift.astype(weight.dtype, copy=False)

    def _moved(self, running: Array, new: Array) -> Array:
        return running * (1 - self.momentum) + new * self.momentum


class WeightNormConv1d(Module):
    """The convolution of `pos_conv_embed`: its weight is g v / |v|, normalised over all but the last axis.

    Conformer checkpoints carry it, and the reference never calls it; it is here so that checkpoints round-trip and
    so that the layer can be studied.
    """

    def __init__(self, channels: int, kernel_size: int, groups: int) -> None:
        super().__init__()
        self.kernel_size, self.groups = kernel_size, groups
        std = 2 * math.sqrt(1 / (kernel_size * channels))
        v = init.normal(0.0, std, channels, channels // groups, kernel_size)
        xp = get_array_module(v)
        g = init.empty(1, 1, kernel_size) if init.is_skipped() else xp.sqrt((v * v).sum(axis=(0, 1), keepdims=True))
        self.bias = Parameter(init.constant(0.0, channels))
        self.parametrizations = Module()
        self.parametrizations.weight = Module()
        self.parametrizations.weight.original0 = Parameter(g)
        self.parametrizations.weight.original1 = Parameter(v)

    def forward(self, x: Tensor | Array) -> Tensor:
        parts = self.parametrizations.weight
        weight = ops.weight_norm(parts.original0, parts.original1, axis=2)
        return ops.conv1d(x, weight, self.bias, padding=self.kernel_size // 2, groups=self.groups)


class Dropout(Module):
    """In training, sets numbers to 0 with probability p and scales the rest; nothing in evaluation."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return ops.dropout(x, self.p) if self.training and self.p > 0 else x

    def extra_repr(self) -> str:
        return f"p={self.p}"


class CosineSimilarity(Module):
    """The cosine between vectors along an axis, whose lengths count as eps where they are less."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor | Array, x2: Tensor | Array) -> Tensor:
        from npconformer import functional  # not needed by the models, so not loaded with them

        return functional.cosine_similarity(x1, x2, self.dim, self.eps)
