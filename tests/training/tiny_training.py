"""Tiny models, tiny data and tiny trainings, the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import npconformer
from npconformer import AutoConfig, AutoProcessor, Wav2Vec2CTCTokenizer
from npconformer.models.auto import model_class
from npconformer.processors.auto import AutoFeatureExtractor
from npconformer.training import Trainer, TrainingSettings

SHARED_SIZES = {
    "vocab_size": 8,
    "pad_token_id": 0,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "hidden_act": "swish",
    "conv_depthwise_kernel_size": 3,
    "classifier_proj_size": 6,
    "tdnn_dim": (6, 6),
    "tdnn_kernel": (2, 1),
    "tdnn_dilation": (1, 1),
    "xvector_output_dim": 4,
    "mask_time_length": 2,
    "mask_time_prob": 0.1,
    "mask_feature_prob": 0.1,
    "mask_feature_length": 2,
    "layerdrop": 0.2,
    "hidden_dropout": 0.1,
    "num_labels": 3,
    "initializer_range": 0.2,
}
SIZES = {
    **SHARED_SIZES,
    "conv_dim": (4, 6),
    "conv_kernel": (10, 4),
    "conv_stride": (5, 4),
    "num_feat_extract_layers": 2,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "num_conv_pos_embeddings": 2,
    "num_conv_pos_embedding_groups": 2,
    "num_codevectors_per_group": 4,
    "num_codevector_groups": 2,
    "codevector_dim": 8,
    "proj_codevector_dim": 4,
    "num_negatives": 3,
}
BERT_SIZES = {
    **SHARED_SIZES,
    "feature_projection_input_dim": 6,
    "left_max_position_embeddings": 5,
    "right_max_position_embeddings": 2,
}
KINDS = {
    "conformer": ("wav2vec2-conformer", SIZES),
    "bert": ("wav2vec2-bert", BERT_SIZES),
    "bert-adapter": ("wav2vec2-bert", {**BERT_SIZES, "add_adapter": True}),
}
HEAD_NAMES = {
    "ForCTC": "ctc",
    "ForSequenceClassification": "sequence_classification",
    "ForAudioFrameClassification": "audio_frame_classification",
    "ForXVector": "xvector",
    "ForPreTraining": "pretraining",
}
HEADS_OF_KIND = {"conformer": list(HEAD_NAMES), "bert": list(HEAD_NAMES)[:4], "bert-adapter": ["ForCTC"]}
CASES = [(kind, head) for kind, heads in HEADS_OF_KIND.items() for head in heads]
FRAMES = 19  # of an utterance before an adapter


def tiny_model(head: str = "ForCTC", seed: int = 3, kind: str = "conformer", **settings: Any) -> Any:
    """A model in training mode with every kind of randomness on. head "Model" is none."""
    npconformer.manual_seed(seed)
    model_type, sizes = KINDS[kind]
    return model_class(model_type, HEAD_NAMES.get(head))(AutoConfig.for_model(model_type, **{**sizes, **settings}))


def tiny_processor(kind: str = "conformer") -> Any:
    tokens = ["<pad>", "|", "A", "B", "C", "D", "E", "<unk>"]
    tokenizer = Wav2Vec2CTCTokenizer(dict(zip(tokens, range(8))), bos_token=None, eos_token=None)
    model_type, sizes = KINDS[kind]
    extractor = AutoFeatureExtractor.for_config(AutoConfig.for_model(model_type, **sizes))
    return AutoProcessor.from_parts(extractor, tokenizer)


class TinyLoader:
    """Batches of noise with labels for a head, a function of (seed, epoch, number)."""

    def __init__(
        self, head: str = "ForCTC", batches: int = 5, size: int = 3, seed: int = 0, kind: str = "conformer"
    ) -> None:
        self.head, self.batches, self.size, self.seed, self.kind = head, batches, size, seed, kind
        self.asked: list[tuple[int, int]] = []

    def num_batches(self, epoch: int) -> int:
        return self.batches

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        for index in range(start, self.batches):
            self.asked.append((epoch, index))
            yield self.batch(epoch, index)

    def batch(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch, index])
        waveforms = self.kind == "conformer"
        longest, shortest, width = (400, 300, ()) if waveforms else (FRAMES, 14, (6,))
        lengths = rng.integers(shortest, longest + 1, size=self.size)
        lengths[0] = longest
        mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
        noise = rng.normal(size=(self.size, longest, *width))
        values = (noise * mask.reshape(self.size, longest, *(1 for _ in width))).astype(np.float32)
        name = "input_values" if waveforms else "input_features"
        return {name: values, "attention_mask": mask, **self.labels(rng)}

    def labels(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if self.head == "ForCTC":
            labels = rng.integers(2, 7, size=(self.size, 3))
            labels[-1, 2:] = -100
            return {"labels": labels}
        if self.head in ("ForSequenceClassification", "ForXVector"):
            return {"labels": rng.integers(0, 3, size=self.size)}
        if self.head == "ForAudioFrameClassification":
            return {"labels": np.eye(3, dtype=np.float32)[rng.integers(0, 3, size=(self.size, FRAMES))]}
        masked = np.zeros((self.size, FRAMES), bool)
        masked[:, 2:8] = True
        negatives = npconformer.sample_negative_indices(masked.shape, 3, masked, rng=rng)
        return {"mask_time_indices": masked, "sampled_negative_indices": negatives}


def tiny_trainer(
    output: Path,
    head: str = "ForCTC",
    evaluation: bool = False,
    curves: bool = False,
    kind: str = "conformer",
    **settings: Any,
) -> Trainer:
    """A trainer that is silent unless its `lines` are looked at, and that draws `curves` (half a second) if asked."""
    lines: list[str] = []
    options = {"steps": 12, "learning_rate": 0.02, "save_every": 4, "log_every": 1, **settings}
    trainer = Trainer(
        tiny_model(head, kind=kind),
        TinyLoader(head, kind=kind),
        output,
        TrainingSettings(**options),
        evaluation=TinyLoader(head, batches=2, size=4, seed=9, kind=kind) if evaluation else None,
        processor=tiny_processor(kind) if head == "ForCTC" else None,
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
