"""Which array library an array belongs to, and the few functions that NumPy and CuPy call differently.

Every operation of the package is written once, in terms of `xp`, the module that its input arrays belong to:

    xp = get_array_module(x)
    y = xp.exp(x)

CuPy is imported in `cupy_library` and nowhere else, and only once somebody asks for it with `use("cupy")`, with the
environment variable `NPCONFORMER_BACKEND=cupy`, with `model.to("cuda")`, or by passing a CuPy array.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from npconformer.arrays.array_library import NUMPY, Backend, BackendError
from npconformer.arrays.types import Array

ENVIRONMENT_VARIABLE = "NPCONFORMER_BACKEND"
_by_array_type: dict[type, Backend] = {np.ndarray: NUMPY}
_by_name: dict[str, Backend] = {"numpy": NUMPY}
_SYNONYMS = {"cpu": "numpy", "cuda": "cupy", "cuda:0": "cupy", "gpu": "cupy"}
_default: Backend | None = None


def register(backend: Backend) -> None:
    """Makes another array library known, so that its arrays are recognised and `use(name)` finds it."""
    _by_array_type[backend.array_type] = backend
    _by_name[backend.name] = backend


def _load_cupy() -> Backend:
    if "cupy" not in _by_name:
        from npconformer.arrays import cupy_library

        register(cupy_library.load())
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


def known_array(value: Any) -> Array:
    """The value as an array of a known library.

    What another library has on a GPU (`__cuda_array_interface__`, as of torch's tensors) is CuPy's, over the same
    memory; everything else is NumPy's.
    """
    if is_array(value):
        return value
    if hasattr(value, "__cuda_array_interface__"):
        return get_backend("cupy").from_host(value)
    return np.asarray(value)


def to_host(array: Any) -> np.ndarray:
    """The array as a NumPy array, copied from its device where it has one."""
    array = known_array(array)
    return backend_of(array).to_host(array)


def to_backend(array: Any, backend: Backend) -> Array:
    """The array in that backend's memory; unchanged if it is there already."""
    array = known_array(array)
    source = backend_of(array)
    return array if source is backend else backend.from_host(source.to_host(array))


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
