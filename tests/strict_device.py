"""A stand-in for a device array: NumPy inside, and it refuses what CuPy refuses.

Registered as the backend "strict", it shows without a GPU that code is device-clean: that it calls `xp`
and not `np`, moves arrays between host and device only where it says so, and works where reductions give
0-d arrays.

    Refused (TypeError): conversion by `np.asarray`, NumPy's functions, host arrays beside device arrays
    in operators, functions, indices and assignments, NumPy scalars that would silently widen a floating
    dtype, and the arguments that CuPy's functions lack (`where=` of ufuncs and reductions, `initial=`). A
    name that is not on the lists below is an AttributeError: before adding one, make sure that CuPy has
    it.

    Allowed but counted (see `count_synchronisations`): float(), int(), bool(), item(), tolist(), get(),
    and what must know how many elements a mask selects. On a GPU each of them makes the host wait for the
    device.

    Stricter than CuPy on purpose: `np.exp(x)` is refused (CuPy would accept), `empty` is filled with NaN,
    and an assignment between overlapping views is refused (on CuPy its result depends on luck).
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from strict_array import (
    DeviceArray,
    call,
    count_synchronisations,
    counting,
    refuse_widening,
    synchronise,
    to_host,
)
from strict_fusion import FUSION, FusionArray

from npconformer.arrays.backend import Backend, _by_array_type, register
from npconformer.arrays.dtypes import wide_dtype
from npconformer.arrays.special import normal_cdf_numpy

__all__ = ["STRICT", "DeviceArray", "count_synchronisations", "xp"]


class _Ufunc:
    """A ufunc: called on device arrays and numbers; `at` and `outer` are the methods that CuPy shares."""

    _SCATTERED = ("e", "f", "d", "F", "D", "i", "I", "L", "Q")  # what CuPy's atomic additions support

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc, self.__name__ = ufunc, ufunc.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        refuse_widening(args, self.__name__)
        return call(self._ufunc, f"xp.{self.__name__}", args, kwargs)

    def outer(self, a: Any, b: Any) -> DeviceArray:
        return call(self._ufunc.outer, f"xp.{self.__name__}.outer", (a, b), {})

    def at(self, target: DeviceArray, index: Any, values: Any) -> None:
        if self.__name__ not in ("add", "subtract", "maximum", "minimum"):
            raise TypeError(f"xp.{self.__name__}.at is not in CuPy")
        if target.dtype.char not in self._SCATTERED:
            raise TypeError(f"xp.{self.__name__}.at: CuPy's atomic operations do not support {target.dtype}")
        self._ufunc.at(target._host, target._index(index), to_host(values, "ufunc.at"))


_UFUNCS = """
absolute add arctan bitwise_and bitwise_or bitwise_xor ceil cos cosh divide equal exp exp2 expm1 floor
floor_divide greater greater_equal hypot invert isfinite isinf isnan less less_equal log log10 log1p log2
logaddexp logical_and logical_not logical_or logical_xor matmul maximum minimum mod multiply negative
not_equal positive power reciprocal remainder rint sign signbit sin sinh sqrt square subtract tan tanh
true_divide trunc
""".split()

_FUNCTIONS = """
all allclose amax amin any arange argmax argmin argsort array_equal atleast_1d atleast_2d bincount
broadcast_arrays broadcast_to clip concatenate count_nonzero cumprod cumsum diff dot einsum expand_dims eye
flip flipud full full_like hstack inner isclose isin linspace max mean min moveaxis nan_to_num nanmax nanmin
ndim nonzero ones ones_like outer pad prod ravel repeat reshape roll rollaxis round searchsorted shape size
sort split squeeze stack std sum swapaxes take take_along_axis tensordot tile trace transpose tril triu
unique var vdot vstack zeros zeros_like
""".split()

_CONSTANTS = """
bool_ dtype e finfo float16 float32 float64 floating iinfo inf int16 int32 int64 int8 integer intp
issubdtype nan ndindex newaxis pi promote_types result_type uint16 uint32 uint64 uint8
""".split()

_COUNTED = {"nonzero", "unique", "count_nonzero"}
_LACKING = {"einsum": ("out",)}  # arguments that NumPy's function of the name has and CuPy's has not


class StrictNamespace:
    """NumPy's names on device arrays: those that CuPy has too, and that we have had reason to allow."""

    __name__ = "strict"
    ndarray = DeviceArray

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"xp.{name} is not on the stand-in's lists: does CuPy have it? (tests/strict_device.py)")

    def asarray(self, value: Any, dtype: Any = None) -> DeviceArray:
        """The explicit way from the host to the device; a device array stays as it is."""
        if isinstance(value, DeviceArray):
            return value if dtype is None or value.dtype == dtype else value.astype(dtype)
        for waits in counting:
            waits.uploads += 1
        return DeviceArray(np.array(value, dtype=dtype))

    def array(self, value: Any, dtype: Any = None, copy: bool = True) -> DeviceArray:
        result = self.asarray(value, dtype)
        return result.copy() if copy and result is value else result

    def ascontiguousarray(self, value: Any, dtype: Any = None) -> DeviceArray:
        value = self.asarray(value, dtype)
        if value.flags.c_contiguous and value.ndim:
            return value
        return DeviceArray(np.ascontiguousarray(value._host))

    def asfortranarray(self, value: Any, dtype: Any = None) -> DeviceArray:
        value = self.asarray(value, dtype)
        return value if value.flags.f_contiguous and value.ndim else DeviceArray(np.asfortranarray(value._host))

    def copyto(self, target: DeviceArray, value: Any, where: DeviceArray | None = None) -> None:
        where = True if where is None else to_host(where, "copyto")
        np.copyto(target._host, to_host(value, "copyto"), where=where)

    def where(self, condition: DeviceArray, *values: Any) -> Any:
        if not isinstance(condition, DeviceArray):
            raise TypeError(f"xp.where: the condition must be a device array, got {type(condition)}")
        if not values:
            synchronise("where(condition)")
        if values and not any(isinstance(value, (DeviceArray, np.generic)) for value in values):
            raise TypeError("xp.where of two Python numbers: in a fused kernel CuPy makes float16 of them")
        refuse_widening(values, "where")
        return call(np.where, "where", (condition, *values), {})

    def empty(self, shape: Any, dtype: Any = float, order: str = "C") -> DeviceArray:
        FUSION.refuse("xp.empty")
        host = np.empty(shape, dtype, order)
        host.fill(np.nan if host.dtype.kind == "f" else 77 if host.dtype.kind != "b" else True)
        return DeviceArray(host)

    def empty_like(self, like: DeviceArray, dtype: Any = None, shape: Any = None) -> DeviceArray:
        return self.empty(like.shape if shape is None else shape, like.dtype if dtype is None else dtype)

    def asnumpy(self, value: Any) -> np.ndarray:
        return value.get() if isinstance(value, DeviceArray) else np.asarray(value)


def _as_strided(x: DeviceArray, shape: Any = None, strides: Any = None) -> DeviceArray:
    return DeviceArray(np.lib.stride_tricks.as_strided(x._host, shape=shape, strides=strides))


def _function(name: str) -> Callable:
    numpy_function = getattr(np, name)

    def function(*args: Any, **kwargs: Any) -> Any:
        FUSION.refuse(f"xp.{name}")
        for argument in _LACKING.get(name, ()):
            if argument in kwargs:
                raise TypeError(f"xp.{name}: CuPy's has no argument {argument!r}")
        if name in _COUNTED:
            synchronise(f"xp.{name}")
        return call(numpy_function, f"xp.{name}", args, kwargs)

    function.__name__ = name
    return function


def _make_namespace() -> StrictNamespace:
    namespace = StrictNamespace()
    vars(namespace).update({name: _Ufunc(getattr(np, name)) for name in _UFUNCS})
    vars(namespace).update({name: _function(name) for name in _FUNCTIONS})
    vars(namespace).update({name: getattr(np, name) for name in _CONSTANTS})
    vars(namespace).update(abs=namespace.absolute, lib=SimpleNamespace(stride_tricks=SimpleNamespace()))
    namespace.lib.stride_tricks.as_strided = _as_strided
    return namespace


def _normal_cdf(x: DeviceArray, out: DeviceArray | None = None) -> DeviceArray:
    values = type(x)(normal_cdf_numpy(x._host))
    if out is None:
        return values
    out[...] = values
    return out


def _sums_of_products(subscripts: str, a: DeviceArray, b: DeviceArray, out: DeviceArray | None = None) -> DeviceArray:
    """As exact as CuPy's, which adds in float64."""
    sums = call(np.einsum, "sums_of_products", (subscripts, a.astype(np.float64), b.astype(np.float64)), {})
    if out is None:
        return sums.astype(wide_dtype(a.dtype))
    out[...] = sums
    return out


xp = _make_namespace()
STRICT = Backend(
    name="strict",
    xp=xp,
    array_type=DeviceArray,
    to_host=DeviceArray.get,
    from_host=xp.asarray,
    normal_cdf=_normal_cdf,
    sums_of_products=_sums_of_products,
    row_sums=lambda x: x.sum(axis=-1, keepdims=True, dtype=wide_dtype(x.dtype)),
    row_products=lambda x, y: _sums_of_products("nc,nc->n", x, y)[:, None],
    fuse=FUSION,
)
register(STRICT)
_by_array_type[FusionArray] = STRICT  # CuPy's are recognised by their module's name
