"""Number types by the names that people write: "torch.float16", torch's own objects, NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np


def dtype_name(dtype: Any) -> Any:
    """torch's dtypes, and their names such as "torch.float16", by their plain names; anything else as it is."""
    if isinstance(dtype, str) or type(dtype).__module__ == "torch":
        return str(dtype).removeprefix("torch.")
    return dtype


def floating_dtype(dtype: Any) -> np.dtype | None:
    """The dtype of that name or type if it is one of floating-point numbers; None for everything else."""
    try:
        found = np.dtype(dtype_name(dtype))
    except TypeError:
        return None
    return found if found.kind == "f" and dtype is not None else None
