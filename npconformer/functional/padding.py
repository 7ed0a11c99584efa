"""Padding as `torch.nn.functional` has it: pairs of widths, for the last axis first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.functional.arguments import as_tensor
from npconformer.ops.shapes import index_select
from npconformer.tape.autograd import Tensor

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor | Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """x with something before and after it.

    Args:
        input: of any shape.
        pad: (before, after) of the last axis, then of the one before it, ...; a negative width takes away.
        mode: "constant" puts `value` (0) there; "reflect" the numbers mirrored at the edge, "replicate" the one at the
            edge, "circular" those of the other end.

    Raises:
        ValueError: an odd number of widths, more than axes, an unknown mode, a reflection wider than the axis.
    """
    x = as_tensor(input)
    if len(pad) % 2 or len(pad) // 2 > x.ndim:
        raise ValueError(f"pad: expected pairs of widths for at most {x.ndim} axes, got {list(pad)}")
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
    if mode != "constant" and value is not None and value != 0:
        raise ValueError(f"value: only for mode='constant', got {value} with mode={mode!r}")
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    if mode == "constant":
        inner = x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True))]
        return ops.pad(inner, [(max(a, 0), max(b, 0)) for a, b in widths], 0.0 if value is None else value)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = index_select(x, axis, asarray(_places(x.shape[axis], before, after, mode), x.data))
    return x


def _places(length: int, before: int, after: int, mode: str) -> np.ndarray:
    """Which number of the axis stands at each place of the padded one."""
    places = np.arange(-before, length + after)
    limit = {"reflect": length - 1, "circular": length}.get(mode)
    if length == 0 or (limit is not None and max(before, after) > limit):
        raise ValueError(f"pad: widths ({before}, {after}) are too wide for mode={mode!r} and an axis of {length}")
    if mode == "circular":
        return places % length
    return places.clip(0, length - 1) if mode == "replicate" else (length - 1) - abs((length - 1) - abs(places))
