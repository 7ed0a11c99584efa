"""NeMo's Conformer-CTC: configuration, model, and the model that recognises speech."""

from npconformer.models.nemo_conformer.configuration import NemoConformerConfig
from npconformer.models.nemo_conformer.modeling import (
    NemoConformerForCTC,
    NemoConformerModel,
    NemoConformerPreTrainedModel,
)

__all__ = [
    "NemoConformerConfig",
    "NemoConformerForCTC",
    "NemoConformerModel",
    "NemoConformerPreTrainedModel",
]
