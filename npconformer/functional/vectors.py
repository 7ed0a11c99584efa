"""Vectors compared and scaled, and classes as vectors, as `torch.nn.functional` has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.functional.arguments import as_tensor
from npconformer.losses.class_labels import host_array
from npconformer.ops.elementwise import clamp
from npconformer.ops.shaping import broadcast_to
from npconformer.ops.statistics import norm
from npconformer.tape.autograd import Tensor


def cosine_similarity(x1: Tensor | Array, x2: Tensor | Array, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine between the vectors along the axis; other axes are broadcast. Lengths are at least eps."""
    a, b = as_tensor(x1), as_tensor(x2)
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = (x if x.shape == shape else broadcast_to(x, shape) for x in (a, b))
    return ops.cosine_similarity(a.movedim(dim, -1), b.movedim(dim, -1), eps)


def normalize(input: Tensor | Array, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """The vectors along the axis, divided by their p-norm, which counts as eps where it is less."""
    x = as_tensor(input)
    return x / clamp(norm(x, p, dim, keepdims=True), min=eps)


def one_hot(tensor: Tensor | Array, num_classes: int = -1) -> Tensor:
    """Along a new last axis 1 at the place that each integer names, else 0, as int64; -1: the largest integer decides.

    Raises:
        ValueError: no integers, a negative one, or one that is no class.
    """
    classes = host_array("tensor", tensor)
    if classes.dtype.kind not in "iu":
        raise ValueError(f"one_hot: expected integers, got dtype {classes.dtype}")
    if num_classes == -1:
        if classes.size == 0:
            raise ValueError("one_hot: num_classes is needed for a tensor without elements")
        num_classes = int(classes.max()) + 1
    if classes.size and not 0 <= classes.min() <= classes.max() < num_classes:
        raise ValueError(f"one_hot: expected classes in 0..{num_classes - 1}, got {classes.min()}..{classes.max()}")
    rows = np.zeros((math.prod(classes.shape), num_classes), np.int64)
    rows[np.arange(len(rows)), classes.reshape(-1)] = 1
    return Tensor(asarray(rows.reshape(*classes.shape, num_classes), as_tensor(tensor).data))
