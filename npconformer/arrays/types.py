"""What an array is, to whoever reads a signature and to a type checker."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

# An array of NumPy, or of a library with the same names (CuPy; see `backend.py`), of any shape and dtype. What a type
# checker sees is NumPy's array: its methods are the ones that an operation may use, and `xp`, the module that the array
# belongs to, has the functions. Shapes and dtypes are in the docstrings.
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
