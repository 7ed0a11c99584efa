"""torch's words for shapes: view, permute, squeeze, flatten, expand, split, stack. Made of `shaping`'s operations.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from npconformer.arrays.types import Array
from npconformer.ops.axes import from_front, lengths_of, one_axis
from npconformer.ops.indexing import getitem
from npconformer.ops.shaping import broadcast_to, concatenate, reshape, transpose
from npconformer.tape.autograd import Tensor


def permute(x: Tensor, *dims: Any) -> Tensor:
    """x with its axes in another order."""
    return transpose(x, lengths_of(dims))


def view(x: Tensor, *shape: Any) -> Tensor:
    """x in another shape; one length may be -1."""
    return reshape(x, lengths_of(shape))


def reshape_as(x: Tensor, other: Tensor) -> Tensor:
    """x in the shape of another tensor."""
    return reshape(x, other.shape)


def squeeze(x: Tensor, axis: Any = None, *, dim: Any = None) -> Tensor:
    """x without its axes of length 1: all of them, or the given ones (one of another length stays, as in torch)."""
    axis = one_axis(axis, dim)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    taken = {from_front(one, x.ndim) for one in axes if x.ndim or one not in (0, -1)}
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in taken))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """x with a new axis of length 1 at that place."""
    place = from_front(dim, x.ndim + 1)
    return reshape(x, (*x.shape[:place], 1, *x.shape[place:]))


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with these neighbouring axes made one."""
    if x.ndim == 0:
        return reshape(x, (1,))
    first, last = from_front(start_dim, x.ndim, "start_dim"), from_front(end_dim, x.ndim, "end_dim")
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} is behind end_dim {end_dim}")
    return reshape(x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """x with one axis made several of these lengths; one may be -1."""
    place = from_front(dim, x.ndim)
    known = -math.prod(sizes) if -1 in sizes else 0
    sizes = [x.shape[place] // known if n == -1 and known else n for n in sizes]
    return reshape(x, (*x.shape[:place], *sizes, *x.shape[place + 1 :]))


def expand(x: Tensor, *sizes: Any) -> Tensor:
    """x repeated along its axes of length 1 and along new ones in front; -1 keeps a length."""
    lengths = lengths_of(sizes)
    added = len(lengths) - x.ndim
    return broadcast_to(x, [x.shape[i - added] if n == -1 and i >= added else n for i, n in enumerate(lengths)])


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """x repeated to the shape of another tensor."""
    return broadcast_to(x, other.shape)


def repeat(x: Tensor, *sizes: Any) -> Tensor:
    """x laid out so many times along each axis (`np.tile`)."""
    counts = lengths_of(sizes)
    if len(counts) < x.ndim:
        raise ValueError(f"repeat: expected a number for each of {x.ndim} axes, got {counts}")
    shape = (1,) * (len(counts) - x.ndim) + x.shape
    apart = reshape(x, tuple(n for length in shape for n in (1, length)))
    laid_out = broadcast_to(apart, tuple(n for pair in zip(counts, shape, strict=True) for n in pair))
    return reshape(laid_out, tuple(count * length for count, length in zip(counts, shape, strict=True)))


def swapaxes(x: Tensor, axis0: int, axis1: int) -> Tensor:
    """x with two axes in each other's place."""
    return transpose(x, axis0, axis1)


def movedim(x: Tensor, source: int, destination: int) -> Tensor:
    """x with one axis at another place, the others in their order."""
    order = [i for i in range(x.ndim) if i != from_front(source, x.ndim)]
    order.insert(from_front(destination, x.ndim), from_front(source, x.ndim))
    return transpose(x, order)


def t(x: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays as it is."""
    if x.ndim > 2:
        raise ValueError(f"t: expected at most two axes, got shape {x.shape}")
    return transpose(x)


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` places of the axis from `start` on."""
    return getitem(x, _along(x, dim, slice(start, start + length)))


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """One place of the axis, which is gone then."""
    return getitem(x, _along(x, dim, index))


def index_select(x: Tensor, dim: int, index: Any) -> Tensor:
    """These places of the axis, in the order given."""
    return getitem(x, _along(x, dim, index))


def flip(x: Tensor, *dims: Any) -> Tensor:
    """x with these axes running backwards."""
    chosen = {from_front(axis, x.ndim, "dims") for axis in lengths_of(dims)}
    return getitem(x, tuple(slice(None, None, -1 if axis in chosen else None) for axis in range(x.ndim)))


def split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of that length along the axis, the last one perhaps shorter; or pieces of these lengths.

    Raises:
        ValueError: the lengths do not add up to the axis, or the length is not positive.
    """
    length = x.shape[from_front(dim, x.ndim)]
    if isinstance(split_size, int):
        if split_size < 1:
            raise ValueError(f"split_size: expected a length of 1 or more, got {split_size}")
        sizes = [min(split_size, length - start) for start in range(0, length, split_size)] or [0]
    else:
        sizes = list(split_size)
        if sum(sizes) != length:
            raise ValueError(f"split_size: {sizes} adds up to {sum(sizes)}, the axis has {length}")
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(narrow(x, dim, start, size) for start, size in zip(starts, sizes, strict=True))


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many pieces of one length along the axis, the last one perhaps shorter."""
    if chunks < 1:
        raise ValueError(f"chunks: expected 1 or more, got {chunks}")
    return split(x, max(-(-x.shape[from_front(dim, x.ndim)] // chunks), 1), dim)


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Each place of the axis by itself."""
    return tuple(select(x, dim, i) for i in range(x.shape[from_front(dim, x.ndim)]))


def cat(tensors: Sequence[Tensor | Array], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors one after the other along the axis."""
    return concatenate(tensors, dim if axis is None else axis)


def stack(tensors: Sequence[Tensor | Array], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors beside each other along a new axis."""
    parts = [x if isinstance(x, Tensor) else Tensor(x) for x in tensors]
    if not parts:
        raise ValueError("tensors: expected at least one tensor to stack, got none")
    if len({x.shape for x in parts}) > 1:
        raise ValueError(f"tensors: expected one shape, got {', '.join(str(x.shape) for x in parts)}")
    dim = dim if axis is None else axis
    return concatenate([unsqueeze(x, dim) for x in parts], from_front(dim, parts[0].ndim + 1))


def _along(x: Tensor, dim: int, part: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * from_front(dim, x.ndim), part)
