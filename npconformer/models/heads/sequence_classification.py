"""The head that classifies utterances: projection, mean over time, linear map to the labels.

Letters: B batch, T frames, C channels.
"""

from __future__ import annotations

from typing import Any

from npconformer import ops
from npconformer.models.heads.classification_loss import sequence_loss
from npconformer.models.heads.weighted_layer_sum import WeightedLayerSum, reject_adapter
from npconformer.models.outputs import SequenceClassifierOutput
from npconformer.nn import Linear


class SequenceClassificationHead(WeightedLayerSum):
    """hidden states (B, T, C) -> projector -> mean over the utterance's own frames -> classifier (B, num_labels)"""

    def add_head(self, config: Any) -> None:
        reject_adapter(config, "sequence classification")
        self.add_layer_weights(config)
        std = config.initializer_range
        self.projector = Linear(config.hidden_size, config.classifier_proj_size, std=std)
        self.classifier = Linear(config.classifier_proj_size, config.num_labels, std=std)

    def run_head(
        self,
        inputs: Any,
        attention_mask: Any = None,
        labels: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """The logits of each utterance, and with labels the loss: see `classification_loss.sequence_loss`."""
        hidden, hidden_states, attentions = self.run_base(
            inputs, attention_mask, output_hidden_states, output_attentions, padding_mode
        )
        pooled = ops.mean_pool(self.projector(hidden), self.frame_lengths(inputs, attention_mask))
        logits = self.classifier(pooled)  # (B, num_labels)
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return self._finish(SequenceClassifierOutput(loss, logits, hidden_states, attentions), return_dict)
