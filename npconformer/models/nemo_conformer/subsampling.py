"""From mel frames every 10 ms to encoder frames every 40 ms (or 20, or 80): strided convolutions over time and bands.

    x  (B, T, J)               mel features, a picture of J bands with one channel
    (B, T/2, J/2, C)           halved once: see below
    (B, T/4, J/4, C)           the same again; and again where the factor is 8
    (B, T/4, C J/4)            channels and bands flattened, channel first
    (B, T/4, H)                linear

How a picture is halved (NeMo's `ConvSubsampling`, with its names for the kinds; a zero at each side of 3x3 kernels):

    striding       3x3 convolution with stride 2, ReLU
    dw_striding    the first time the same; then 3x3 with stride 2, each channel by itself, 1x1 over channels, ReLU
    vggnet         3x3 convolution, ReLU, twice; then the largest of each 2x2

Each leaves n -> floor((n - 1) / 2) + 1 steps, of time as of bands. With the first two kinds, step i of its result is
centred on step 2 i of its input, so that frame j of the encoder is centred on mel frame 4 j, and sees those from
4 j - 3 to 4 j + 3; with vggnet it sees those from 4 j - 6 to 4 j + 9.

The first picture with C channels takes 70 times as much memory as the features. Where nothing is recorded, stretches of
frames are therefore computed one after the other: with so many frames more on both sides as a frame sees, thrown away.

Letters: B batch, T mel frames, J mel bands, C convolution channels, H hidden size.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray
from npconformer.models.frame_clock import Stage, count_steps
from npconformer.models.nemo_conformer.configuration import NemoConformerConfig
from npconformer.nn import Conv2d, Linear, Module, ModuleList
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_inference

STRETCH = 128  # frames of the result that are computed at once

STAGE = Stage(1, 2)  # what halving does to a number of steps, whatever the kind


class Step(NamedTuple):
    """A convolution of the subsampling, and what comes behind it."""

    kernel: int = 3
    stride: int = 1
    is_depthwise: bool = False
    has_relu: bool = True
    is_pooled: bool = False


HALVED = Step(stride=2)
DEPTHWISE, POINTWISE = Step(stride=2, is_depthwise=True, has_relu=False), Step(kernel=1)
STEPS = {  # of each kind: those of the first time, and of each other
    "striding": ([HALVED], [HALVED]),
    "dw_striding": ([HALVED], [DEPTHWISE, POINTWISE]),
    "vggnet": ([Step(), Step(is_pooled=True)],) * 2,
}
# How many frames of the result cover what a frame sees before its own mel frames, and behind them.
SEEN_BESIDE = {"striding": (1, 0), "dw_striding": (1, 0), "vggnet": (2, 2)}


def subsampling_stages(config: NemoConformerConfig) -> tuple[Stage, ...]:
    """What the convolutions do to the number of frames: one stage for each factor of two."""
    return (STAGE,) * (config.subsampling_factor.bit_length() - 1)


class NemoConformerSubsampling(Module):
    """Convolutions with ReLU, then a linear map of what is left of a frame's bands and channels."""

    def __init__(self, config: NemoConformerConfig) -> None:
        super().__init__()
        channels, self.stages = config.subsampling_conv_channels, subsampling_stages(config)
        first, others = STEPS[config.subsampling]
        self.steps = (*first, *others * (len(self.stages) - 1))
        self.seen_beside = SEEN_BESIDE[config.subsampling]
        self.layers = ModuleList(
            Conv2d(
                channels if index else 1,
                channels,
                step.kernel,
                step.stride,
                step.kernel // 2,
                channels if step.is_depthwise else 1,
            )
            for index, step in enumerate(self.steps)
        )
        bands = count_steps(config.num_mel_bins, self.stages)
        self.linear = Linear(channels * bands, config.hidden_size, std=config.initializer_range)

    def forward(self, features: Tensor, lengths: np.ndarray | None = None) -> Tensor:
        """(B, T, J) -> (B, T', H)

        lengths: None or (B,), the frames of each utterance. What lies behind them is set to 0 before every convolution:
        an utterance alone has zeros there, and a bias would fill them.
        """
        factor, frames = 2 ** len(self.stages), count_steps(features.shape[1], self.stages)  # T'
        if not is_inference() or frames <= STRETCH:
            return self._encode(features, lengths)
        parts, (before, behind) = [], self.seen_beside
        for first in range(0, frames, STRETCH):
            from_frame = max(first - before, 0)
            start, stop = factor * from_frame, factor * (first + STRETCH + behind)
            own = None if lengths is None else np.clip(lengths - start, 0, None)
            part = self._encode(features[:, start:stop], own)
            parts.append(part[:, first - from_frame : first - from_frame + STRETCH])
        return ops.concatenate(parts, axis=1)

    def _encode(self, features: Tensor, lengths: np.ndarray | None) -> Tensor:
        """The same of a stretch, as if it were all there is."""
        x = features.reshape(*features.shape, 1)  # (B, T, J, 1)
        for convolution, step in zip(self.layers, self.steps, strict=True):
            if step.kernel > 1:
                x = self._without_padding(x, lengths)
            x = convolution(x)
            if step.has_relu:
                x = ops.relu(x, overwrite=True)
            if step.is_pooled:
                x = ops.max_pool2d(self._without_padding(x, lengths))
            if lengths is not None and (step.is_pooled or step.stride > 1):
                lengths = count_steps(lengths, [STAGE])
        batch, frames = x.shape[:2]
        return self.linear(x.transpose(0, 1, 3, 2).reshape(batch, frames, -1))

    def _without_padding(self, x: Tensor, lengths: np.ndarray | None) -> Tensor:
        if lengths is None:
            return x
        padded = np.arange(x.shape[1]) >= lengths[:, None]  # (B, T)
        return ops.masked_assign(x, asarray(padded[:, :, None, None], x.data), 0.0) if padded.any() else x
