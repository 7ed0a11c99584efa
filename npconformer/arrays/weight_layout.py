"""How weights lie in memory, asked by all whom it concerns: loading, matrix products, convolutions, optimisers.

Loaded weights that a matrix product would have to rearrange lie transposed.

A product x W^T reads W^T by its rows. A checkpoint has W by its rows, so that the BLAS library, which arranges its
right-hand matrix anew for every product, has to turn it over as well; with few rows x, that takes as long as the
product. A convolution's kernel (O, C, K) has to become a matrix (O, K C) before that. Both cost nothing where the
weight's axes follow one another in memory the other way round, the first one fastest ("Fortran order"): W^T and the
kernel's matrix, transposed, are plain views then. Shapes, values and what is saved stay the same.

A weight that is laid out anew is copied, so this is for those that gain by it: kernels, and small matrices. Large
matrices stay where they are, in the checkpoint's mapped file.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST_MATRIX = 2**18  # numbers; the larger ones are on the left of the product where there are few rows
LARGEST_KERNEL = 2**20  # numbers


def lay_out(weight: np.ndarray) -> np.ndarray:
    """The same weight, transposed in memory if it is a kernel or a small matrix; as writeable as before."""
    is_kernel = weight.ndim == 3 and weight.shape[2] > 1
    if weight.ndim < 2 or weight.size > (LARGEST_KERNEL if is_kernel else LARGEST_MATRIX):
        return weight
    laid_out = np.asfortranarray(weight)
    laid_out.flags.writeable = weight.flags.writeable
    return laid_out


def lie_transposed(weight: Any) -> Any:
    """The same weight, transposed in memory whatever its size: for one that many products will ask for."""
    return weight if weight.flags.f_contiguous else weight.copy(order="F")


def lies_as_stored(weight: Any) -> bool:
    """Whether a weight lies row by row, as in a checkpoint, so that a product with its transpose rearranges it."""
    return weight.flags.c_contiguous


def matrix_of_taps(weight: Any, taps: slice, groups: int) -> Any:
    """These taps of a kernel (O, C/G, K) as a matrix (G, O/G, taps*C/G): a view where the kernel lies transposed."""
    part = weight[:, :, taps].swapaxes(1, 2)  # (O, taps, C/G)
    return part.reshape(groups, part.shape[0] // groups, -1)


def can_change_in_place(weight: Any) -> bool:
    """Whether an optimiser may write through flat views: not into a mapped file, nor where pieces are no runs."""
    return getattr(weight.flags, "writeable", True) and weight.flags.c_contiguous  # CuPy's flags have no writeable
