"""Gradients compared with differences of the function itself, in float64.

For outputs y = f(x), random upstream gradients g and a random direction d, the tape's gradient dx must satisfy

    sum(dx d) = sum(g dy/dh)   with   dy/dh = (8 (y(x+hd) - y(x-hd)) - (y(x+2hd) - y(x-2hd))) / 12h

whose own error is h^4/30 times the fifth derivative, and rounding: eps |y| / h. With h = 1e-3 both are near 1e-12 for
functions of ordinary size, so that a relative error of 1e-7 is a wrong formula. The upstream gradients are random,
never ones: softmax and batch norm send a constant gradient to zero, right or wrong.

>>> from npconformer.verify import check_gradients
>>> check_gradients(lambda x: npconformer.ops.softmax(x), np.random.default_rng(0).normal(size=(3, 4)))
>>> check_gradients(model.to("float64"), input_values)  # of every parameter too

Lesson: notebooks/01_the_tape.ipynb, notebooks/08_parity.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npconformer.arrays.backend import NUMPY, Backend, to_host
from npconformer.nn import Module
from npconformer.tape.autograd import Tensor, backward
from npconformer.tape.grad_mode import no_grad
from npconformer.verify.functional_call import as_function

STEP = 1e-3


class GradientError(AssertionError):
    """The tape's gradient differs from the function's slope."""


def as_tuple(outputs: Any) -> tuple[Any, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)


def differentiable(arrays: Sequence[Any]) -> list[int]:
    """The positions of the inputs that can have gradients: floating arrays."""
    return [i for i, x in enumerate(arrays) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]


def place(arrays: Sequence[Any], wrt: Sequence[int], backend: Backend) -> list[Any]:
    """The inputs as the function takes them: tensors that require gradients, arrays of the backend, other things."""
    placed = [backend.from_host(x) if isinstance(x, np.ndarray) else x for x in arrays]
    return [Tensor(x, requires_grad=True) if i in wrt else x for i, x in enumerate(placed)]


def values(function: Callable, arrays: Sequence[Any], wrt: Sequence[int], backend: Backend) -> list[np.ndarray]:
    """The floating outputs on the host, computed without recording."""
    with no_grad():
        outputs = as_tuple(function(*place(arrays, wrt, backend)))
    return [to_host(y.data) for y in outputs if y.dtype.kind == "f"]


def upstream(outputs: Sequence[np.ndarray], generator: np.random.Generator) -> list[np.ndarray]:
    """Random gradients with the outputs' shapes and dtypes."""
    return [generator.normal(size=y.shape).astype(y.dtype) for y in outputs]


def slope(
    function: Callable, arrays: Sequence[Any], wrt: Sequence[int], direction: dict[int, np.ndarray], backend: Backend
) -> list[np.ndarray]:
    """dy/dh along the direction, for each output."""

    def moved(h: float) -> list[np.ndarray]:
        shifted = [np.asarray(x + h * direction[i]) if i in direction else x for i, x in enumerate(arrays)]
        return values(function, shifted, wrt, backend)

    near, far = zip(moved(STEP), moved(-STEP)), zip(moved(2 * STEP), moved(-2 * STEP))
    return [(8 * (a - b) - (c - d)) / (12 * STEP) for (a, b), (c, d) in zip(near, far)]


def tape_gradients(
    function: Callable, arrays: Sequence[Any], wrt: Sequence[int], gradients: Sequence[np.ndarray], backend: Backend
) -> list[np.ndarray | None]:
    """The tape's gradients of the inputs in `wrt`, on the host; None where none arrived."""
    placed = place(arrays, wrt, backend)
    outputs = [y for y in as_tuple(function(*placed)) if y.dtype.kind == "f"]
    recorded = [(y, backend.from_host(g)) for y, g in zip(outputs, gradients, strict=True) if y.requires_grad]
    backward([y for y, _ in recorded], [g for _, g in recorded])
    return [None if placed[i].grad is None else to_host(placed[i].grad) for i in wrt]


def check_gradients(
    function: Callable | Module,
    *arrays: Any,
    wrt: Sequence[int] | None = None,
    backend: Backend = NUMPY,
    directions: int = 2,
    tolerance: float = 1e-7,
    seed: int = 20260,  # not one that inputs are drawn with: g = x would hide half of a normalisation's gradient
) -> None:
    """Compares the tape's gradients with differences, for each input alone, along random directions.

    Args:
        function: takes the inputs (tensors where a gradient is asked for) and returns a tensor or a tuple of them. It
            must be smooth at the inputs and give the same result each time. Or a module in float64 and evaluation
            mode: then the gradients of every parameter are checked too, four forwards for each and each direction.
        arrays: the inputs: float64 arrays, and whatever else the function takes.
        wrt: positions of the inputs to check; all floating arrays by default, for a module with all parameters.
        backend: the array library that computes.
        directions: how many for each input.
        tolerance: allowed error, relative to the sum of |dx d|.
        seed: of upstream gradients and directions.

    Raises:
        GradientError: with the input's position or the parameter's name, and its worst element.
        ValueError: inputs or parameters that are not float64, or none at all.
    """
    names = [f"input {i}" for i in range(len(arrays))]
    is_module = isinstance(function, Module)
    if isinstance(function, Module):
        inputs, parameters = len(arrays), dict(function.named_parameters())
        wrt = [*(differentiable(arrays) if wrt is None else wrt), *range(inputs, inputs + len(parameters))]
        names += list(parameters)
        arrays = (*arrays, *(to_host(parameter.data) for parameter in parameters.values()))
        function = as_function(function, list(parameters), inputs)
    wrt = differentiable(arrays) if wrt is None else list(wrt)
    _check_float64(arrays, wrt, names)
    generator = np.random.default_rng(seed)
    outputs = values(function, arrays, wrt, backend)
    gradients = upstream(outputs, generator)
    found = tape_gradients(function, arrays, wrt, gradients, backend)
    rounding = (
        32 * np.finfo(np.float64).eps * sum(float(np.abs(g * y).sum()) for g, y in zip(gradients, outputs)) / STEP
    )
    for i, dx in zip(wrt, found, strict=True):
        if dx is None:
            if not is_module:
                raise GradientError(f"{names[i]}: no gradient reached it")
            dx = np.zeros_like(arrays[i])  # a parameter that forward does not use: its slope must be 0
        if dx.shape != arrays[i].shape or dx.dtype != arrays[i].dtype:
            raise GradientError(
                f"{names[i]} is {arrays[i].dtype} {arrays[i].shape}, its gradient {dx.dtype} {dx.shape}"
            )
        for _ in range(directions):
            d = generator.choice([-1.0, 1.0], size=dx.shape) * generator.uniform(0.5, 1.5, size=dx.shape)
            slopes = slope(function, arrays, wrt, {i: d}, backend)
            expected = sum(float(np.vdot(g, s)) for g, s in zip(gradients, slopes))
            got = float(np.vdot(dx, d))
            allowed = tolerance * max(abs(expected), float(np.abs(dx * d).sum())) + rounding
            if not abs(got - expected) <= allowed:
                where = locate_error(function, arrays, wrt, i, gradients, dx, backend)
                raise GradientError(f"{names[i]}: {got:.12g} along a direction, expected {expected:.12g}; {where}")


def _check_float64(arrays: Sequence[Any], wrt: Sequence[int], names: Sequence[str]) -> None:
    if not wrt:
        raise ValueError("arrays: there is nothing to check; give at least one floating array")
    for i in wrt:
        dtype = getattr(arrays[i], "dtype", type(arrays[i]).__name__)
        if dtype != np.float64:
            raise ValueError(f"{names[i]}: gradients are checked in float64, got {dtype}")


def elementwise_gradient(
    function: Callable, arrays: Sequence[Any], wrt: Sequence[int], i: int, gradients: Sequence[Any], backend: Backend
) -> np.ndarray:
    """The gradient of input i, one element at a time: slow, for small inputs and for locating errors."""
    result = np.zeros_like(arrays[i])
    for position in np.ndindex(result.shape):
        d = np.zeros_like(result)
        d[position] = 1.0
        slopes = slope(function, arrays, wrt, {i: d}, backend)
        result[position] = sum(float(np.vdot(g, s)) for g, s in zip(gradients, slopes))
    return result


def locate_error(
    function: Callable,
    arrays: Sequence[Any],
    wrt: Sequence[int],
    i: int,
    gradients: Sequence[Any],
    dx: np.ndarray,
    backend: Backend,
) -> str:
    """Says in words which elements of input i's gradient are wrong."""
    if dx.size > 2000:
        return "too many elements to locate the error"
    expected = elementwise_gradient(function, arrays, wrt, i, gradients, backend)
    error = np.abs(dx - expected)
    wrong = ~(error <= 1e-6 * np.abs(expected).max() + 1e-9)
    worst = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
    at = tuple(int(n) for n in worst)
    return (
        f"{wrong.sum()} of {dx.size} elements are wrong, the worst at {at}: {dx[at]:.9g}, expected {expected[at]:.9g}"
    )
