"""Tiny models, tiny data and tiny trainings, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor
from npconformer.models import wav2vec2_conformer
from npconformer.training import Trainer, TrainingSettings

SIZES = {
    "vocab_size": 8,
    "pad_token_id": 0,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "hidden_act": "swish",
    "conv_dim": (4, 6),
    "conv_kernel": (10, 4),
    "conv_stride": (5, 4),
    "num_feat_extract_layers": 2,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "conv_depthwise_kernel_size": 3,
    "num_conv_pos_embeddings": 2,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 6,
    "tdnn_dim": (6, 6),
    "tdnn_kernel": (2, 1),
    "tdnn_dilation": (1, 1),
    "xvector_output_dim": 4,
    "num_codevectors_per_group": 4,
    "num_codevector_groups": 2,
    "codevector_dim": 8,
    "proj_codevector_dim": 4,
    "num_negatives": 3,
    "mask_time_length": 2,
    "mask_time_prob": 0.1,
    "mask_feature_prob": 0.1,
    "mask_feature_length": 2,
    "layerdrop": 0.2,
    "hidden_dropout": 0.1,
    "num_labels": 3,
    "initializer_range": 0.2,
}


def tiny_model(head: str = "ForCTC", seed: int = 3, **settings: Any) -> Any:
    """A model in training mode with every kind of randomness on."""
    npconformer.manual_seed(seed)
    config = Wav2Vec2ConformerConfig(**{**SIZES, **settings})
    return getattr(wav2vec2_conformer, f"Wav2Vec2Conformer{head}")(config)


def tiny_processor() -> Wav2Vec2Processor:
    tokens = ["<pad>", "|", "A", "B", "C", "D", "E", "<unk>"]
    tokenizer = Wav2Vec2CTCTokenizer(dict(zip(tokens, range(8))), bos_token=None, eos_token=None)
    return Wav2Vec2Processor(Wav2Vec2FeatureExtractor(return_attention_mask=True), tokenizer)


class TinyLoader:
    """Batches of noise with labels for a head, a function of (seed, epoch, number)."""

    def __init__(self, head: str = "ForCTC", batches: int = 5, size: int = 3, seed: int = 0) -> None:
        self.head, self.batches, self.size, self.seed = head, batches, size, seed
        self.asked: list[tuple[int, int]] = []

    def num_batches(self, epoch: int) -> int:
        return self.batches

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        for index in range(start, self.batches):
            self.asked.append((epoch, index))
            yield self.batch(epoch, index)

    def batch(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch, index])
        lengths = rng.integers(300, 401, size=self.size)
        lengths[0] = 400
        mask = (np.arange(400) < lengths[:, None]).astype(np.int64)
        values = (rng.normal(size=(self.size, 400)) * mask).astype(np.float32)
        return {"input_values": values, "attention_mask": mask, **self.labels(rng)}

    def labels(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        frames = 19
        if self.head == "ForCTC":
            labels = rng.integers(2, 7, size=(self.size, 3))
            labels[-1, 2:] = -100
            return {"labels": labels}
        if self.head in ("ForSequenceClassification", "ForXVector"):
            return {"labels": rng.integers(0, 3, size=self.size)}
        if self.head == "ForAudioFrameClassification":
            return {"labels": np.eye(3, dtype=np.float32)[rng.integers(0, 3, size=(self.size, frames))]}
        masked = np.zeros((self.size, frames), bool)
        masked[:, 2:8] = True
        negatives = npconformer.sample_negative_indices(masked.shape, 3, masked, rng=rng)
        return {"mask_time_indices": masked, "sampled_negative_indices": negatives}


def tiny_trainer(
    output: Path, head: str = "ForCTC", evaluation: bool = False, curves: bool = False, **settings: Any
) -> Trainer:
    """A trainer that is silent unless its `lines` are looked at, and that draws `curves` (half a second) if asked."""
    lines: list[str] = []
    options = {"steps": 12, "learning_rate": 0.02, "save_every": 4, "log_every": 1, **settings}
    trainer = Trainer(
        tiny_model(head),
        TinyLoader(head),
        output,
        TrainingSettings(**options),
        evaluation=TinyLoader(head, batches=2, size=4, seed=9) if evaluation else None,
        processor=tiny_processor() if head == "ForCTC" else None,
        report=lines.append,
        progress_bar=False,
    )
    trainer.lines = lines
    if not curves:
        trainer._draw = lambda: None
    return trainer


def digest(folder: Path) -> dict[str, str]:
    """The checksum of every weight file in a training's last model and of its last checkpoint's states."""
    files = sorted(folder.glob("*.safetensors"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
