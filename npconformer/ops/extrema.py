"""The largest and smallest numbers along an axis, where they are, and the order of all.

`amax` and `amin` share the gradient among equal numbers, as torch does; `max(x, dim)`, `min(x, dim)`, `sort` and
`topk` say which number they took, and it alone gets the gradient.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from typing import Any, NamedTuple

from npconformer.arrays.backend import asarray, get_array_module, is_array, no_scalar, stable_argsort
from npconformer.arrays.types import Array
from npconformer.ops.axes import Axis, from_front, one_axis
from npconformer.ops.elementwise import maximum, minimum
from npconformer.ops.indexing import getitem
from npconformer.tape.autograd import Operation, Tensor


class Selected(NamedTuple):
    """Numbers of a tensor, and where along the axis they stood."""

    values: Tensor
    indices: Tensor


class Extreme(Operation):
    """y = the largest (or smallest) x along the axes;  dx = dy, shared among the n numbers that are equal to y"""

    def __init__(self, name: str, axis: Axis, keepdims: bool) -> None:
        self.name, self.axis, self.keepdims = name, axis, keepdims

    def forward(self, x: Array) -> Array:
        y = getattr(x, self.name)(axis=self.axis, keepdims=True)
        self.save(x, y)
        return y if self.keepdims else y.squeeze() if self.axis is None else y.squeeze(axis=self.axis)

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        is_taken = x == y
        share = grad.reshape(y.shape) / is_taken.sum(axis=self.axis, keepdims=True).astype(grad.dtype)
        return is_taken * share


class TakeAlong(Operation):
    """y = x at the given places along an axis;  dx = dy added up at these places, 0 elsewhere"""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array, indices: Array) -> Array:
        self.save(indices)
        self.shape = x.shape
        return self.xp.take_along_axis(x, indices, self.axis)

    def backward(self, grad: Array) -> tuple[Array, None]:
        (indices,) = self.saved
        dx = self.xp.zeros(self.shape, grad.dtype)
        places = [
            self.xp.arange(n).reshape([-1 if i == axis else 1 for i in range(grad.ndim)])
            for axis, n in enumerate(grad.shape)
        ]
        places[self.axis % grad.ndim] = indices
        self.xp.add.at(dx, tuple(places), grad)
        return dx, None


def amax(
    x: Tensor | Array, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Tensor:
    """The largest number along the axes (all of them when None)."""
    return Extreme("max", one_axis(axis, dim), keepdims or keepdim)(x)


def amin(
    x: Tensor | Array, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Tensor:
    """The smallest number along the axes (all of them when None)."""
    return Extreme("min", one_axis(axis, dim), keepdims or keepdim)(x)


def argmax(
    x: Tensor | Array,
    axis: int | None = None,
    keepdims: bool = False,
    *,
    dim: int | None = None,
    keepdim: bool = False,
) -> Tensor:
    """Where the largest number stands, the first of equal ones; among all numbers in a row without an axis."""
    return _place_of("argmax", x, one_axis(axis, dim), keepdims or keepdim)


def argmin(
    x: Tensor | Array,
    axis: int | None = None,
    keepdims: bool = False,
    *,
    dim: int | None = None,
    keepdim: bool = False,
) -> Tensor:
    """Where the smallest number stands, the first of equal ones; among all numbers in a row without an axis."""
    return _place_of("argmin", x, one_axis(axis, dim), keepdims or keepdim)


def _place_of(name: str, x: Tensor | Array, axis: int | None, keepdims: bool) -> Tensor:
    array = x.data if isinstance(x, Tensor) else x
    xp = get_array_module(array)
    indices = no_scalar(xp, getattr(array, name)(axis=axis))
    if keepdims:
        indices = indices.reshape((1,) * array.ndim) if axis is None else xp.expand_dims(indices, axis)
    return Tensor(indices)


def gather(x: Tensor | Array, dim: int, index: Any) -> Tensor:
    """x at the places that `index` names along the axis: y[i][j] = x[i][index[i][j]] for dim 1 of 2."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    index = asarray(index.data if isinstance(index, Tensor) else index, x.data)
    axis = from_front(dim, x.ndim)
    if index.dtype.kind not in "iu" or index.ndim != x.ndim:
        raise ValueError(f"index: expected integers with {x.ndim} axes, got {index.dtype} {index.shape}")
    part = tuple(slice(None) if i == axis else slice(0, n) for i, n in enumerate(index.shape))
    return TakeAlong(axis)(getitem(x, part), index)


def max(x: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Of all numbers; along `dim` the pair (values, indices), as torch has it; along `axis` the values, as NumPy.

    max(x, other) is the larger of the two at each position.
    """
    return _extreme("max", x, *args, **kwargs)


def min(x: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Of all numbers; along `dim` the pair (values, indices), as torch has it; along `axis` the values, as NumPy.

    min(x, other) is the smaller of the two at each position.
    """
    return _extreme("min", x, *args, **kwargs)


def _extreme(
    name: str, x: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Axis = None, keepdims: bool = False
) -> Any:
    of_all, place, of_two = {"max": (amax, argmax, maximum), "min": (amin, argmin, minimum)}[name]
    if isinstance(dim, Tensor) or is_array(dim):
        return of_two(x, dim)
    if dim is None or axis is not None or not isinstance(dim, int):
        return of_all(x, one_axis(axis, dim), keepdims or keepdim)
    indices = place(x, dim, keepdims=True)
    return _selected(x, indices, dim, keepdims or keepdim)


def _selected(x: Tensor, indices: Tensor, axis: int, keepdims: bool = True) -> Selected:
    values = TakeAlong(axis)(x, indices.data)
    if keepdims:
        return Selected(values, indices)
    return Selected(values[_first_along(axis, x.ndim)], indices[_first_along(axis, x.ndim)])


def _first_along(axis: int, ndim: int) -> tuple[Any, ...]:
    return (*(slice(None),) * from_front(axis, ndim), 0)


def argsort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, axis: int = -1) -> Tensor:
    """The places of the numbers in ascending (or descending) order along the axis."""
    array = x.data
    axis = from_front(dim if axis == -1 else axis, array.ndim)
    xp = get_array_module(array)
    if not descending:
        return Tensor(stable_argsort(array, axis))
    backwards = xp.flip(stable_argsort(xp.flip(array, axis), axis), axis)  # equal ones keep their order
    return Tensor(array.shape[axis] - 1 - backwards)


def sort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, axis: int = -1) -> Selected:
    """The numbers in ascending (or descending) order along the axis, and where they stood."""
    axis = dim if axis == -1 else axis
    return _selected(x, argsort(x, axis, descending), axis)


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Selected:
    """The k largest (or smallest) numbers along the axis, the first of them first, and where they stood.

    Raises:
        ValueError: the axis has fewer than k.
    """
    axis = from_front(dim, x.ndim)
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"k: expected 0..{x.shape[axis]} of an axis of that length, got {k}")
    order = argsort(x, axis, descending=largest)
    return _selected(x, order[(*(slice(None),) * axis, slice(0, k))], axis)
