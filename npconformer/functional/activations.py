"""Activations and softmax as `torch.nn.functional` has them."""

from __future__ import annotations

from typing import Any

from npconformer import ops
from npconformer.arrays.types import Array
from npconformer.functional.arguments import as_tensor, in_place
from npconformer.ops.casting import cast
from npconformer.ops.elementwise import absolute, log1p, maximum
from npconformer.tape.autograd import Tensor


def relu(input: Tensor | Array, inplace: bool = False) -> Tensor:
    """max(x, 0)"""
    return in_place(input, ops.relu(input), inplace)


def silu(input: Tensor | Array, inplace: bool = False) -> Tensor:
    """x sigmoid(x)"""
    return in_place(input, ops.silu(input), inplace)


def selu(input: Tensor | Array, inplace: bool = False) -> Tensor:
    """The self-normalising exponential linear unit."""
    return in_place(input, ops.selu(input), inplace)


def gelu(input: Tensor | Array, approximate: str = "none") -> Tensor:
    """x times the probability that a standard normal number is below x; exactly, or as approximate="tanh"."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f'approximate: expected "none" or "tanh", got {approximate!r}')
    return ops.gelu(input) if approximate == "none" else ops.gelu_new(input)


def sigmoid(input: Tensor | Array) -> Tensor:
    """1 / (1 + e^-x)"""
    return ops.sigmoid(input)


def tanh(input: Tensor | Array) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(input)


def glu(input: Tensor | Array, dim: int = -1) -> Tensor:
    """The first half of the axis times the sigmoid of the second."""
    x = as_tensor(input)
    if dim in (-1, x.ndim - 1):
        return ops.glu(x)
    return ops.glu(x.transpose(dim, -1)).transpose(dim, -1)


def softplus(input: Tensor | Array, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + e^(beta x)) / beta, without overflow; `threshold`, above which torch returns x, changes nothing then."""
    x = as_tensor(input) * beta
    return (maximum(x, 0) + log1p(ops.exp(-absolute(x)))) / beta


def logsigmoid(input: Tensor | Array) -> Tensor:
    """log sigmoid(x)"""
    return -softplus(-as_tensor(input))


def softmax(input: Tensor | Array, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Exponentials divided by their sum along the axis. Without `dim` torch's old choice: 0 for 1 or 3 axes, else 1."""
    x = as_tensor(input) if dtype is None else cast(as_tensor(input), dtype)
    return ops.softmax(x, _axis(x, dim))


def log_softmax(input: Tensor | Array, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    x = as_tensor(input) if dtype is None else cast(as_tensor(input), dtype)
    return ops.log_softmax(x, _axis(x, dim))


def _axis(x: Tensor, dim: int | None) -> int:
    if dim is not None:
        return dim
    return 0 if x.ndim in (0, 1, 3) else 1
