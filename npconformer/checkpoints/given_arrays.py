"""Named arrays that somebody has in memory already, read as those of a file are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


class GivenArrays:
    """The arrays, tensors or parameters of a `state_dict`, as an `ArrayFile`.

    Raises:
        ValueError: what was given is no mapping of names to arrays.
    """

    path = Path("state_dict")  # what messages name

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        if not isinstance(arrays, Mapping):
            raise ValueError(f"state_dict: expected names with arrays, got a {type(arrays).__name__}")
        self._arrays = {name: _as_array(name, value) for name, value in arrays.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def shape(self, name: str) -> tuple[int, ...]:
        return self._arrays[name].shape

    def stored_dtype(self, name: str) -> str:
        return self._arrays[name].dtype.name

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """A copy, so that training the model leaves what was given as it is."""
        array = self._arrays[name]
        return array.astype(dtype if dtype is not None and array.dtype.kind == "f" else array.dtype)


def _as_array(name: str, value: Any) -> np.ndarray:
    value = value.data if isinstance(value, Tensor) else value
    array = to_host(value.detach() if hasattr(value, "detach") else value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"state_dict: {name!r} is no array of numbers, got dtype {array.dtype}")
    return array
