"""The model families that are compared: their names, their small models' settings, what their input is.

Letters: B batch, N rows of the input (samples of a waveform, or frames of features), T frames of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SHARED: dict[str, Any] = {
    "vocab_size": 5,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "conv_depthwise_kernel_size": 5,
    "position_embeddings_type": None,
    "max_source_positions": 64,
    "ctc_loss_reduction": "sum",
    "ctc_zero_infinity": False,
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
    "conformer_conv_dropout": 0.0,
    "apply_spec_augment": False,
}


@dataclass(frozen=True, eq=False)
class Family:
    """One model and its heads, in both programs.

    Attributes:
        name: what its classes' names begin with.
        input_name: of the first argument of forward.
        tiny: the settings that its small models have unless a case changes them.
        row_shape: config -> the shape of one row of the input; () for samples.
        padding: the value of the input's padded rows.
        encoder_frames: config and rows of the input -> frames of the encoder.
        adapter_zeros: config -> zeros on each side of an adapter's convolutions; with `counted` as lengths are counted.
    """

    name: str
    input_name: str
    tiny: Mapping[str, Any]
    row_shape: Callable[[Mapping[str, Any]], tuple[int, ...]]
    padding: float
    encoder_frames: Callable[[Mapping[str, Any], int], int]
    adapter_zeros: Callable[[Mapping[str, Any], bool], float]

    def frames(self, config: Mapping[str, Any], rows: int, counted: bool = False) -> int:
        """How many frames of the output a batch of so many rows has; with `counted`, how many a CTC loss expects."""
        length = self.encoder_frames(config, rows)
        if config.get("add_adapter"):
            kernel, stride = config.get("adapter_kernel_size", 3), config.get("adapter_stride", 2)
            for _ in range(config["num_adapter_layers"]):
                length = int(length + 2 * self.adapter_zeros(config, counted) - kernel) // stride + 1
        return length

    def make_inputs(self, config: Mapping[str, Any], lengths: tuple[int, ...], random: np.random.Generator) -> Any:
        """Random inputs (B, N, ...) float32 with padding behind each utterance's own rows, and their mask (B, N)."""
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        values = random.standard_normal((*mask.shape, *self.row_shape(config))).astype(np.float32)
        values[~mask] = self.padding
        return values, mask.astype(np.int64)


def _frames_of_samples(config: Mapping[str, Any], samples: int) -> int:
    for kernel, stride in zip(config["conv_kernel"], config["conv_stride"], strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


CONFORMER = Family(
    "Wav2Vec2Conformer",
    "input_values",
    # One frame for every 100 samples: 800 samples give 7 frames.
    tiny={
        **SHARED,
        "hidden_act": "gelu",
        "feat_extract_norm": "layer",
        "feat_extract_activation": "gelu",
        "conv_dim": (6, 8, 10),
        "conv_kernel": (10, 5, 4),
        "conv_stride": (5, 5, 4),
        "conv_bias": True,
        "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2,
    },
    row_shape=lambda config: (),
    padding=0.0,
    encoder_frames=_frames_of_samples,
    adapter_zeros=lambda config, counted: 1,
)


def _bert_adapter_zeros(config: Mapping[str, Any], counted: bool) -> int:
    return config.get("adapter_kernel_size", 3) // 2 if counted else config.get("adapter_stride", 2) // 2


BERT = Family(
    "Wav2Vec2Bert",
    "input_features",
    # Distances beyond 3 frames back and 2 ahead are clipped: utterances are longer than that.
    tiny={
        **SHARED,
        "hidden_act": "swish",
        "feature_projection_input_dim": 6,
        "left_max_position_embeddings": 3,
        "right_max_position_embeddings": 2,
    },
    row_shape=lambda config: (config["feature_projection_input_dim"],),
    padding=1.0,  # as the released checkpoint's extractor has it
    encoder_frames=lambda config, rows: rows,
    adapter_zeros=_bert_adapter_zeros,
)

FAMILIES = (CONFORMER, BERT)
