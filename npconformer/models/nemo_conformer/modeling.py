"""NemoConformerModel: mel features in, hidden states out; and the models with a head.

NeMo's Conformer (Gulati et al. 2020; Kuchaiev et al. 2019, "NeMo") is the encoder of Wav2Vec2-Conformer with relative
positions but for four things: convolutions over a mel spectrogram bring the frames, which are multiplied by the square
root of the width; the convolution modules have biases; they never see padding; and no layer norm follows the last
block.

Letters: B batch, T mel frames, T' encoder frames, J mel bands, C channels.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.types import Array
from npconformer.models.base import PreTrainedModel
from npconformer.models.conformer.convolution import BiasedConvolutionModule
from npconformer.models.conformer.encoder import ConformerEncoder
from npconformer.models.frame_clock import Stage
from npconformer.models.heads import (
    AudioFrameClassificationHead,
    CTCHead,
    SequenceClassificationHead,
    XVectorHead,
)
from npconformer.models.nemo_conformer.configuration import NemoConformerConfig
from npconformer.models.nemo_conformer.spectrogram_masks import hide_stripes
from npconformer.models.nemo_conformer.subsampling import NemoConformerSubsampling, subsampling_stages
from npconformer.models.outputs import Wav2Vec2BaseModelOutput
from npconformer.tape.autograd import Tensor


class NemoConformerPreTrainedModel(PreTrainedModel):
    """Base of NeMo's Conformers: the input is a batch of features from `NemoConformerFeatureExtractor`."""

    config_class = NemoConformerConfig
    base_model_prefix = "nemo_conformer"
    main_input_name = "input_features"
    input_axes: ClassVar = ("batch", "frames", "features")

    @classmethod
    def build_base(cls, config: NemoConformerConfig) -> NemoConformerModel:
        return NemoConformerModel(config)

    @property
    def encoder_stages(self) -> tuple[Stage, ...]:
        """The convolutions of the subsampling."""
        return subsampling_stages(self.config)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        bands = self.config.num_mel_bins
        if len(shape) == 2:
            raise ValueError(
                f"input_features: expected features (batch, frames, {bands}), got {shape}; a waveform goes through "
                "NemoConformerFeatureExtractor first"
            )
        super().check_shape(shape)
        if shape[2] != bands:
            raise ValueError(f"input_features: expected {bands} features a frame (num_mel_bins), got {shape[2]}")

    def forward(
        self, input_features: Tensor | Array, attention_mask: Array | None = None, *targets: Any, **options: Any
    ) -> Any:
        """Runs the model on (B, T, J) features. What it learns from (labels, masks) and its options: see `run`."""
        return self.run(input_features, attention_mask, *targets, **options)


class NemoConformerModel(NemoConformerPreTrainedModel):
    """SpecAugment in training, subsampling, Conformer encoder."""

    def __init__(self, config: NemoConformerConfig) -> None:
        super().__init__(config)
        self.subsampling = NemoConformerSubsampling(config)
        self.encoder = ConformerEncoder(config, BiasedConvolutionModule, config.layer_norm_eps)

    def run(
        self,
        input_features: Tensor | Array,
        attention_mask: Array | None = None,
        **options: Any,
    ) -> Wav2Vec2BaseModelOutput | tuple[Any, ...]:
        """Runs the model.

        Args:
            input_features: (B, T, J), from the feature extractor.
            attention_mask: None or (B, T): 1 at frames, 0 at padding behind them.
            **options: those of `ForwardOptions`. Neither padding mode lets padding reach an utterance: what its
                convolutions see behind its end is 0 in both, as in NeMo.

        Raises:
            ValueError: a wrong rank, width or dtype, NaN, no frames, a mask that is not right-padded.
        """
        call = self.complete_options(options)
        x = self.check_inputs(input_features)
        rows = frame_mask = None
        if attention_mask is not None:
            rows = self.own_rows(attention_mask, x.shape)
        if self.training:
            x = hide_stripes(x, rows, self.config)
        hidden = self.subsampling(x, rows)  # (B, T', C)
        if rows is not None:
            frame_mask = np.arange(hidden.shape[1]) < self.count_frames(rows)[:, None]  # (B, T')
        if self.config.scale_input:
            hidden = hidden * math.sqrt(self.config.hidden_size)
        hidden, hidden_states, attentions = self.encoder(
            hidden, frame_mask, True, call.output_hidden_states, call.output_attentions
        )
        return call.finish(Wav2Vec2BaseModelOutput(hidden, None, hidden_states, attentions))


class NemoConformerForCTC(CTCHead, NemoConformerPreTrainedModel):
    """Speech recognition: one distribution over the word pieces for each frame; the blank is the last class."""


class NemoConformerForSequenceClassification(SequenceClassificationHead, NemoConformerPreTrainedModel):
    """One label, several labels or numbers for each utterance, as `config.problem_type` and `num_labels` say."""


class NemoConformerForAudioFrameClassification(AudioFrameClassificationHead, NemoConformerPreTrainedModel):
    """One label for each frame, or independent ones (overlapping speakers) where `config.problem_type` says so."""


class NemoConformerForXVector(XVectorHead, NemoConformerPreTrainedModel):
    """One vector for each utterance, near those of the same speaker."""
