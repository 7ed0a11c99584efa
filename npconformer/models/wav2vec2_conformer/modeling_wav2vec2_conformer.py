"""The names that people import from transformers' file of this name, from where each is at home.

`_compute_mask_indices` draws from NumPy's global generator, as there: see `heads/reference_sampling.py`.

Lesson: notebooks/08_parity.ipynb
"""

from npconformer.models.heads.reference_sampling import _compute_mask_indices
from npconformer.models.outputs import (
    CausalLMOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
    Wav2Vec2BaseModelOutput,
    Wav2Vec2ConformerForPreTrainingOutput,
    XVectorOutput,
)
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.modeling import (
    Wav2Vec2ConformerForAudioFrameClassification,
    Wav2Vec2ConformerForCTC,
    Wav2Vec2ConformerForPreTraining,
    Wav2Vec2ConformerForSequenceClassification,
    Wav2Vec2ConformerForXVector,
    Wav2Vec2ConformerModel,
    Wav2Vec2ConformerPreTrainedModel,
)

__all__ = [
    "CausalLMOutput",
    "SequenceClassifierOutput",
    "TokenClassifierOutput",
    "Wav2Vec2BaseModelOutput",
    "Wav2Vec2ConformerConfig",
    "Wav2Vec2ConformerForAudioFrameClassification",
    "Wav2Vec2ConformerForCTC",
    "Wav2Vec2ConformerForPreTraining",
    "Wav2Vec2ConformerForPreTrainingOutput",
    "Wav2Vec2ConformerForSequenceClassification",
    "Wav2Vec2ConformerForXVector",
    "Wav2Vec2ConformerModel",
    "Wav2Vec2ConformerPreTrainedModel",
    "XVectorOutput",
    "_compute_mask_indices",
]
