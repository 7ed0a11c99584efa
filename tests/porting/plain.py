"""A row's result as plain JSON, and the comparison of two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

Plain = dict[str, Any]


def to_plain(value: Any) -> Plain:
    """What a result is, without the library that it came from: its kind, its number type, its values."""
    if value is None or isinstance(value, bool | str):
        return {"kind": type(value).__name__, "value": value}
    if isinstance(value, int | float):
        return {"kind": "int" if isinstance(value, int) else "float", "value": value}
    if isinstance(value, Mapping):
        return {"kind": "dict", "value": {str(key): to_plain(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"kind": "list" if isinstance(value, list) else "tuple", "value": [to_plain(item) for item in value]}
    if isinstance(value, set):
        return {"kind": "set", "value": [to_plain(item) for item in sorted(value)]}
    if isinstance(value, BaseException):
        return {"kind": "raises", "value": type(value).__name__}
    return _array(value)


def _array(value: Any) -> Plain:
    kind = "array" if isinstance(value, np.ndarray | np.generic) else "tensor"
    if hasattr(value, "detach"):
        value = value.detach()
    if not (hasattr(value, "__array__") or isinstance(value, np.generic)):
        raise TypeError(f"a row's result must be plain values, arrays or tensors, got a {type(value).__name__}")
    array = np.asarray(value)
    values = array.ravel().tolist()
    if array.dtype == np.float32:
        values = [float(f"{one:.7g}") for one in values]  # the digits that it has, so that the files are short
    return {"kind": kind, "dtype": str(array.dtype), "shape": list(array.shape), "value": values}


def difference(ours: Plain, theirs: Plain, tolerance: float) -> str | None:
    """None where two results agree, "container" where only the types do not, else what differs."""
    if "raises" in (ours["kind"], theirs["kind"]):
        return None if _raise_alike(ours, theirs) else f"{_short(ours)}, and not {_short(theirs)}"
    if ours["kind"] == theirs["kind"] == "dict":
        return _of_parts(ours["value"], theirs["value"], tolerance)
    if "list" in ours["kind"] + theirs["kind"] or "tuple" in (ours["kind"], theirs["kind"]):
        return _of_sequences(ours, theirs, tolerance)
    if not _same_values(ours, theirs, tolerance):
        return f"{_short(ours)}, and not {_short(theirs)}"
    same_type = all(ours.get(name) == theirs.get(name) for name in ("kind", "dtype", "shape"))
    return None if same_type else "container"


def _raise_alike(ours: Plain, theirs: Plain) -> bool:
    """Whether both raise, and npconformer not just because it has no such name."""
    missing = ("AttributeError", "NameError", "ImportError", "ModuleNotFoundError", "NotImplementedError")
    return ours["kind"] == theirs["kind"] and (ours["value"] not in missing or ours["value"] == theirs["value"])


def _of_sequences(ours: Plain, theirs: Plain, tolerance: float) -> str | None:
    if isinstance(ours["value"], list) and isinstance(theirs["value"], list):
        if {ours["kind"], theirs["kind"]} <= {"list", "tuple"}:
            parts = [dict(enumerate(one["value"])) for one in (ours, theirs)]
            found = _of_parts(*parts, tolerance)
            return found or (None if ours["kind"] == theirs["kind"] else "container")
        if _same_values(_flat(ours), _flat(theirs), tolerance):
            return "container"
    return f"{_short(ours)}, and not {_short(theirs)}"


def _of_parts(ours: dict[Any, Plain], theirs: dict[Any, Plain], tolerance: float) -> str | None:
    if list(ours) != list(theirs) and set(ours) != set(theirs):
        return f"{list(ours)}, and not {list(theirs)}"
    found = {key: difference(ours[key], theirs[key], tolerance) for key in theirs}
    wrong = [f"{key}: {what}" for key, what in found.items() if what not in (None, "container")]
    return wrong[0] if wrong else "container" if "container" in found.values() else None


def _flat(one: Plain) -> Plain:
    """Nested lists as the values of an array."""
    if not isinstance(one["value"], list) or one["kind"] in ("array", "tensor"):
        return one
    parts = [_flat(part)["value"] for part in one["value"]]
    return {"kind": "array", "value": [item for part in parts for item in (part if isinstance(part, list) else [part])]}


def _same_values(ours: Plain, theirs: Plain, tolerance: float) -> bool:
    pairs = [one["value"] if isinstance(one["value"], list) else [one["value"]] for one in (ours, theirs)]
    return len(pairs[0]) == len(pairs[1]) and all(_same_value(a, b, tolerance) for a, b in zip(*pairs, strict=True))


def _same_value(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (a != a and b != b)
    return type(a) is type(b) and a == b


def _short(one: Plain) -> str:
    text = f"{one['kind']} {one.get('dtype', '')}{one.get('shape', '')} {one['value']}".replace("  ", " ")
    return text if len(text) < 200 else text[:200] + " ..."
