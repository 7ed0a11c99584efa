"""Wav2Vec2ConformerForCTC: the model with a linear map to letters, and the CTC loss.

Letters: B batch, N samples, T frames, S labels, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import is_array, to_host
from npconformer.losses import ctc_loss
from npconformer.losses.class_labels import IGNORED
from npconformer.models.outputs import CausalLMOutput
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.modeling import Wav2Vec2ConformerModel, Wav2Vec2ConformerPreTrainedModel
from npconformer.nn import Dropout, Linear


class Wav2Vec2ConformerForCTC(Wav2Vec2ConformerPreTrainedModel):
    """Speech recognition: one distribution over the vocabulary for each frame; the blank is `pad_token_id`."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        if config.vocab_size is None:
            raise ValueError("config.vocab_size: a CTC model needs the size of its vocabulary, got None")
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.dropout = Dropout(config.final_dropout)
        width = config.output_hidden_size if config.add_adapter else config.hidden_size
        self.lm_head = Linear(width, config.vocab_size, std=config.initializer_range)

    def forward(
        self,
        input_values: Any,
        attention_mask: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> CausalLMOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss, in float32 as the reference does.

        Args:
            labels: None or (B, S) token ids; -100 and `pad_token_id`, which is the blank, mark padding.
            The other arguments are those of `Wav2Vec2ConformerModel.forward`.

        Raises:
            ValueError: as there, and for labels of the wrong shape or outside the vocabulary.
        """
        outputs = self.wav2vec2_conformer(
            input_values,
            attention_mask,
            output_hidden_states=self._wants("output_hidden_states", output_hidden_states),
            output_attentions=self._wants("output_attentions", output_attentions),
            return_dict=True,
            padding_mode=padding_mode,
        )
        logits = self.lm_head(self.dropout(outputs.last_hidden_state))  # (B, T, V)
        loss = None
        if labels is not None:
            batch, samples = np.shape(input_values)
            # By the formula without a mask too: an adapter may give one frame more, which the loss leaves out.
            all_frames = np.full(batch, self._get_feat_extract_output_lengths(samples))
            loss = ctc_loss(
                logits,
                self._without_blanks(labels),
                all_frames if attention_mask is None else self.frame_lengths(input_values, attention_mask),
                blank=self.config.pad_token_id,
                reduction=self.config.ctc_loss_reduction,
                zero_infinity=self.config.ctc_zero_infinity,
            )
        return self._finish(CausalLMOutput(loss, logits, outputs.hidden_states, outputs.attentions), return_dict)

    def _without_blanks(self, labels: Any) -> np.ndarray:
        """Labels equal to the blank say nothing and are padding too, as in the reference."""
        labels = to_host(labels) if is_array(labels) else np.asarray(labels)
        if labels.dtype.kind not in "iu":
            raise ValueError(f"labels: expected integers (token ids), got dtype {labels.dtype}")
        return np.where(labels == self.config.pad_token_id, IGNORED, labels)
