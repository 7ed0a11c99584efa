"""From features of a frame to the encoder's width: layer norm and a linear map.

Letters: B batch, T frames, F features, C channels.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import math
from typing import Any

from npconformer.nn import Dropout, LayerNorm, Linear, Module, Parameter, init
from npconformer.tape.autograd import Tensor


class FeatureProjection(Module):
    """layer norm, linear, dropout: F -> C; the linear map starts even within 1 / sqrt(F)."""

    def __init__(self, config: Any, features: int) -> None:
        super().__init__()
        self.layer_norm = LayerNorm(features, config.layer_norm_eps)
        self.projection = Linear(features, config.hidden_size)
        bound = math.sqrt(1 / features)
        self.projection.weight = Parameter(init.uniform(-bound, bound, config.hidden_size, features))
        self.projection.bias = Parameter(init.uniform(-bound, bound, config.hidden_size))
        self.dropout = Dropout(config.feat_proj_dropout)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, F) -> the hidden states (B, T, C), and the normalised features, which a quantizer uses."""
        normalised = self.layer_norm(features)
        return self.dropout(self.projection(normalised)), normalised
