"""What the functions of this folder do with arguments that torch has and the operations below do not."""

from __future__ import annotations

from typing import Any

from npconformer.arrays.types import Array
from npconformer.losses.class_labels import check_reduction
from npconformer.ops.contents import copy_
from npconformer.tape.autograd import Tensor


def as_tensor(x: Tensor | Array) -> Tensor:
    """The argument as a tensor; a tensor as it is."""
    return x if isinstance(x, Tensor) else Tensor(x)


def in_place(x: Tensor | Array, y: Tensor, inplace: bool) -> Tensor:
    """y; with `inplace` x, which has taken over y's numbers. A TypeError where x is recorded."""
    return copy_(as_tensor(x), y) if inplace else y


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses as they are ("none"), added up ("sum") or averaged ("mean")."""
    check_reduction(reduction)
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


def refuse_old(size_average: Any, reduce: Any) -> None:
    """Raises TypeError for the two arguments that `reduction` has replaced."""
    if size_average is not None or reduce is not None:
        raise TypeError('size_average and reduce have gone: use reduction="mean", "sum" or "none"')
