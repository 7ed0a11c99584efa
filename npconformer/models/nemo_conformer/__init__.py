"""NeMo's Conformer: configuration, model, and the model with each head; NeMo itself has the one of CTC."""

from npconformer.models.nemo_conformer.configuration import NemoConformerConfig
from npconformer.models.nemo_conformer.modeling import (
    NemoConformerForAudioFrameClassification,
    NemoConformerForCTC,
    NemoConformerForSequenceClassification,
    NemoConformerForXVector,
    NemoConformerModel,
    NemoConformerPreTrainedModel,
)

__all__ = [
    "NemoConformerConfig",
    "NemoConformerForAudioFrameClassification",
    "NemoConformerForCTC",
    "NemoConformerForSequenceClassification",
    "NemoConformerForXVector",
    "NemoConformerModel",
    "NemoConformerPreTrainedModel",
]
