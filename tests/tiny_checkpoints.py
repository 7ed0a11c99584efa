"""Checkpoint folders of tiny random models with a head, and recordings for them, for tests of what uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2FeatureExtractor
from npconformer.models import wav2vec2_conformer

SIZES = {
    "vocab_size": 12,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "hidden_act": "swish",
    "conv_dim": (8, 8, 12),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (10, 8, 4),  # a frame is 320 samples, 20 ms
    "conv_bias": True,
    "conv_depthwise_kernel_size": 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 8,
    "tdnn_dim": (10, 10, 12),
    "tdnn_kernel": (3, 2, 1),
    "tdnn_dilation": (1, 2, 1),
    "xvector_output_dim": 6,
    "initializer_range": 0.3,  # far from 0, so that different recordings give different answers
}


def save_checkpoint(head: str, folder: Path, feat_extract_norm: str = "layer", **settings: Any) -> Path:
    """A Wav2Vec2Conformer{head} with random weights, and its feature extractor, in `folder`."""
    npconformer.manual_seed(5)
    config = Wav2Vec2ConformerConfig(**{**SIZES, "feat_extract_norm": feat_extract_norm, **settings})
    model = getattr(wav2vec2_conformer, f"Wav2Vec2Conformer{head}")(config).eval()
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=feat_extract_norm == "layer")
    if head in ("ForSequenceClassification", "ForAudioFrameClassification"):
        _spread_logits(model, extractor)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def _spread_logits(model: Any, extractor: Wav2Vec2FeatureExtractor) -> None:
    """Give each logit mean 0 and deviation 2 over recordings or frames: random weights say the same of all."""
    features = extractor(np.stack(make_waveforms([16000] * 8, seed=99)), sampling_rate=16000, return_tensors="np")
    with npconformer.no_grad():
        logits = model(**features).logits.numpy().reshape(-1, model.config.num_labels)
    factor = 2 / logits.std(axis=0)
    weight, bias = model.classifier.weight, model.classifier.bias
    weight.data = weight.data * factor[:, None]
    bias.data = (bias.data - logits.mean(axis=0)) * factor


def make_waveforms(lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    """Stretches of tones, noise, rumble and near silence, 30 to 300 ms each; float32, at 16 kHz."""
    random = np.random.default_rng(seed)
    return [_make_waveform(length, random) for length in lengths]


def _make_waveform(length: int, random: np.random.Generator) -> np.ndarray:
    pieces, made = [], 0
    while made < length:
        size = int(random.integers(500, 5000))
        noise = random.standard_normal(size)
        tone = np.sin(np.arange(size) * random.uniform(0.02, 2.0)) + 0.01 * noise
        kinds = [tone, tone, 0.3 * noise, 0.05 * np.cumsum(noise), 0.001 * noise]
        pieces.append(0.3 * kinds[random.integers(len(kinds))])
        made += size
    return np.concatenate(pieces)[:length].clip(-1, 1).astype(np.float32)
