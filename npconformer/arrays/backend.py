"""Which array library an array belongs to, and the few places where NumPy and CuPy truly differ.

Every operation of the package is written once, in terms of `xp`, the module that its input arrays belong to:

    xp = get_array_module(x)
    y = xp.exp(x)

CuPy is imported here and nowhere else, and only once somebody asks for it with `use("cupy")`, with the environment
variable `NPCONFORMER_BACKEND=cupy`, with `model.to("cuda")`, or by passing a CuPy array.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from npconformer.arrays.special import normal_cdf_numpy
from npconformer.arrays.types import Array

ENVIRONMENT_VARIABLE = "NPCONFORMER_BACKEND"


class BackendError(RuntimeError):
    """An array library was asked for that is not installed, or that finds no device."""


@dataclass(frozen=True)
class Backend:
    """An array library: its namespace, and what it does differently from NumPy.

    Attributes:
        name: what `use` calls it.
        xp: the namespace with NumPy's names.
        array_type: the type of its arrays.
        to_host: array -> NumPy array.
        from_host: NumPy array -> array of this library.
        normal_cdf: the distribution function of the normal distribution, element by element, dtype kept.
        piece_size: how many numbers are worked on at once where there is a choice: as many as a cache holds, on a host;
            as many as a device's memory holds without pain, elsewhere.
        fuse: (function, name) -> the same function as one kernel, for a function of element-wise steps (see
            `threads.run_elementwise`); None where every step is run by itself.
    """

    name: str
    xp: ModuleType | Any
    array_type: type
    to_host: Callable[[Any], np.ndarray]
    from_host: Callable[[np.ndarray], Any]
    normal_cdf: Callable[..., Any]
    piece_size: int = 2**26
    fuse: Callable[[Callable, str], Callable] | None = None


NUMPY = Backend("numpy", np, np.ndarray, np.asarray, np.asarray, normal_cdf_numpy, piece_size=2**19)
_by_array_type: dict[type, Backend] = {np.ndarray: NUMPY}
_by_name: dict[str, Backend] = {"numpy": NUMPY}
_SYNONYMS = {"cpu": "numpy", "cuda": "cupy", "cuda:0": "cupy", "gpu": "cupy"}
_default: Backend | None = None


def register(backend: Backend) -> None:
    """Makes another array library known, so that its arrays are recognised and `use(name)` finds it."""
    _by_array_type[backend.array_type] = backend
    _by_name[backend.name] = backend


def _load_cupy() -> Backend:
    if "cupy" in _by_name:
        return _by_name["cupy"]
    try:
        import cupy
        from cupyx.scipy.special import ndtr
    except ImportError as error:
        raise BackendError(
            "CuPy is not installed. Install it for your CUDA version with "
            '`pip install "cupy-cuda12x[ctk]"` or `pip install "cupy-cuda13x[ctk]"` '
            f"(the import failed with: {error})."
        ) from error
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendError(f"CuPy {cupy.__version__} is installed but finds no usable GPU: {error}.") from error
    if devices == 0:
        raise BackendError(f"CuPy {cupy.__version__} is installed but this machine has no GPU.")

    def fuse(function: Callable, name: str) -> Callable:
        return cupy.fuse(kernel_name=name)(function)

    register(Backend("cupy", cupy, cupy.ndarray, cupy.asnumpy, cupy.asarray, ndtr, fuse=fuse))
    return _by_name["cupy"]


def get_backend(name: str) -> Backend:
    """The backend of that name: "numpy" (or "cpu"), "cupy" (or "cuda", "cuda:0", "gpu").

    Raises:
        BackendError: CuPy or a GPU is missing; the message has the command that installs it.
        ValueError: an unknown name.
    """
    name = _SYNONYMS.get(str(name).lower(), str(name).lower())
    if name == "cupy":
        return _load_cupy()
    if name not in _by_name:
        raise ValueError(f"backend {name!r} is not known: expected one of {sorted({*_by_name, 'cupy', 'cpu', 'cuda'})}")
    return _by_name[name]


def use(name: str) -> None:
    """Chooses the array library on which new models are created: "numpy" or "cupy"."""
    global _default
    _default = get_backend(name)


def default_backend() -> Backend:
    """What `use` chose; before that, what NPCONFORMER_BACKEND names; NumPy otherwise."""
    global _default
    if _default is None:
        name = os.environ.get(ENVIRONMENT_VARIABLE) or "numpy"
        try:
            _default = get_backend(name)
        except (BackendError, ValueError) as error:
            raise type(error)(f"{ENVIRONMENT_VARIABLE}={name}: {error}") from error
    return _default


def backend_of(*arrays: Any) -> Backend:
    """The backend that the arrays belong to. A device array decides over NumPy arrays and scalars beside it."""
    for array in arrays:
        kind = type(array)
        if kind is np.ndarray or array is None:  # nearly always, so without a search
            continue
        backend = _by_array_type.get(kind)
        if backend is None and kind.__module__.startswith("cupy"):
            backend = _load_cupy()
        if backend is not None and backend is not NUMPY:
            return backend
    return NUMPY


def get_array_module(*arrays: Any) -> Any:
    """The namespace (`xp`) that the arrays belong to; NumPy for scalars, lists and None."""
    return backend_of(*arrays).xp


def is_array(value: Any) -> bool:
    """Whether the value is an array of a known library (a NumPy scalar is none)."""
    return isinstance(value, np.ndarray) or backend_of(value) is not NUMPY


def to_host(array: Any) -> np.ndarray:
    """The array as a NumPy array, copied from its device where it has one."""
    return backend_of(array).to_host(array)


def to_backend(array: Any, backend: Backend) -> Array:
    """The array in that backend's memory; unchanged if it is there already."""
    source = backend_of(array)
    if source is backend:
        return array if is_array(array) else backend.from_host(np.asarray(array))
    return backend.from_host(source.to_host(array))


def asarray(array: Any, like: Any) -> Array:
    """The array, moved to where `like` lives; its dtype is kept."""
    return to_backend(array, backend_of(like))


def normal_cdf(x: Array, out: Array | None = None) -> Array:
    """1/sqrt(2 pi) * integral up to x of exp(-t^2/2) dt, element by element, in x's dtype; `out` is not x itself."""
    return backend_of(x).normal_cdf(x, out=out)


def scatter_add(target: Array, index: Any, values: Array) -> None:
    """target[index] += values, in place, where positions that `index` names twice receive both values."""
    get_array_module(target).add.at(target, index, values)


def stable_argsort(x: Array, axis: int) -> Array:
    """Indices that sort along the axis and leave equal numbers in their order, as CuPy's do without being asked."""
    return x.argsort(axis=axis, kind="stable") if backend_of(x) is NUMPY else x.argsort(axis=axis)


def sliding_view(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A view of x with other strides (in bytes). It may overlap itself: write to it only where it does not."""
    of_its_class = {"subok": True} if backend_of(x) is NUMPY else {}
    return get_array_module(x).lib.stride_tricks.as_strided(x, shape=shape, strides=strides, **of_its_class)


def no_scalar(xp: Any, x: Any) -> Array:
    """An array, also where NumPy made a scalar of one without axes; of its own class."""
    return x if is_array(x) else xp.asarray(x)


def contiguous(x: Array) -> Array:
    """x if its rows follow one another in memory, or else a copy whose rows do."""
    return x if x.flags.c_contiguous else x.copy()
