"""The backends that tests run on, as a fixture: NumPy, the stand-in device, and CuPy where there is a GPU.

A conftest makes it known to its folder with `from backends import backend`.
"""

from __future__ import annotations

import pytest
from strict_device import STRICT

from npconformer.arrays.backend import NUMPY, Backend, get_backend

BACKENDS = ["numpy", "strict", pytest.param("cupy", marks=pytest.mark.gpu)]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn: `backend.from_host(array)` moves an array to it, `backend.to_host(array)` back."""
    return {"numpy": NUMPY, "strict": STRICT}.get(request.param) or get_backend(request.param)
