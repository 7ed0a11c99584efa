"""Task heads, written once for every model: each is mixed into a model's base class.

A model's base class offers the heads `self.config`, `self.base_model`, `self.frame_lengths(inputs, attention_mask)`,
`self._wants(...)` and `self._finish(...)`; the class that brings both together builds the base model, then calls
`self.add_head(config)`, and its `forward` passes its arguments on to `self.run_head`.
"""

from npconformer.models.heads.audio_frame_classification import AudioFrameClassificationHead
from npconformer.models.heads.pretraining import PreTrainingHead
from npconformer.models.heads.sequence_classification import SequenceClassificationHead
from npconformer.models.heads.xvector import XVectorHead

__all__ = ["AudioFrameClassificationHead", "PreTrainingHead", "SequenceClassificationHead", "XVectorHead"]
