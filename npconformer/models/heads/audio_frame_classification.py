"""The head that classifies frames, for diarization and voice activity: one linear map.

Letters: B batch, T frames, C channels.
"""

from __future__ import annotations

from typing import Any

from npconformer.models.heads.classification_loss import frame_loss
from npconformer.models.heads.weighted_layer_sum import WeightedLayerSum, reject_adapter
from npconformer.models.outputs import TokenClassifierOutput
from npconformer.nn import Linear


class AudioFrameClassificationHead(WeightedLayerSum):
    """hidden states (B, T, C) -> classifier (B, T, num_labels)"""

    def add_head(self, config: Any) -> None:
        reject_adapter(config, "audio frame classification")
        self.add_layer_weights(config)
        self.num_labels = config.num_labels
        self.classifier = Linear(config.hidden_size, config.num_labels, std=config.initializer_range)

    def run_head(
        self,
        inputs: Any,
        attention_mask: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> TokenClassifierOutput | tuple[Any, ...]:
        """The logits of each frame, and with labels the loss: see `classification_loss.frame_loss`."""
        hidden, hidden_states, attentions = self.run_base(
            inputs, attention_mask, output_hidden_states, output_attentions, padding_mode
        )
        logits = self.classifier(hidden)  # (B, T, num_labels)
        loss = None if labels is None else frame_loss(logits, labels, self.config.problem_type)
        return self._finish(TokenClassifierOutput(loss, logits, hidden_states, attentions), return_dict)
