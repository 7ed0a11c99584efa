"""How many processor cores a command uses."""

from __future__ import annotations

import os

# npconformer asks for OMP_NUM_THREADS. The library behind NumPy's own products, outside of models, asks for its own
# variable first: OpenBLAS in NumPy's wheels, else MKL, Apple's Accelerate, or one built with OpenMP.
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def use_threads(threads: int | None) -> None:
    """Let everything that is computed from now on use so many threads; None leaves what the environment says.

    The number is fixed when NumPy is first imported, so the commands import it late. In a process that has it
    already, such as a notebook, set OMP_NUM_THREADS before that instead.
    """
    if threads is not None:
        os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
