"""Whether there is a GPU, by torch's names, for code that chooses its device with them."""

from __future__ import annotations

from npconformer.arrays.backend import BackendError, get_backend

__all__ = ["device_count", "is_available"]


def is_available() -> bool:
    """Whether CuPy and a GPU are there."""
    try:
        get_backend("cuda")
    except BackendError:
        return False
    return True


def device_count() -> int:
    """How many GPUs a model can be on: the first that is visible, or none."""
    return int(is_available())
