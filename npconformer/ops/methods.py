"""The operators, methods and properties of `Tensor`: which operation each of them is.

A tensor is met by people who write NumPy and by people who write torch, and has both their names. `tape/attached.py`
declares them for type checkers. Those that the models use are attached by `first_methods`, and this module when one of
the others is asked for.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npconformer.ops import (
    activations,
    arithmetic,
    casting,
    comparisons,
    contents,
    elementwise,
    extrema,
    indexing,
    numpy_protocol,
    shapes,
    statistics,
)
from npconformer.ops.first_methods import FIRST
from npconformer.ops.matmul import matmul
from npconformer.ops.softmax import log_softmax, softmax
from npconformer.tape.autograd import Tensor


def _add(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """x + alpha y"""
    return arithmetic.add(self, other if alpha == 1 else arithmetic.multiply(other, alpha))


def _subtract(self: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """x - alpha y"""
    return arithmetic.subtract(self, other if alpha == 1 else arithmetic.multiply(other, alpha))


OPERATORS: dict[str, Callable[..., Any]] = {
    **FIRST,
    "__abs__": elementwise.absolute,
    "__pos__": lambda self: self,
    "__floordiv__": comparisons.floor_divide,
    "__rfloordiv__": lambda self, other: comparisons.floor_divide(other, self),
    "__mod__": elementwise.remainder,
    "__rmod__": lambda self, other: elementwise.remainder(other, self),
    "__rpow__": elementwise.exponential,
    "__eq__": comparisons.equal,
    "__ne__": comparisons.not_equal,
    "__lt__": comparisons.less,
    "__le__": comparisons.less_equal,
    "__gt__": comparisons.greater,
    "__ge__": comparisons.greater_equal,
    "__and__": comparisons.bitwise_and,
    "__rand__": comparisons.bitwise_and,
    "__or__": comparisons.bitwise_or,
    "__ror__": comparisons.bitwise_or,
    "__xor__": comparisons.bitwise_xor,
    "__rxor__": comparisons.bitwise_xor,
    "__invert__": comparisons.invert,
    "__contains__": comparisons.contains,
    "__setitem__": contents.setitem,
    "__iter__": contents.iterate,
    "__int__": contents.as_int,
    "__index__": contents.as_index_number,
    "__format__": contents.as_text,
    "__array_ufunc__": numpy_protocol.array_ufunc,
    "__array_function__": numpy_protocol.array_function,
}
PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "size": contents.size,
    "device": contents.device,
    "T": contents.transposed,
    "grad_fn": contents.maker,
    "mT": contents.matrix_transposed,
    "nbytes": contents.nbytes,
    "itemsize": contents.element_size,
    "is_cpu": lambda self: self.device.type == "cpu",
    "is_cuda": lambda self: self.device.type == "cuda",
}
# One number at a time.
ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "abs": elementwise.absolute,
    "absolute": elementwise.absolute,
    "add": _add,
    "ceil": elementwise.ceil,
    "clamp": elementwise.clamp,
    "clamp_max": lambda self, max: elementwise.clamp(self, max=max),
    "clamp_min": lambda self, min: elementwise.clamp(self, min=min),
    "clip": elementwise.clamp,
    "cos": elementwise.cos,
    "div": arithmetic.divide,
    "divide": arithmetic.divide,
    "exp": arithmetic.exp,
    "expm1": elementwise.expm1,
    "floor": elementwise.floor,
    "log": arithmetic.log,
    "log1p": elementwise.log1p,
    "masked_fill": indexing.masked_assign,
    "maximum": elementwise.maximum,
    "minimum": elementwise.minimum,
    "mul": arithmetic.multiply,
    "multiply": arithmetic.multiply,
    "neg": arithmetic.negative,
    "negative": arithmetic.negative,
    "pow": arithmetic.power,
    "reciprocal": elementwise.reciprocal,
    "relu": activations.relu,
    "remainder": elementwise.remainder,
    "round": elementwise.round,
    "rsqrt": elementwise.rsqrt,
    "sigmoid": activations.sigmoid,
    "sign": elementwise.sign,
    "sin": elementwise.sin,
    "sqrt": arithmetic.sqrt,
    "square": elementwise.square,
    "sub": _subtract,
    "subtract": _subtract,
    "tanh": activations.tanh,
    "true_divide": arithmetic.divide,
    "trunc": elementwise.trunc,
    "where": lambda self, condition, other: elementwise.where(condition, self, other),
}
_IN_PLACE = "abs add ceil clamp clip div exp floor log masked_fill mul neg pow relu round sigmoid sqrt sub tanh"
IN_PLACE: dict[str, Callable[..., Any]] = {
    f"{name}_": contents.in_place(ELEMENTWISE[name]) for name in _IN_PLACE.split()
}
COMPARISONS: dict[str, Callable[..., Any]] = {
    "all": comparisons.all,
    "allclose": comparisons.allclose,
    "any": comparisons.any,
    "count_nonzero": comparisons.count_nonzero,
    "eq": comparisons.equal,
    "equal": comparisons.are_equal,
    "floor_divide": comparisons.floor_divide,
    "ge": comparisons.greater_equal,
    "greater": comparisons.greater,
    "greater_equal": comparisons.greater_equal,
    "gt": comparisons.greater,
    "isclose": comparisons.isclose,
    "isfinite": comparisons.isfinite,
    "isinf": comparisons.isinf,
    "isnan": comparisons.isnan,
    "le": comparisons.less_equal,
    "less": comparisons.less,
    "less_equal": comparisons.less_equal,
    "logical_and": comparisons.logical_and,
    "logical_not": comparisons.logical_not,
    "logical_or": comparisons.logical_or,
    "logical_xor": comparisons.logical_xor,
    "lt": comparisons.less,
    "ne": comparisons.not_equal,
    "nonzero": comparisons.nonzero,
    "not_equal": comparisons.not_equal,
}
# Along axes.
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "amax": extrema.amax,
    "amin": extrema.amin,
    "argmax": extrema.argmax,
    "argmin": extrema.argmin,
    "argsort": extrema.argsort,
    "bmm": matmul,
    "cumsum": statistics.cumsum,
    "gather": extrema.gather,
    "log_softmax": log_softmax,
    "logsumexp": statistics.logsumexp,
    "matmul": matmul,
    "max": extrema.max,
    "min": extrema.min,
    "mm": matmul,
    "norm": statistics.norm,
    "softmax": softmax,
    "sort": extrema.sort,
    "std": statistics.std,
    "topk": extrema.topk,
    "var": statistics.var,
}
SHAPES: dict[str, Callable[..., Any]] = {
    "chunk": shapes.chunk,
    "broadcast_to": shapes.expand,
    "expand": shapes.expand,
    "expand_as": shapes.expand_as,
    "flatten": shapes.flatten,
    "flip": shapes.flip,
    "index_select": shapes.index_select,
    "masked_select": contents.masked_select,
    "moveaxis": shapes.movedim,
    "movedim": shapes.movedim,
    "narrow": shapes.narrow,
    "permute": shapes.permute,
    "ravel": shapes.flatten,
    "repeat": shapes.repeat,
    "reshape_as": shapes.reshape_as,
    "select": shapes.select,
    "split": shapes.split,
    "squeeze": shapes.squeeze,
    "swapaxes": shapes.swapaxes,
    "swapdims": shapes.swapaxes,
    "t": shapes.t,
    "unbind": shapes.unbind,
    "unflatten": shapes.unflatten,
    "unsqueeze": shapes.unsqueeze,
    "view": shapes.view,
    "view_as": shapes.reshape_as,
}
# The tensor itself: its kind and place, and changes in place.
CONTENTS: dict[str, Callable[..., Any]] = {
    "astype": casting.cast,
    "bool": lambda self: casting.cast(self, "bool"),
    "clone": casting.clone,
    "contiguous": contents.contiguous,
    "copy": casting.clone,
    "copy_": contents.copy_,
    "cpu": contents.cpu,
    "cuda": contents.cuda,
    "dim": contents.dim,
    "double": lambda self: casting.cast(self, "float64"),
    "element_size": contents.element_size,
    "fill_": contents.fill_,
    "float": lambda self: casting.cast(self, "float32"),
    "half": lambda self: casting.cast(self, "float16"),
    "int": lambda self: casting.cast(self, "int32"),
    "is_contiguous": contents.is_contiguous,
    "is_floating_point": contents.is_floating_point,
    "long": lambda self: casting.cast(self, "int64"),
    "ndimension": contents.dim,
    "nelement": contents.numel,
    "new_full": contents.new_full,
    "new_ones": contents.new_ones,
    "new_tensor": contents.new_tensor,
    "new_zeros": contents.new_zeros,
    "numel": contents.numel,
    "requires_grad_": contents.requires_grad_,
    "stride": contents.stride,
    "to": casting.to,
    "tolist": contents.tolist,
    "type_as": contents.type_as,
    "zero_": contents.zero_,
}
METHODS = {**ELEMENTWISE, **IN_PLACE, **COMPARISONS, **REDUCTIONS, **SHAPES, **CONTENTS}


for _name, _operation in {**OPERATORS, **METHODS}.items():
    setattr(Tensor, _name, _operation)
for _name, _read in PROPERTIES.items():
    setattr(Tensor, _name, property(_read))
del Tensor.__getattr__, Tensor.__dir__  # type: ignore[attr-defined]  # of first_methods: nothing is left to be found
