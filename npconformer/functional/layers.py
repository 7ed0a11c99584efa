"""The layers' operations as `torch.nn.functional` has them: channels before time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.functional.arguments import as_tensor, in_place
from npconformer.losses.class_labels import host_array
from npconformer.ops.elementwise import where
from npconformer.tape.autograd import Tensor


def linear(input: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None = None) -> Tensor:
    """x W^T + b for x (..., I), W (O, I), b (O,)."""
    return ops.linear(input, weight, bias)


def conv1d(
    input: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The convolution over time of x (B, C, T) or (C, T) with a weight (O, C / groups, K).

    padding: zeros at both ends; "same" keeps the length, "valid" is 0.

    Raises:
        ValueError: shapes that do not fit, or padding="same" with a stride.
    """
    x = as_tensor(input)
    if x.ndim not in (2, 3):
        raise ValueError(f"conv1d: expected x (B, C, T) or (C, T), got shape {x.shape}")
    step, spread = _single("stride", stride), _single("dilation", dilation)
    ends: tuple[int, int]
    if padding == "same":
        if step != 1:
            raise ValueError(f'conv1d: padding="same" needs a stride of 1, got {step}')
        total = spread * (weight.shape[-1] - 1)
        ends = (total // 2, total - total // 2)
    elif isinstance(padding, str) and padding != "valid":
        raise ValueError(f'padding: expected a number, "same" or "valid", got {padding!r}')
    else:
        width = 0 if isinstance(padding, str) else _single("padding", padding)
        ends = (width, width)
    batch = x if x.ndim == 3 else x.unsqueeze(0)
    y = ops.conv1d(batch.transpose(1, 2), weight, bias, step, ends, spread, groups)  # (B, U, O)
    y = y.transpose(1, 2)
    return y if x.ndim == 3 else y[0]


def _single(name: str, value: int | Sequence[int]) -> int:
    if isinstance(value, (tuple, list)):
        if len(value) != 1:
            raise ValueError(f"{name}: expected one number, got {value}")
        return value[0]
    return value  # type: ignore[return-value]


def layer_norm(
    input: Tensor | Array,
    normalized_shape: int | Sequence[int],
    weight: Tensor | Array | None = None,
    bias: Tensor | Array | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises over the last axes, which have that shape; weight and bias are 1 and 0 where they are None."""
    x = as_tensor(input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: x of shape {x.shape} does not end in {shape}")
    rows = x.reshape(*x.shape[: -len(shape)], -1)
    y = ops.layer_norm(rows, *_scale_and_shift(weight, bias, rows.shape[-1], x), eps)
    return y.reshape(x.shape)


def group_norm(
    input: Tensor | Array,
    num_groups: int,
    weight: Tensor | Array | None = None,
    bias: Tensor | Array | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalises groups of channels of x (B, C, ...) over all further axes."""
    x = as_tensor(input)
    if x.ndim < 2:
        raise ValueError(f"group_norm: expected x (B, C, ...), got shape {x.shape}")
    frames = x.reshape(*x.shape[:2], -1).transpose(1, 2)  # (B, T, C)
    y = ops.group_norm(frames, *_scale_and_shift(weight, bias, x.shape[1], x), num_groups, eps)
    return y.transpose(1, 2).reshape(x.shape)


def _scale_and_shift(weight: Any, bias: Any, channels: int, x: Tensor) -> tuple[Any, Any]:
    given = [one if one is None else as_tensor(one).reshape(-1) for one in (weight, bias)]
    fill = (np.ones, np.zeros)
    scale, shift = (
        asarray(make(channels, x.dtype), x.data) if one is None else one for one, make in zip(given, fill, strict=True)
    )
    return scale, shift


def dropout(input: Tensor | Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, numbers become 0 with probability p and the others 1 / (1 - p) times as large."""
    if not 0 <= p <= 1:
        raise ValueError(f"p: expected a probability from 0 to 1, got {p}")
    return in_place(input, ops.dropout(input, p), inplace) if training and p else as_tensor(input)


def embedding(input: Tensor | Array, weight: Tensor | Array, padding_idx: int | None = None) -> Tensor:
    """The rows of the table that the integers name; the one of `padding_idx` gets no gradient.

    Raises:
        ValueError: no integers, or one that is no row.
    """
    table, indices = as_tensor(weight), host_array("input", input)
    rows = table.shape[0]
    if indices.dtype.kind not in "iu" or (indices.size and not 0 <= indices.min() <= indices.max() < rows):
        raise ValueError(f"embedding: expected integers in 0..{rows - 1}, got {indices.dtype} {indices.tolist()}")
    y = table[asarray(indices.astype(np.int64), table.data)]
    if padding_idx is None:
        return y
    return where((indices == padding_idx % rows)[..., None], y.detach(), y)
