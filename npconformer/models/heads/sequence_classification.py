"""The head that classifies utterances: projection, mean over time, linear map to the labels.

Letters: B batch, T frames, C channels.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.models.heads.classification_loss import sequence_loss
from npconformer.models.heads.head import reject_adapter
from npconformer.models.heads.weighted_layer_sum import WeightedLayerSum
from npconformer.models.outputs import SequenceClassifierOutput
from npconformer.nn import Linear
from npconformer.tape.autograd import Tensor


class SequenceClassificationHead(WeightedLayerSum):
    """hidden states (B, T, C) -> projector -> mean over the utterance's own frames -> classifier (B, num_labels)"""

    head_name = "sequence_classification"

    @classmethod
    def check_config(cls, config: Any) -> None:
        reject_adapter(config, "sequence classification")

    def add_head(self, config: Any) -> None:
        self.add_layer_weights(config)
        std = config.initializer_range
        self.projector = Linear(config.hidden_size, config.classifier_proj_size, std=std)
        self.classifier = Linear(config.classifier_proj_size, config.num_labels, std=std)

    def run(
        self,
        inputs: Tensor | Array,
        attention_mask: Array | None = None,
        labels: ArrayLike | None = None,
        **options: Any,
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            inputs, attention_mask: as for the model without a head.
            labels: None; (B,) classes; (B, num_labels) zeros and ones for multi-label classification; (B,) or
                (B, num_labels) numbers for regression: see `classification_loss.sequence_loss`.
            **options: those of `ForwardOptions`.

        Raises:
            ValueError: as there, and for labels of the wrong shape or range.
        """
        call = self.complete_options(options)
        hidden, hidden_states, attentions = self.run_base(inputs, attention_mask, call)
        pooled = ops.mean_pool(self.projector(hidden), self.frame_lengths(inputs, attention_mask))
        logits = self.classifier(pooled)  # (B, num_labels)
        loss = None if labels is None else sequence_loss(logits, labels, self.config.problem_type)
        return call.finish(SequenceClassifierOutput(loss, logits, hidden_states, attentions))
