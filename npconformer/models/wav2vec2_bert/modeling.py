"""Wav2Vec2BertModel: filterbank features in, hidden states out; and the model with the heads of `models/heads`.

The encoder (w2v-BERT 2.0, Barrault et al. 2023, "Seamless") is the Conformer's but for four things: positions are
relative_key; the depthwise convolution is causal, with layer norm in place of batch norm; it never sees padding; and no
layer norm follows the last block.

Letters: B batch, T frames (rows of the input), F = feature_projection_input_dim, C channels.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.types import Array
from npconformer.models.base import PreTrainedModel
from npconformer.models.conformer.convolution import CausalConvolutionModule
from npconformer.models.conformer.encoder import ConformerEncoder
from npconformer.models.conformer.feed_forward import FeedForward
from npconformer.models.feature_projection import FeatureProjection
from npconformer.models.frame_clock import Stage
from npconformer.models.heads import (
    AudioFrameClassificationHead,
    CTCHead,
    SequenceClassificationHead,
    XVectorHead,
)
from npconformer.models.outputs import Wav2Vec2BaseModelOutput
from npconformer.models.spec_augment import spec_augment
from npconformer.models.wav2vec2_bert.adapter import Wav2Vec2BertAdapter, convolution_stage, counted_stage
from npconformer.models.wav2vec2_bert.configuration import Wav2Vec2BertConfig
from npconformer.nn import Parameter, init
from npconformer.tape.autograd import Tensor


class Wav2Vec2BertPreTrainedModel(PreTrainedModel):
    """Base of all Wav2Vec2-BERT models: the input is a batch of features from `SeamlessM4TFeatureExtractor`."""

    config_class = Wav2Vec2BertConfig
    base_model_prefix = "wav2vec2_bert"
    main_input_name = "input_features"
    input_axes: ClassVar = ("batch", "frames", "features")

    @classmethod
    def build_base(cls, config: Wav2Vec2BertConfig) -> Wav2Vec2BertModel:
        return Wav2Vec2BertModel(config)

    def _adapter_stages(self) -> tuple[Stage, ...]:
        return (counted_stage(self.config),) * self.config.num_adapter_layers

    def _adapter_convolutions(self) -> tuple[Stage, ...]:
        return (convolution_stage(self.config),) * self.config.num_adapter_layers

    def check_shape(self, shape: tuple[int, ...]) -> None:
        width = self.config.feature_projection_input_dim
        if len(shape) == 2:
            raise ValueError(
                f"input_features: expected features (batch, frames, {width}), got {shape}; a waveform goes through "
                "SeamlessM4TFeatureExtractor first"
            )
        super().check_shape(shape)
        if shape[2] != width:
            raise ValueError(
                f"input_features: expected {width} features a frame (feature_projection_input_dim), got {shape[2]}"
            )

    def forward(
        self, input_features: Tensor | Array, attention_mask: Array | None = None, *targets: Any, **options: Any
    ) -> Any:
        """Runs the model on (B, T, F) features. What it learns from (labels, masks) and its options: see `run`."""
        return self.run(input_features, attention_mask, *targets, **options)


class Wav2Vec2BertModel(Wav2Vec2BertPreTrainedModel):
    """Projection, SpecAugment in training, Conformer encoder; feed-forward and adapter if the config has them."""

    def __init__(self, config: Wav2Vec2BertConfig) -> None:
        super().__init__(config)
        eps = config.layer_norm_eps
        self.feature_projection = FeatureProjection(config, config.feature_projection_input_dim)
        self.masked_spec_embed = None
        if config.mask_time_prob > 0 or config.mask_feature_prob > 0:
            self.masked_spec_embed = Parameter(init.uniform(0.0, 1.0, config.hidden_size))
        self.encoder = ConformerEncoder(config, CausalConvolutionModule, eps, saves_positions=False)
        self.adapter = Wav2Vec2BertAdapter(config) if config.add_adapter else None
        uses_ffn = config.use_intermediate_ffn_before_adapter
        self.intermediate_ffn = FeedForward(config, activation="relu") if uses_ffn else None

    def run(
        self,
        input_features: Tensor | Array,
        attention_mask: Array | None = None,
        mask_time_indices: ArrayLike | None = None,
        **options: Any,
    ) -> Wav2Vec2BaseModelOutput | tuple[Any, ...]:
        """Runs the model.

        Args:
            input_features: (B, T, F), from the feature extractor.
            attention_mask: None or (B, T): 1 at frames, 0 at padding behind them.
            mask_time_indices: None or (B, T) booleans: frames to replace by the mask vector, instead of random ones.
            **options: those of `ForwardOptions`. The encoder's convolutions are causal and masked, so that the
                padding modes differ in the adapter alone: with "reference" its convolutions let padding leak into the
                last frames of shorter utterances.

        Raises:
            ValueError: a wrong rank, width or dtype, NaN, no frames, a mask that is not right-padded.
        """
        call = self.complete_options(options)
        x = self.check_inputs(input_features)
        frame_mask = lengths = None
        if attention_mask is not None:
            lengths = self.own_rows(attention_mask, x.shape)
            frame_mask = np.arange(x.shape[1]) < lengths[:, None]  # (B, T)
        hidden, features = self.feature_projection(x)  # (B, T, C)
        hidden = spec_augment(hidden, self.config, self.masked_spec_embed, self.training, mask_time_indices, frame_mask)
        hidden, hidden_states, attentions = self.encoder(
            hidden, frame_mask, True, call.output_hidden_states, call.output_attentions
        )
        if self.intermediate_ffn is not None:
            hidden = hidden + self.intermediate_ffn(hidden) * 0.5
        if self.adapter is not None:
            hidden = self.adapter(hidden, lengths, call.exact_padding)
        return call.finish(Wav2Vec2BaseModelOutput(hidden, features, hidden_states, attentions))


class Wav2Vec2BertForCTC(CTCHead, Wav2Vec2BertPreTrainedModel):
    """Speech recognition: one distribution over the vocabulary for each frame; the blank is `pad_token_id`."""


class Wav2Vec2BertForSequenceClassification(SequenceClassificationHead, Wav2Vec2BertPreTrainedModel):
    """One label, several labels or numbers for each utterance, as `config.problem_type` and `num_labels` say."""


class Wav2Vec2BertForAudioFrameClassification(AudioFrameClassificationHead, Wav2Vec2BertPreTrainedModel):
    """One label for each frame, or independent ones (overlapping speakers) where `config.problem_type` says so."""


class Wav2Vec2BertForXVector(XVectorHead, Wav2Vec2BertPreTrainedModel):
    """One vector for each utterance, near those of the same speaker."""
