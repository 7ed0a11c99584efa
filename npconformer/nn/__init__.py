"""Modules: parameters with names, the stock layers, and initial values."""

import importlib
from typing import Any

from npconformer.nn import init
from npconformer.nn.activations import make_activation
from npconformer.nn.layers import (
    BatchNorm1d,
    Conv1d,
    Conv2d,
    CosineSimilarity,
    Dropout,
    Embedding,
    GroupNorm,
    LayerNorm,
    Linear,
    PointwiseConv1d,
    WeightNormConv1d,
)
from npconformer.nn.module import Module, ModuleList, Parameter

__all__ = [
    "BatchNorm1d",
    "Conv1d",
    "Conv2d",
    "CosineSimilarity",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleList",
    "Parameter",
    "PointwiseConv1d",
    "WeightNormConv1d",
    "init",
    "make_activation",
]


def __getattr__(name: str) -> Any:
    if name == "functional":  # loaded when it is used: the layers themselves do without
        return importlib.import_module("npconformer.functional")
    raise AttributeError(f"module 'npconformer.nn' has no attribute {name!r}")
