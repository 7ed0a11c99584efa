"""Wav2Vec2ConformerModel: waveform in, hidden states out; and the model with each of the heads of `models/heads`.

Letters: B batch, N samples, T frames, C channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from npconformer.arrays.types import Array
from npconformer.models.base import PreTrainedModel
from npconformer.models.feature_projection import FeatureProjection
from npconformer.models.frame_clock import Stage
from npconformer.models.heads import (
    AudioFrameClassificationHead,
    CTCHead,
    PreTrainingHead,
    SequenceClassificationHead,
    XVectorHead,
)
from npconformer.models.outputs import Wav2Vec2BaseModelOutput
from npconformer.models.spec_augment import spec_augment
from npconformer.models.wav2vec2_conformer.adapter import ADAPTER_PADDING, Wav2Vec2ConformerAdapter
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.encoder import Wav2Vec2ConformerEncoder
from npconformer.models.wav2vec2_conformer.feature_encoder import Wav2Vec2ConformerFeatureEncoder
from npconformer.nn import Parameter, init
from npconformer.tape.autograd import Tensor


class Wav2Vec2ConformerPreTrainedModel(PreTrainedModel):
    """Base of all Wav2Vec2-Conformer models: the input is a batch of waveforms at 16 kHz."""

    config_class = Wav2Vec2ConformerConfig
    base_model_prefix = "wav2vec2_conformer"
    main_input_name = "input_values"
    input_axes: ClassVar = ("batch", "samples")
    convolutions_see_padding: ClassVar = True

    @classmethod
    def build_base(cls, config: Wav2Vec2ConformerConfig) -> Wav2Vec2ConformerModel:
        return Wav2Vec2ConformerModel(config)

    @property
    def encoder_stages(self) -> tuple[Stage, ...]:
        """The convolutions of the feature encoder."""
        return tuple(map(Stage, self.config.conv_kernel, self.config.conv_stride))

    def _adapter_stages(self) -> tuple[Stage, ...]:
        return (Stage(1, self.config.adapter_stride),) * self.config.num_adapter_layers  # counted with kernel 1

    def _adapter_convolutions(self) -> tuple[Stage, ...]:
        reach = self.config.adapter_kernel_size - 2 * ADAPTER_PADDING
        return (Stage(reach, self.config.adapter_stride),) * self.config.num_adapter_layers

    def forward(
        self, input_values: Tensor | Array, attention_mask: Array | None = None, *targets: Any, **options: Any
    ) -> Any:
        """Runs the model on (B, N) waveforms. What it learns from (labels, masks) and its options: see `run`."""
        return self.run(input_values, attention_mask, *targets, **options)

    def freeze_feature_encoder(self) -> None:
        """Stops training of the convolutions that read the waveform."""
        self.base_model.feature_extractor._freeze_parameters()


class Wav2Vec2ConformerModel(Wav2Vec2ConformerPreTrainedModel):
    """Feature encoder, projection, SpecAugment in training, Conformer encoder, adapter if the config has one."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        self.masked_spec_embed = None
        if config.mask_time_prob > 0 or config.mask_feature_prob > 0:
            self.masked_spec_embed = Parameter(init.uniform(0.0, 1.0, config.hidden_size))
        self.feature_extractor = Wav2Vec2ConformerFeatureEncoder(config)
        self.feature_projection = FeatureProjection(config, config.conv_dim[-1])
        self.encoder = Wav2Vec2ConformerEncoder(config)
        self.adapter = Wav2Vec2ConformerAdapter(config) if config.add_adapter else None

    def run(
        self,
        input_values: Tensor | Array,
        attention_mask: Array | None = None,
        mask_time_indices: ArrayLike | None = None,
        **options: Any,
    ) -> Wav2Vec2BaseModelOutput | tuple[Any, ...]:
        """Runs the model.

        Args:
            input_values: (B, N) waveforms at 16 kHz, normalised as the feature extractor does it.
            attention_mask: None or (B, N): 1 at samples, 0 at padding behind them.
            mask_time_indices: None or (B, T) booleans: frames to replace by the mask vector, instead of random ones.
            **options: those of `ForwardOptions`. With padding_mode "reference" padding leaks into shorter utterances
                through the depthwise convolutions, through the adapter's, and through the statistics of group norm.

        Raises:
            ValueError: a wrong rank or dtype, NaN, too few samples, a mask that is not right-padded.
        """
        call = self.complete_options(options)
        x = self.check_inputs(input_values)
        exact = call.exact_padding
        lengths = None if attention_mask is None else self.own_rows(attention_mask, x.shape)

        features = self.feature_extractor(x, lengths if exact else None)  # (B, T, conv_dim[-1])
        frame_mask = frame_lengths = None
        if lengths is not None:
            frame_lengths = self._get_feat_extract_output_lengths(lengths, add_adapter=False)
            frame_mask = np.arange(features.shape[1]) < frame_lengths[:, None]  # (B, T)
        hidden, features = self.feature_projection(features)  # (B, T, C)
        hidden = spec_augment(hidden, self.config, self.masked_spec_embed, self.training, mask_time_indices, frame_mask)
        hidden, hidden_states, attentions = self.encoder(
            hidden, frame_mask, exact, call.output_hidden_states, call.output_attentions
        )
        if hidden_states is not None and self.config.hidden_states_convention == "4.x":
            hidden_states = (*hidden_states[:-1], hidden)
        if self.adapter is not None:
            hidden = self.adapter(hidden, frame_lengths if exact else None)
        return call.finish(Wav2Vec2BaseModelOutput(hidden, features, hidden_states, attentions))


class Wav2Vec2ConformerForCTC(CTCHead, Wav2Vec2ConformerPreTrainedModel):
    """Speech recognition: one distribution over the vocabulary for each frame; the blank is `pad_token_id`."""


class Wav2Vec2ConformerForSequenceClassification(SequenceClassificationHead, Wav2Vec2ConformerPreTrainedModel):
    """One label, several labels or numbers for each utterance, as `config.problem_type` and `num_labels` say."""


class Wav2Vec2ConformerForAudioFrameClassification(AudioFrameClassificationHead, Wav2Vec2ConformerPreTrainedModel):
    """One label for each frame, or independent ones (overlapping speakers) where `config.problem_type` says so."""


class Wav2Vec2ConformerForXVector(XVectorHead, Wav2Vec2ConformerPreTrainedModel):
    """One vector for each utterance, near those of the same speaker."""


class Wav2Vec2ConformerForPreTraining(PreTrainingHead, Wav2Vec2ConformerPreTrainedModel):
    """Learns from recordings alone: to tell the quantized features of masked frames from those of other frames."""
