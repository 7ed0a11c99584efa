"""The array of the stand-in device: NumPy inside, refusals outside. See `strict_device`."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

counting: list[Synchronisations] = []


class Synchronisations:
    """Where the host waited for the device (`sites`), and how many host arrays went to it (`uploads`)."""

    def __init__(self) -> None:
        self.sites: list[str] = []
        self.uploads = 0

    @property
    def count(self) -> int:
        return len(self.sites)


@contextmanager
def count_synchronisations() -> Iterator[Synchronisations]:
    """Counts what makes the host wait for the device: `with count_synchronisations() as waits: ...`."""
    waits = Synchronisations()
    counting.append(waits)
    try:
        yield waits
    finally:
        counting.remove(waits)


def synchronise(what: str) -> None:
    if counting:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        for waits in counting:
            waits.sites.append(f"{what} at {frame.f_code.co_filename}:{frame.f_lineno}")


def to_host(value: Any, what: str) -> Any:
    """The NumPy array inside each device array of an argument; refuses host arrays."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"{what}: Unsupported type {type(value)}: a host array beside device arrays")
    if isinstance(value, (tuple, list)):
        return type(value)(to_host(part, what) for part in value)
    if isinstance(value, slice):
        return slice(*(_host_bound(bound) for bound in (value.start, value.stop, value.step)))
    return value


def _host_bound(bound: Any) -> Any:
    return operator.index(bound) if isinstance(bound, DeviceArray) else bound


def to_device(result: Any) -> Any:
    """NumPy's result as CuPy gives it: arrays, 0-d ones where NumPy gives scalars."""
    if isinstance(result, (tuple, list)):
        return type(result)(to_device(part) for part in result)
    return DeviceArray(np.asarray(result)) if isinstance(result, (np.ndarray, np.generic, bool)) else result


def like_operands(result: Any, operands: tuple[Any, ...]) -> Any:
    """A step of a fused kernel gives an array of the same kind as it was given."""
    kinds = {type(x) for x in operands if isinstance(x, DeviceArray)} - {DeviceArray}
    return kinds.pop()(result._host) if kinds and type(result) is DeviceArray else result


def refuse_widening(operands: tuple[Any, ...], what: str) -> None:
    dtypes = [x.dtype for x in operands if isinstance(x, DeviceArray)]
    for x in operands:
        if isinstance(x, np.generic) and dtypes:
            narrow = np.result_type(*dtypes)
            if narrow.kind == "f" and np.result_type(narrow, x.dtype) != narrow:
                raise TypeError(f"{what}: the NumPy scalar {x!r} ({x.dtype}) would silently widen {narrow}")


def call(function: Callable, what: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = kwargs.get("out")
    if out is not None and not isinstance(out, DeviceArray):
        raise TypeError(f"{what}: out must be a device array, got {type(out)}")
    for name in ("where", "initial", "subok"):
        if name in kwargs:
            raise TypeError(f"{what}: CuPy has no argument {name!r} here")
    host_kwargs = {name: to_host(value, what) for name, value in kwargs.items()}
    with np.errstate(all="ignore"):  # a device warns of nothing
        result = function(*to_host(args, what), **host_kwargs)
    return like_operands(to_device(result), args) if out is None else out


def _method(name: str) -> Callable:
    def method(self: DeviceArray, *args: Any, **kwargs: Any) -> Any:
        return call(getattr(np.ndarray, name), f"ndarray.{name}", (self, *args), kwargs)

    return method


def _is_refused_index(part: Any) -> bool:
    if isinstance(part, (list, tuple)):
        return any(_is_refused_index(inner) for inner in part)
    return not isinstance(part, (int, np.integer, slice, type(None), type(...), DeviceArray))


class DeviceArray:
    """A NumPy array that behaves as if it were in a GPU's memory."""

    __array_ufunc__ = None  # NumPy's operators step back, its functions refuse
    __hash__ = None

    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use `.get()`.")

    def __array_function__(self, function: Callable, *_: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} on a device array: use xp = get_array_module(x)")

    def __repr__(self) -> str:
        return f"device {self._host!r}"

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: DeviceArray(self._host.T))

    @property
    def base(self) -> DeviceArray | None:
        return None if self._host.base is None else DeviceArray(np.asarray(self._host.base))

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[DeviceArray]:
        return (self[i] for i in range(len(self)))

    def get(self, out: np.ndarray | None = None) -> np.ndarray:
        """A copy on the host."""
        synchronise("get()")
        if out is None:
            return self._host.copy()
        out[...] = self._host
        return out

    def item(self, *args: int) -> Any:
        synchronise("item()")
        return self._host.item(*args)

    def tolist(self) -> Any:
        synchronise("tolist()")
        return self._host.tolist()

    def __float__(self) -> float:
        synchronise("float()")
        return float(self._host)

    def __int__(self) -> int:
        synchronise("int()")
        return int(self._host)

    def __bool__(self) -> bool:
        synchronise("bool()")
        return bool(self._host)

    def __index__(self) -> int:
        synchronise("index()")
        return operator.index(self._host)

    def _index(self, index: Any) -> tuple[Any, ...]:
        parts = index if isinstance(index, tuple) else (index,)
        for part in parts:
            if _is_refused_index(part):
                raise TypeError(f"index: Unsupported type {type(part)}")
        if not any(part is Ellipsis for part in parts):
            parts = (*parts, Ellipsis)  # so that x[i] of a vector is a view, as on the device
        return to_host(parts, "index")

    def _selects_by_mask(self, index: tuple[Any, ...]) -> bool:
        return any(isinstance(part, np.ndarray) and part.dtype.kind == "b" for part in index)

    def __getitem__(self, index: Any) -> DeviceArray:
        index = self._index(index)
        if self._selects_by_mask(index):
            synchronise("x[mask]")
        return to_device(self._host[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        index = self._index(index)
        if isinstance(value, (list, tuple)):
            raise TypeError("x[index] = list: assign a device array or a number")
        value = to_host(value, "x[index] = value")
        if isinstance(value, np.ndarray):
            if self._selects_by_mask(index) and value.ndim:
                synchronise("x[mask] = array")
            target = self._host[index]
            same = target.__array_interface__ == value.__array_interface__
            if not same and np.may_share_memory(target, value) and np.shares_memory(target, value):
                raise TypeError("x[index] = an overlapping view of x is undefined on a device")
        with np.errstate(all="ignore"):
            self._host[index] = value

    def view(self, dtype: Any = None) -> DeviceArray:
        return DeviceArray(self._host.view() if dtype is None else self._host.view(dtype))


_METHODS = """
all any argmax argmin argsort astype clip conj copy cumsum diagonal dot fill flatten max mean min nonzero
prod ravel repeat reshape round sort squeeze std sum swapaxes take transpose var
""".split()

_OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
_COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_UNARY = {"neg": np.negative, "abs": np.absolute, "invert": np.invert, "pos": np.positive}


def _apply_operator(ufunc: np.ufunc, name: str, a: Any, b: Any, **kwargs: Any) -> Any:
    for operand in (a, b):
        if not isinstance(operand, (DeviceArray, int, float, complex, np.generic, np.ndarray)):
            return NotImplemented
    refuse_widening((a, b), name)
    return call(ufunc, name, (a, b), kwargs)


def _add_operators() -> None:
    for name, ufunc in {**_OPERATORS, **_COMPARISONS}.items():
        setattr(DeviceArray, f"__{name}__", lambda a, b, f=ufunc, n=name: _apply_operator(f, n, a, b))
    for name, ufunc in _OPERATORS.items():
        setattr(DeviceArray, f"__r{name}__", lambda b, a, f=ufunc, n=name: _apply_operator(f, n, a, b))
        setattr(DeviceArray, f"__i{name}__", lambda a, b, f=ufunc, n=name: _apply_operator(f, n, a, b, out=a))
    for name, ufunc in _UNARY.items():
        setattr(DeviceArray, f"__{name}__", lambda a, f=ufunc, n=name: call(f, n, (a,), {}))
    for name in _METHODS:
        setattr(DeviceArray, name, _method(name))


_add_operators()
