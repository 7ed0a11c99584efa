"""Wav2Vec2-BERT: configuration, model, and the model with each head."""

from npconformer.models.wav2vec2_bert.configuration import Wav2Vec2BertConfig
from npconformer.models.wav2vec2_bert.modeling import (
    Wav2Vec2BertForAudioFrameClassification,
    Wav2Vec2BertForCTC,
    Wav2Vec2BertForSequenceClassification,
    Wav2Vec2BertForXVector,
    Wav2Vec2BertModel,
    Wav2Vec2BertPreTrainedModel,
)

__all__ = [
    "Wav2Vec2BertConfig",
    "Wav2Vec2BertForAudioFrameClassification",
    "Wav2Vec2BertForCTC",
    "Wav2Vec2BertForSequenceClassification",
    "Wav2Vec2BertForXVector",
    "Wav2Vec2BertModel",
    "Wav2Vec2BertPreTrainedModel",
]
