"""Wav2Vec2-Conformer with the heads of `models/heads`: classification, frame classification, speaker vectors, and
self-supervised pre-training.

Letters: B batch, N samples, T frames, K negatives.
"""

from __future__ import annotations

from typing import Any

from npconformer.models.heads import (
    AudioFrameClassificationHead,
    PreTrainingHead,
    SequenceClassificationHead,
    XVectorHead,
)
from npconformer.models.outputs import (
    SequenceClassifierOutput,
    TokenClassifierOutput,
    Wav2Vec2ForPreTrainingOutput,
    XVectorOutput,
)
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.modeling import Wav2Vec2ConformerModel, Wav2Vec2ConformerPreTrainedModel


class Wav2Vec2ConformerForSequenceClassification(SequenceClassificationHead, Wav2Vec2ConformerPreTrainedModel):
    """One label, several labels or numbers for each utterance, as `config.problem_type` and `num_labels` say."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.add_head(config)

    def forward(
        self,
        input_values: Any,
        attention_mask: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            labels: None; (B,) classes; (B, num_labels) zeros and ones for multi-label classification; (B,) or
                (B, num_labels) numbers for regression.
            The other arguments are those of `Wav2Vec2ConformerModel.forward`.

        Raises:
            ValueError: as there, and for labels of the wrong shape or range.
        """
        options = (output_hidden_states, output_attentions, return_dict, padding_mode)
        return self.run_head(input_values, attention_mask, labels, *options)


class Wav2Vec2ConformerForAudioFrameClassification(AudioFrameClassificationHead, Wav2Vec2ConformerPreTrainedModel):
    """One label for each frame, or independent ones (overlapping speakers) where `config.problem_type` says so."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.add_head(config)

    def forward(
        self,
        input_values: Any,
        attention_mask: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> TokenClassifierOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            labels: None or (B, T, num_labels): one-hot, or zeros and ones for problem_type
                "multi_label_classification". Frames whose labels are all -100 do not count.
            The other arguments are those of `Wav2Vec2ConformerModel.forward`.

        Raises:
            ValueError: as there, and for labels of the wrong shape or range.
        """
        options = (output_hidden_states, output_attentions, return_dict, padding_mode)
        return self.run_head(input_values, attention_mask, labels, *options)


class Wav2Vec2ConformerForXVector(XVectorHead, Wav2Vec2ConformerPreTrainedModel):
    """One vector for each utterance, near those of the same speaker."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.add_head(config)

    def forward(
        self,
        input_values: Any,
        attention_mask: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> XVectorOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            labels: None or (B,) speakers, 0..num_labels-1.
            The other arguments are those of `Wav2Vec2ConformerModel.forward`.

        Raises:
            ValueError: as there, for labels of the wrong shape or range, and for utterances too short for the TDNN
                layers.
        """
        options = (output_hidden_states, output_attentions, return_dict, padding_mode)
        return self.run_head(input_values, attention_mask, labels, *options)


class Wav2Vec2ConformerForPreTraining(PreTrainingHead, Wav2Vec2ConformerPreTrainedModel):
    """Learns from recordings alone: to tell the quantized features of masked frames from those of other frames."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.add_head(config)

    def forward(
        self,
        input_values: Any,
        attention_mask: Any = None,
        mask_time_indices: Any = None,
        sampled_negative_indices: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
        gumbel_noise: Any = None,
    ) -> Wav2Vec2ForPreTrainingOutput | tuple[Any, ...]:
        """Runs the model; with negatives also the losses.

        Args:
            mask_time_indices: None or (B, T) booleans from `compute_mask_indices`: the frames to mask and predict.
            sampled_negative_indices: None or (B, T, K) from `sample_negative_indices`.
            gumbel_noise: None or (B, T, num_codevector_groups, num_codevectors_per_group), in place of random noise
                in training mode.
            The other arguments are those of `Wav2Vec2ConformerModel.forward`.

        Raises:
            ValueError: as there, and for masks or negatives that do not fit.
        """
        options = (output_hidden_states, output_attentions, return_dict, padding_mode, gumbel_noise)
        return self.run_head(input_values, attention_mask, mask_time_indices, sampled_negative_indices, *options)
