"""The head that classifies frames, for diarization and voice activity: one linear map.

Letters: B batch, T frames, C channels.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from npconformer.arrays.types import Array
from npconformer.models.heads.classification_loss import frame_loss
from npconformer.models.heads.head import reject_adapter
from npconformer.models.heads.weighted_layer_sum import WeightedLayerSum
from npconformer.models.outputs import TokenClassifierOutput
from npconformer.nn import Linear
from npconformer.tape.autograd import Tensor


class AudioFrameClassificationHead(WeightedLayerSum):
    """hidden states (B, T, C) -> classifier (B, T, num_labels)"""

    head_name = "audio_frame_classification"

    @classmethod
    def check_config(cls, config: Any) -> None:
        reject_adapter(config, "audio frame classification")

    def add_head(self, config: Any) -> None:
        self.add_layer_weights(config)
        self.num_labels = config.num_labels
        self.classifier = Linear(config.hidden_size, config.num_labels, std=config.initializer_range)

    def run(
        self,
        inputs: Tensor | Array,
        attention_mask: Array | None = None,
        labels: ArrayLike | None = None,
        **options: Any,
    ) -> TokenClassifierOutput | tuple[Any, ...]:
        """Runs the model; with labels also the loss.

        Args:
            inputs, attention_mask: as for the model without a head.
            labels: None or (B, T, num_labels): one-hot, or zeros and ones for problem_type
                "multi_label_classification". Frames whose labels are all -100 do not count: see
                `classification_loss.frame_loss`.
            **options: those of `ForwardOptions`.

        Raises:
            ValueError: as there, and for labels of the wrong shape or range.
        """
        call = self.complete_options(options)
        hidden, hidden_states, attentions = self.run_base(inputs, attention_mask, call)
        logits = self.classifier(hidden)  # (B, T, num_labels)
        loss = None if labels is None else frame_loss(logits, labels, self.config.problem_type)
        return call.finish(TokenClassifierOutput(loss, logits, hidden_states, attentions))
