"""Tiny Conformers of NeMo's kind: of the frozen cases, with their weights, or random; and batches for them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from make_nemo_cases import FOLDER, SIZES

import npconformer
from npconformer import NemoConformerConfig, NemoConformerForCTC
from npconformer.checkpoints.given_arrays import GivenArrays
from npconformer.checkpoints.nemo_arrays import NemoArrays, config_of_shapes

LABELS = np.array([[3, 4, 4, 5], [1, 2, -100, -100]])
# What is random in training.
DROPOUTS = dict(
    hidden_dropout=0.1,
    activation_dropout=0.1,
    attention_dropout=0.1,
    conformer_conv_dropout=0.1,
    final_dropout=0.1,
    freq_width=3,
    time_width=0.2,
)


@cache
def read_case(name: int | str) -> dict[str, np.ndarray]:
    """A frozen case, whose names `make_nemo_cases` says."""
    with np.load(Path(FOLDER, f"{name}.npz")) as file:
        return {name: file[name] for name in file.files}


def under(case: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """The arrays "KIND NAME" of a case, by NAME."""
    return {name.removeprefix(f"{kind} "): array for name, array in case.items() if name.startswith(f"{kind} ")}


def model_of_case(case: dict[str, np.ndarray], **settings: Any) -> Any:
    """The recogniser with the case's weights, in float64, its settings told by them."""
    weights = GivenArrays(under(case, "weight"))
    arrays = NemoArrays(weights)
    config = NemoConformerConfig(**config_of_shapes({name: weights.shape(name) for name in weights}), **settings)
    return NemoConformerForCTC.from_pretrained(
        None, config=config, state_dict={name: arrays.read(name) for name in arrays}, dtype="float64"
    )


def make_model(cls: type = NemoConformerForCTC, dtype: str = "float64", **settings: Any) -> Any:
    """In evaluation, no parameter at a value that hides mistakes."""
    npconformer.manual_seed(7)
    model = cls(NemoConformerConfig(**{**SIZES, **settings})).to(dtype)
    rng = np.random.default_rng(8)
    for parameter in model.parameters():
        parameter.data = (parameter.data + 0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model.eval()


def batch_of(lengths: list[int], seed: int = 0, padding: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Features (B, T, 8), `padding` behind each utterance, and their mask (B, T)."""
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    features = np.random.default_rng(seed).standard_normal((*mask.shape, SIZES["num_mel_bins"]))
    features[~mask] = padding
    return features, mask.astype(np.int64)
