"""What a tensor holds, asked and changed in place: sizes, Python numbers, its device, `x[index] = value`, `x.zero_()`.

What changes the numbers of a tensor in place is not recorded; so it is refused while the tensor is.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray, get_array_module, is_array
from npconformer.arrays.device import Device, device_of
from npconformer.ops.casting import cast, clone, move
from npconformer.ops.indexing import as_index
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import mode, no_grad


class Size(int):
    """The number of elements, as NumPy's `x.size`; called, as torch's `x.size()`, the shape, or one of its lengths."""

    shape: tuple[int, ...]

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def __reduce__(self) -> Any:
        return int, (int(self),)


def size(x: Tensor) -> Size:
    """The number of elements; `x.size()` is the shape and `x.size(dim)` one of its lengths."""
    found = Size(x.data.size)
    found.shape = x.data.shape
    return found


def numel(x: Tensor) -> int:
    """The number of elements."""
    return int(x.data.size)


def dim(x: Tensor) -> int:
    """The number of axes."""
    return x.data.ndim


def device(x: Tensor) -> Device:
    """ "cpu" or "cuda:N"."""
    return device_of(x.data)


def transposed(x: Tensor) -> Tensor:
    """x with its axes in reverse order."""
    return x.transpose()


def matrix_transposed(x: Tensor) -> Tensor:
    """x with its last two axes in each other's place."""
    return x.transpose(-1, -2)


def tolist(x: Tensor) -> Any:
    """The elements as Python numbers in nested lists."""
    return x.data.tolist()


def as_int(x: Tensor) -> int:
    """The single value as a Python int."""
    return int(x.item())


def as_index_number(x: Tensor) -> int:
    """The single integer, where Python wants one (`range(x)`, `y[:x]`)."""
    if x.data.dtype.kind not in "biu" or x.data.size != 1:
        raise TypeError(f"only a tensor of one integer can be an index, got {x.dtype} of shape {x.shape}")
    return operator.index(x.data.item())


def iterate(x: Tensor) -> Iterator[Tensor]:
    """Each place of the first axis."""
    if x.data.ndim == 0:
        raise TypeError("iteration over a tensor without axes")
    return (x[i] for i in range(len(x.data)))


def as_text(x: Tensor, spec: str) -> str:
    """f"{x:.2f}" of a single number; any tensor without a format."""
    if x.data.size == 1 and (spec or x.data.ndim == 0):
        return format(x.item(), spec)
    if spec:
        raise TypeError(f"format {spec!r}: for a tensor of one element, got shape {x.shape}")
    return str(x)


def cpu(x: Tensor) -> Tensor:
    """x on the host."""
    return move(x, "cpu")


def cuda(x: Tensor, device: Any = None) -> Tensor:
    """x on the GPU."""
    return move(x, "cuda")


def contiguous(x: Tensor) -> Tensor:
    """x in C order, itself where it lies so."""
    return x if x.data.flags.c_contiguous else clone(x)


def type_as(x: Tensor, other: Tensor) -> Tensor:
    """x in the dtype of another tensor."""
    return cast(x, other.dtype)


def nbytes(x: Tensor) -> int:
    """The memory of its numbers, in bytes."""
    return int(x.data.nbytes)


def element_size(x: Tensor) -> int:
    """The memory of one number, in bytes."""
    return x.data.itemsize


def is_contiguous(x: Tensor) -> bool:
    """Whether its numbers lie in C order without gaps."""
    return bool(x.data.flags.c_contiguous)


def stride(x: Tensor, dim: int | None = None) -> Any:
    """How many numbers lie between neighbours along each axis, or along one."""
    steps = tuple(step // x.data.itemsize for step in x.data.strides)
    return steps if dim is None else steps[dim]


def maker(x: Tensor) -> Any:
    """The recorded operation that made x, or None: what torch calls `grad_fn`."""
    return x._maker


def is_floating_point(x: Tensor) -> bool:
    """Whether its numbers are floating."""
    return x.data.dtype.kind == "f"


# -- in place ----------------------------------------------------------------------------------------------------------


def _writable(x: Tensor, what: str) -> Any:
    if mode.grad_enabled and x.requires_grad:
        raise TypeError(
            f"{what}: a tensor that requires a gradient is not changed in place while that is recorded; "
            "use `.detach()`, or do it under `no_grad()`"
        )
    return x.data


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, in place; refused while x is recorded."""
    array = _writable(x, "x[index] = value")
    value = value.data if isinstance(value, Tensor) else value
    value = np.asarray(value) if isinstance(value, (list, tuple)) else value
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple([as_index(part, array) for part in parts])
    array[parts if isinstance(index, tuple) else parts[0]] = asarray(value, array) if is_array(value) else value


def zero_(x: Tensor) -> Tensor:
    """Sets every number to 0; returns x."""
    return fill_(x, 0)


def fill_(x: Tensor, value: Any) -> Tensor:
    """Sets every number to `value`; returns x."""
    _writable(x, "fill_")[...] = value.item() if isinstance(value, (Tensor, np.generic)) else value
    return x


def copy_(x: Tensor, source: Any) -> Tensor:
    """Takes over the numbers of another tensor, in x's dtype; returns x."""
    array = _writable(x, "copy_")
    source = source.data if isinstance(source, Tensor) else np.asarray(source)
    array[...] = asarray(source, array).astype(array.dtype, copy=False)
    return x


def in_place(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The operation with its result put into its first argument: `x.mul_(2)` of `x.mul(2)`."""

    def change(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        _writable(x, "a method that ends in _")
        with no_grad():
            result = operation(x, *args, **kwargs)
        if result.shape != x.shape:
            raise ValueError(f"in place: the result has shape {result.shape}, the tensor {x.shape}")
        return copy_(x, result)

    change.__name__ = f"{operation.__name__}_"
    change.__doc__ = f"In place: {operation.__doc__}"
    return change


def requires_grad_(x: Tensor, requires_grad: bool = True) -> Tensor:
    """Says whether `backward` leaves a gradient here; returns x.

    Raises:
        ValueError: the numbers are not floating, or a recorded operation made x.
    """
    if requires_grad and x.data.dtype.kind != "f":
        raise ValueError(f"requires_grad: only floating tensors can have gradients, got dtype {x.dtype}")
    if not requires_grad and not x.is_leaf:
        raise ValueError("requires_grad_(False): an operation made this tensor; use `.detach()`")
    x.requires_grad = requires_grad
    return x


# -- made of, or like, others ------------------------------------------------------------------------------------------


def masked_select(x: Tensor, mask: Any) -> Tensor:
    """The elements where the mask is true, in a row."""
    array = mask.data if isinstance(mask, Tensor) else asarray(mask, x.data)
    xp = get_array_module(x.data)
    return x.expand(*np.broadcast_shapes(x.shape, array.shape))[xp.broadcast_to(array, x.shape)]


def new_zeros(x: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """Zeros of that shape, in x's dtype and memory."""
    return new_full(x, shape[0] if len(shape) == 1 else shape, 0, dtype=dtype)


def new_ones(x: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """Ones of that shape, in x's dtype and memory."""
    return new_full(x, shape[0] if len(shape) == 1 else shape, 1, dtype=dtype)


def new_full(x: Tensor, shape: Any, value: Any, dtype: Any = None) -> Tensor:
    """A tensor of that shape full of `value`, in x's dtype and memory."""
    xp = get_array_module(x.data)
    return Tensor(xp.full(shape, value, dtype=x.dtype if dtype is None else dtype))


def new_tensor(x: Tensor, values: Any, dtype: Any = None) -> Tensor:
    """These values, in x's dtype and memory."""
    return Tensor(asarray(np.asarray(values, dtype=x.dtype if dtype is None else dtype), x.data))
