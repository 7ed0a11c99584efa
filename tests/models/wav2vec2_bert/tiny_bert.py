"""Tiny Wav2Vec2-BERT models with random weights, and batches for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import npconformer
from npconformer import Wav2Vec2BertConfig, Wav2Vec2BertForCTC

POSITIONS = ("relative_key", "relative", "rotary", None)
KERNELS_AND_STRIDES = ((3, 2), (5, 3), (5, 2), (4, 3))
LABELS = np.array([[3, 4, 4, 5], [6, 7, -100, -100]])

TINY = dict(
    vocab_size=12,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    feature_projection_input_dim=6,
    left_max_position_embeddings=4,
    right_max_position_embeddings=2,
    conv_depthwise_kernel_size=7,
    layerdrop=0.0,
    mask_time_length=2,
    ctc_loss_reduction="mean",
    num_labels=3,
    classifier_proj_size=7,
    tdnn_dim=(9, 8, 10),
    tdnn_kernel=(3, 3, 1),
    tdnn_dilation=(1, 2, 1),
    xvector_output_dim=6,
)
# What is random in training.
DROPOUTS = dict(
    hidden_dropout=0.1,
    activation_dropout=0.1,
    attention_dropout=0.1,
    feat_proj_dropout=0.1,
    conformer_conv_dropout=0.1,
    final_dropout=0.1,
)


def tiny_config(**settings: Any) -> Wav2Vec2BertConfig:
    return Wav2Vec2BertConfig(**{**TINY, **settings})


def make_model(cls: type = Wav2Vec2BertForCTC, dtype: str = "float64", **settings: Any) -> Any:
    """In evaluation, no parameter at a value that hides mistakes."""
    npconformer.manual_seed(7)
    model = cls(tiny_config(**settings)).to(dtype)
    rng = np.random.default_rng(8)
    for parameter in model.parameters():
        parameter.data = (parameter.data + 0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model.eval()


def batch_of(lengths: list[int], seed: int = 0, padding: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Features (B, T, 6), `padding` behind each utterance, and their mask (B, T)."""
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    features = np.random.default_rng(seed).standard_normal((*mask.shape, 6))
    features[~mask] = padding
    return features, mask.astype(np.int64)
