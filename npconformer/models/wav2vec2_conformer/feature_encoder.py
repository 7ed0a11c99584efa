"""From the raw waveform to one feature vector every 20 ms: seven strided convolutions, and the projection after them.

Letters: B batch, N samples, T frames, C channels (wav2vec 2.0, Baevski et al. 2020, section 2).

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays.types import Array
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.feature_windows import encode_in_windows
from npconformer.nn import Conv1d, GroupNorm, LayerNorm, Module, ModuleList, make_activation
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_inference


class Wav2Vec2ConformerConvLayer(Module):
    """Convolution, normalisation if the config asks for one here, activation.

    `feat_extract_norm="layer"` normalises every layer's frames; `"group"` normalises each channel of the first layer
    over the whole utterance, and no other layer.
    """

    def __init__(self, config: Wav2Vec2ConformerConfig, index: int) -> None:
        super().__init__()
        in_channels = config.conv_dim[index - 1] if index > 0 else 1
        channels = config.conv_dim[index]
        self.conv = Conv1d(
            in_channels, channels, config.conv_kernel[index], stride=config.conv_stride[index], bias=config.conv_bias
        )
        self.norm = config.feat_extract_norm if config.feat_extract_norm == "layer" or index == 0 else "none"
        if self.norm == "layer":
            self.layer_norm = LayerNorm(channels)
        elif self.norm == "group":
            self.layer_norm = GroupNorm(channels, channels)  # type: ignore[assignment]
        self.activation = make_activation(config.feat_extract_activation)

    def forward(self, x: Tensor, frame_mask: Array | None = None) -> Tensor:
        x = self.conv(x)  # (B, T, C)
        if self.norm == "group":
            x = self.layer_norm(x, frame_mask)
        return self.finish(x)

    def finish(self, x: Tensor) -> Tensor:
        """What follows the convolution, and group norm: both look at no other frame."""
        if self.norm == "layer":
            x = self.layer_norm(x, overwrite=True)
        return self.activation(x, overwrite=True)


class Wav2Vec2ConformerFeatureEncoder(Module):
    """The stack of convolutions: (B, N) samples to (B, T, conv_dim[-1]) features."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        self.conv_layers = ModuleList(
            Wav2Vec2ConformerConvLayer(config, index) for index in range(config.num_feat_extract_layers)
        )

    def _freeze_parameters(self) -> None:
        """Stops training of all its parameters, by the name that the reference has for it."""
        self.requires_grad_(False)

    def forward(self, input_values: Tensor, sample_lengths: np.ndarray | None = None) -> Tensor:
        """With sample_lengths (B,), group norm looks at each utterance's own frames only."""
        if is_inference() or not (input_values.requires_grad or any(p.requires_grad for p in self.parameters())):
            return Tensor(encode_in_windows(self.conv_layers, input_values.data, sample_lengths))
        x = input_values.reshape(*input_values.shape, 1)  # (B, N, 1)
        first = self.conv_layers[0]
        for layer in self.conv_layers:
            frame_mask = None
            if layer is first and layer.norm == "group" and sample_lengths is not None:
                frames = (x.shape[1] - layer.conv.kernel_size) // layer.conv.stride + 1
                own_frames = (sample_lengths - layer.conv.kernel_size) // layer.conv.stride + 1
                frame_mask = np.arange(frames) < own_frames[:, None]
            x = layer(x, frame_mask)
        return x
