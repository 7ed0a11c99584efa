"""The operators and methods of `Tensor` that the models use; the first use of any other loads `methods`, with all.

Importing the package stays as quick as it was with these alone.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from npconformer.ops.arithmetic import add, divide, multiply, negative, power, subtract
from npconformer.ops.indexing import getitem
from npconformer.ops.matmul import matmul
from npconformer.ops.reductions import mean, sum
from npconformer.ops.shaping import reshape, transpose
from npconformer.tape.autograd import Tensor


def _other_way_round(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: operation(other, self)


FIRST: dict[str, Callable[..., Any]] = {
    "__add__": add,
    "__radd__": add,
    "__sub__": subtract,
    "__rsub__": _other_way_round(subtract),
    "__mul__": multiply,
    "__rmul__": multiply,
    "__truediv__": divide,
    "__rtruediv__": _other_way_round(divide),
    "__matmul__": matmul,
    "__rmatmul__": _other_way_round(matmul),
    "__neg__": negative,
    "__pow__": power,
    "__getitem__": getitem,
    "reshape": reshape,
    "transpose": transpose,
    "sum": sum,
    "mean": mean,
}
# Python looks these up on the class, so they must be there, if only to load the others.
LATE = (
    "__abs__ __and__ __array_function__ __array_ufunc__ __contains__ __dir__ __eq__ __floordiv__ __format__ __ge__ "
    "__gt__ __index__ __int__ __invert__ __iter__ __le__ __lt__ __mod__ __ne__ __or__ __pos__ __rand__ __rfloordiv__ "
    "__rmod__ __ror__ __rpow__ __rxor__ __setitem__ __xor__"
).split()


def load() -> None:
    """Gives `Tensor` all of its operators and methods."""
    importlib.import_module("npconformer.ops.methods")


def _late(name: str) -> Callable[..., Any]:
    def operator(*args: Any, **kwargs: Any) -> Any:
        load()
        return getattr(Tensor, name)(*args, **kwargs)

    return operator


def _find(self: Tensor, name: str) -> Any:
    if not name.startswith("__"):  # NumPy and copy.copy ask for many of these
        load()
    return object.__getattribute__(self, name)


for _name, _operation in FIRST.items():
    setattr(Tensor, _name, _operation)
for _name in LATE:
    setattr(Tensor, _name, _late(_name))
setattr(Tensor, "__getattr__", _find)  # noqa: B010  type checkers would believe in every name then
