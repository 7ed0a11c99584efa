"""The outputs of models, importable as from transformers' file of this name; their home is `models/outputs.py`."""

from npconformer.models.outputs import (
    CausalLMOutput,
    ModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
    Wav2Vec2BaseModelOutput,
    XVectorOutput,
)

__all__ = [
    "CausalLMOutput",
    "ModelOutput",
    "SequenceClassifierOutput",
    "TokenClassifierOutput",
    "Wav2Vec2BaseModelOutput",
    "XVectorOutput",
]
