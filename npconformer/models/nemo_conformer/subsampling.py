"""From mel frames every 10 ms to encoder frames every 40 ms: strided convolutions over time and bands.

    x  (B, T, J)               mel features, a picture of J bands with one channel
    (B, T/2, J/2, C)           3x3 convolution with stride 2 and a zero at each side, ReLU
    (B, T/4, J/4, C)           the same again; and again where the factor is 8
    (B, T/4, C J/4)            channels and bands flattened, channel first
    (B, T/4, H)                linear

Every convolution leaves n -> floor((n - 1) / 2) + 1 steps, of time as of bands: step i of its result is centred on step
2 i of its input, so that frame j of the encoder is centred on mel frame 4 j, and sees those from 4 j - 3 to 4 j + 3.
(NeMo's `ConvSubsampling`, "striding".)

The first picture with C channels takes 70 times as much memory as the features. Where nothing is recorded, stretches of
frames are therefore computed one after the other: with one frame more before a stretch, which is thrown away.

Letters: B batch, T mel frames, J mel bands, C convolution channels, H hidden size.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray
from npconformer.models.frame_clock import Stage, count_steps
from npconformer.models.nemo_conformer.configuration import NemoConformerConfig
from npconformer.nn import Conv2d, Linear, Module, ModuleList
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_grad_enabled

STRETCH = 256  # frames of the result that are computed at once

KERNEL, STRIDE, PADDING = 3, 2, 1
STAGE = Stage(KERNEL - 2 * PADDING, STRIDE)


def subsampling_stages(config: NemoConformerConfig) -> tuple[Stage, ...]:
    """What the convolutions do to the number of frames: one stage for each factor of two."""
    return (STAGE,) * (config.subsampling_factor.bit_length() - 1)


class NemoConformerSubsampling(Module):
    """Convolutions with ReLU, then a linear map of what is left of a frame's bands and channels."""

    def __init__(self, config: NemoConformerConfig) -> None:
        super().__init__()
        channels, stages = config.subsampling_conv_channels, subsampling_stages(config)
        self.layers = ModuleList(
            Conv2d(channels if index else 1, channels, KERNEL, STRIDE, PADDING) for index in range(len(stages))
        )
        bands = count_steps(config.num_mel_bins, stages)
        self.linear = Linear(channels * bands, config.hidden_size, std=config.initializer_range)

    def forward(self, features: Tensor, lengths: np.ndarray | None = None) -> Tensor:
        """(B, T, J) -> (B, T', H)

        lengths: None or (B,), the frames of each utterance. What lies behind them is set to 0 before every convolution:
        an utterance alone has zeros there, and a bias would fill them.
        """
        factor, stages = STRIDE ** len(self.layers), (STAGE,) * len(self.layers)
        frames = count_steps(features.shape[1], stages)  # T'
        if is_grad_enabled() or frames <= STRETCH:
            return self._encode(features, lengths)
        parts = []
        for first in range(0, frames, STRETCH):
            before = min(first, 1)
            start, stop = factor * (first - before), factor * (first + STRETCH)
            own = None if lengths is None else np.clip(lengths - start, 0, None)
            parts.append(self._encode(features[:, start:stop], own)[:, before:])
        return ops.concatenate(parts, axis=1)

    def _encode(self, features: Tensor, lengths: np.ndarray | None) -> Tensor:
        """The same of a stretch, as if it were all there is."""
        x = features.reshape(*features.shape, 1)  # (B, T, J, 1)
        for convolution in self.layers:
            if lengths is not None:
                x = self._without_padding(x, lengths)
                lengths = count_steps(lengths, [STAGE])
            x = ops.relu(convolution(x), overwrite=True)
        batch, frames = x.shape[:2]
        return self.linear(x.transpose(0, 1, 3, 2).reshape(batch, frames, -1))

    def _without_padding(self, x: Tensor, lengths: np.ndarray) -> Tensor:
        padded = np.arange(x.shape[1]) >= lengths[:, None]  # (B, T)
        return ops.masked_assign(x, asarray(padded[:, :, None, None], x.data), 0.0) if padded.any() else x
