"""Class labels of a loss: checked on the host before anything is computed with them.

Lesson: notebooks/07_heads.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from npconformer.arrays.backend import is_array, to_host
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Tensor

IGNORED = -100  # the label of what does not count: padding, and whatever nobody is to learn from
REDUCTIONS = ("none", "sum", "mean")


def host_array(name: str, values: ArrayLike) -> np.ndarray:
    """An argument (array of any library, tensor, lists of numbers) as a NumPy array; ValueError for anything else."""
    values = values.data if isinstance(values, Tensor) else values
    try:
        array = to_host(values)
    except ValueError:  # NumPy's word for lists of different lengths
        raise ValueError(
            f"{name}: the lists in it have different lengths; make them equally long with {IGNORED} behind the shorter "
            f"ones, as in [[5, 6, 7], [8, {IGNORED}, {IGNORED}]]"
        ) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected numbers, got dtype {array.dtype}")
    return array


def class_labels(
    labels: ArrayLike, shape: tuple[int, ...], classes: int, ignore_index: int | None = IGNORED
) -> np.ndarray:
    """The labels as int64 of that shape, each a class or `ignore_index` (None: no label may be ignored).

    Raises:
        ValueError: a wrong shape or dtype, or the first label that is no class.
    """
    array = host_array("labels", labels)
    if array.shape != tuple(shape):
        raise ValueError(f"labels: expected shape {tuple(shape)}, got {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"labels: expected integers, got dtype {array.dtype}")
    array = array.astype(np.int64)
    wrong = (array < 0) | (array >= classes)
    if ignore_index is not None:
        wrong &= array != ignore_index
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        also = "" if ignore_index is None else f", or {ignore_index} for what does not count"
        raise ValueError(f"labels: {array[tuple(where)]} at {where} is no class: expected 0..{classes - 1}{also}")
    return array


def check_reduction(reduction: str, known: Sequence[str] = REDUCTIONS) -> None:
    """Raises ValueError for an unknown reduction."""
    if reduction not in known:
        raise ValueError(f"reduction: expected one of {', '.join(known)}, got {reduction!r}")


def check_logits(name: str, logits: Tensor | Array, ndim: int | None = None) -> Array:
    """The array behind the logits, floating, with at least one class along its last axis."""
    array = logits.data if isinstance(logits, Tensor) else logits
    if not is_array(array) or array.dtype.kind != "f" or array.ndim < 1 or array.shape[-1] == 0:
        found = f"{array.dtype} {array.shape}" if is_array(array) else type(array).__name__
        raise ValueError(f"{name}: expected a floating array with the classes along its last axis, got {found}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} axes, got shape {array.shape}")
    return array


def term_weights(counted: np.ndarray, reduction: str, dtype: DTypeLike) -> np.ndarray:
    """What each term counts for in the result: 0 where ignored, else 1, or 1 / their number for the mean.

    Raises:
        ValueError: a mean over no term at all.
    """
    weights = counted.astype(dtype)
    if reduction == "mean":
        number = int(counted.sum())
        if number == 0:
            raise ValueError("labels: every one is ignored, so there is nothing to average over")
        weights /= number
    return weights
