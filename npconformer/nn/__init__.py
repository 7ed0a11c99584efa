"""Modules: parameters with names, the stock layers, and initial values."""

from npconformer.nn import init
from npconformer.nn.activations import make_activation
from npconformer.nn.layers import (
    BatchNorm1d,
    Conv1d,
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
