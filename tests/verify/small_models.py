"""Small random models of either type, inputs for them, and faults to plant in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from tiny_checkpoints import HEAD_NAMES, make_config

import npconformer
from npconformer.models.auto import model_class

KINDS = ("layer", "bert")  # Wav2Vec2-Conformer and Wav2Vec2-BERT
LABELS = np.array([[3, 4, 4, 5], [6, 7, -100, -100]])
SIZES = {
    "layer": {"conv_dim": (6, 8), "conv_kernel": (10, 4), "conv_stride": (5, 4)},  # a frame is 20 samples
    "bert": {"feature_projection_input_dim": 6},
}


def make_model(kind: str, head: str | None = "ForCTC", dtype: str = "float32", layers: int = 8, **settings: Any) -> Any:
    """In evaluation, with no parameter at a value that hides mistakes, such as a norm's 1 and 0."""
    npconformer.manual_seed(7)
    config = make_config(kind, **{**SIZES[kind], "num_hidden_layers": layers, "num_labels": 3, **settings})
    model = model_class(config.model_type, None if head is None else HEAD_NAMES[head])(config).to("float64")
    random = np.random.default_rng(8)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.1 * random.standard_normal(parameter.shape)
    return model.to(dtype).eval()


def make_inputs(kind: str, lengths: tuple[int, ...] = (11, 7), labels: bool = False, dtype: str = "float32") -> dict:
    """A batch of utterances of so many frames, padded, by the names of forward's arguments."""
    random = np.random.default_rng(9)
    if kind == "layer":
        name, rows, width = "input_values", [20 * length + 20 for length in lengths], ()
    else:
        name, rows, width = "input_features", list(lengths), (6,)
    mask = np.arange(max(rows)) < np.array(rows)[:, None]
    values = random.standard_normal((*mask.shape, *width))
    values[~mask] = 0
    inputs = {name: values.astype(dtype), "attention_mask": mask.astype(np.int64)}
    return {**inputs, "labels": LABELS[: len(lengths)]} if labels else inputs


def block(model: Any, index: int) -> Any:
    """The model's Conformer block of that number."""
    return model.base_model.encoder.layers[index]


def change_one_weight(model: Any, index: int, by: float = 1e-3) -> None:
    """Adds `by` to one weight of block `index`."""
    weight = block(model, index).ffn1.intermediate_dense.weight
    weight.data = weight.data.copy()
    weight.data[5, 3] += by


def swap_blocks(model: Any, first: int, second: int) -> None:
    """Exchanges all weights of two blocks."""
    states = [dict(block(model, index).state_dict()) for index in (first, second)]
    block(model, first).load_state_dict(states[1])
    block(model, second).load_state_dict(states[0])
