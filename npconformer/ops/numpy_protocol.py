"""NumPy's functions on tensors: `np.exp(x)`, `np.mean(x, axis=1)`, `np.concatenate([x, y])`.

On tensors that are not being recorded they see the arrays inside, and give what they give for arrays. On one that is
(it requires a gradient, and gradients are enabled), those that are operations of the tape are recorded and give
tensors; those whose result has no gradient (comparisons, `argmax`, shapes) see the arrays; all others would lose the
gradient without a word, and are a TypeError.

NumPy calls the function of a binary operator for `array + tensor` too, and cannot be asked which of the two it was:
so the functions of operators with an array on their left give what the operator gives, a tensor.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray, backend_of, is_array
from npconformer.ops import (
    activations,
    arithmetic,
    comparisons,
    elementwise,
    extrema,
    reductions,
    shapes,
    shaping,
    statistics,
)
from npconformer.ops.matmul import matmul
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import mode

# The functions behind binary operators, by the name that CuPy has for them too.
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": arithmetic.add,
    "subtract": arithmetic.subtract,
    "multiply": arithmetic.multiply,
    "divide": arithmetic.divide,
    "matmul": matmul,
    "power": lambda base, x: elementwise.exponential(x, base),
    "equal": comparisons.equal,
    "not_equal": comparisons.not_equal,
    "less": comparisons.less,
    "less_equal": comparisons.less_equal,
    "greater": comparisons.greater,
    "greater_equal": comparisons.greater_equal,
    "floor_divide": comparisons.floor_divide,
    "remainder": elementwise.remainder,
    "bitwise_and": comparisons.bitwise_and,
    "bitwise_or": comparisons.bitwise_or,
    "bitwise_xor": comparisons.bitwise_xor,
}
# Element by element, recorded.
RECORDED_UFUNCS: dict[str, Callable[..., Tensor]] = {
    "add": arithmetic.add,
    "subtract": arithmetic.subtract,
    "multiply": arithmetic.multiply,
    "divide": arithmetic.divide,
    "matmul": matmul,
    "negative": arithmetic.negative,
    "power": arithmetic.power,
    "exp": arithmetic.exp,
    "log": arithmetic.log,
    "sqrt": arithmetic.sqrt,
    "tanh": activations.tanh,
    "absolute": elementwise.absolute,
    "remainder": elementwise.remainder,
    "fabs": elementwise.absolute,
    "maximum": elementwise.maximum,
    "minimum": elementwise.minimum,
    "square": elementwise.square,
    "reciprocal": elementwise.reciprocal,
    "log1p": elementwise.log1p,
    "expm1": elementwise.expm1,
    "sin": elementwise.sin,
    "cos": elementwise.cos,
    "sign": elementwise.sign,
    "floor": elementwise.floor,
    "ceil": elementwise.ceil,
    "rint": elementwise.round,
    "trunc": elementwise.trunc,
}
UFUNCS_WITHOUT_GRADIENT = frozenset(
    "equal not_equal less less_equal greater greater_equal isnan isinf isfinite signbit "
    "logical_and logical_or logical_xor logical_not".split()
)


def _var(x: Tensor, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return statistics.var(x, axis, keepdims=keepdims, correction=ddof)


def _std(x: Tensor, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return statistics.std(x, axis, keepdims=keepdims, correction=ddof)


def _norm(x: Tensor, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    if ord is not None and not isinstance(axis, int) and x.ndim != 1:
        raise TypeError("np.linalg.norm of a matrix with ord: use `.detach()`, or x.norm(p, dim)")
    return statistics.norm(x, 2 if ord is None else ord, axis, keepdims)


def _squeeze(x: Tensor, axis: Any = None) -> Tensor:
    return shapes.squeeze(x, axis)


def _expand_dims(x: Tensor, axis: int) -> Tensor:
    return shapes.unsqueeze(x, axis)


def _ravel(x: Tensor) -> Tensor:
    return shapes.flatten(x)


def _reshape(x: Tensor, shape: Any) -> Tensor:
    return shaping.reshape(x, shape)


def _transpose(x: Tensor, axes: Any = None) -> Tensor:
    return shaping.transpose(x, axes)


def _clip(x: Tensor, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Tensor:
    return elementwise.clamp(x, min if a_min is None else a_min, max if a_max is None else a_max)


def _concatenate(tensors: Any, axis: int = 0) -> Tensor:
    return shaping.concatenate(tensors, axis)


def _stack(tensors: Any, axis: int = 0) -> Tensor:
    return shapes.stack(tensors, axis)


def _cumsum(x: Tensor, axis: int | None = None) -> Tensor:
    return statistics.cumsum(shapes.flatten(x), 0) if axis is None else statistics.cumsum(x, axis)


RECORDED_FUNCTIONS: dict[Callable, Callable[..., Tensor]] = {
    np.sum: reductions.sum,
    np.mean: reductions.mean,
    np.var: _var,
    np.std: _std,
    np.max: extrema.amax,
    np.amax: extrema.amax,
    np.min: extrema.amin,
    np.amin: extrema.amin,
    np.linalg.norm: _norm,
    np.cumsum: _cumsum,
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.swapaxes: shapes.swapaxes,
    np.moveaxis: shapes.movedim,
    np.squeeze: _squeeze,
    np.expand_dims: _expand_dims,
    np.ravel: _ravel,
    np.broadcast_to: shaping.broadcast_to,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.where: elementwise.where,
    np.clip: _clip,
    np.round: elementwise.round,
}
FUNCTIONS_WITHOUT_GRADIENT = frozenset(
    "argmax argmin argsort argwhere nonzero count_nonzero searchsorted all any isclose allclose array_equal isin shape "
    "ndim size result_type can_cast iscomplexobj isrealobj may_share_memory shares_memory zeros_like ones_like "
    "empty_like full_like array_repr array_str array2string save savez savez_compressed savetxt".split()
)


def array_ufunc(x: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """What NumPy calls for one of its functions of single numbers (`__array_ufunc__`)."""
    name, is_call = ufunc.__name__, method == "__call__" and not kwargs
    if is_call and name in OPERATORS and not isinstance(inputs[0], Tensor):
        return OPERATORS[name](*inputs)
    if _is_recorded((inputs, kwargs)) and name not in UFUNCS_WITHOUT_GRADIENT:
        if not is_call or name not in RECORDED_UFUNCS:
            _refuse(f"np.{name}" if method == "__call__" else f"np.{name}.{method}", kwargs)
        return RECORDED_UFUNCS[name](*inputs)
    backend = backend_of(*_arrays(inputs))
    function: Any = ufunc if backend.xp is np else getattr(backend.xp, name)
    function = function if method == "__call__" else getattr(function, method)
    out = kwargs.pop("out", None)
    if out is not None:
        kwargs["out"] = _plain(out if len(out) > 1 else out[0], None)
    return function(*_plain(inputs, x.data), **_plain(kwargs, x.data))


def array_function(x: Tensor, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
    """What NumPy calls for its other functions (`__array_function__`)."""
    if _is_recorded((args, kwargs)) and function.__name__ not in FUNCTIONS_WITHOUT_GRADIENT:
        if function not in RECORDED_FUNCTIONS:
            _refuse(f"np.{function.__name__}", {})
        return RECORDED_FUNCTIONS[function](*args, **kwargs)
    backend = backend_of(*_arrays((args, kwargs)))
    chosen: Any = function
    if backend.xp is not np:
        chosen = backend.xp
        for name in f"{function.__module__}.{function.__name__}".split(".")[1:]:
            chosen = getattr(chosen, name)
    like = next(array for array in _arrays((args, kwargs)) if backend_of(array) is backend)
    return chosen(*_plain(args, like), **_plain(kwargs, like))


def _refuse(name: str, kwargs: dict[str, Any]) -> None:
    with_them = f" with {', '.join(kwargs)}=" if kwargs else ""
    raise TypeError(
        f"{name}{with_them} is not recorded, so the gradient would be lost: use `.numpy()` or "
        "`.detach()`, or `no_grad()`"
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor among arguments, also inside lists."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))


def _arrays(value: Any) -> list[Any]:
    return [tensor.data for tensor in _tensors(value)]


def _is_recorded(value: Any) -> bool:
    return mode.grad_enabled and any(tensor.requires_grad for tensor in _tensors(value))


def _plain(value: Any, like: Any) -> Any:
    """Arguments with the arrays inside the tensors, all of them where `like` lives (None: where they are)."""
    if isinstance(value, Tensor):
        return value.data if like is None else asarray(value.data, like)
    if isinstance(value, (tuple, list)):
        return type(value)([_plain(part, like) for part in value])
    if isinstance(value, dict):
        return {name: _plain(part, like) for name, part in value.items()}
    return asarray(value, like) if like is not None and is_array(value) else value
