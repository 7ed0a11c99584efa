"""What every operation promises, checked at once: `check_operation`.

1. The values are those of a slow, obvious twin, and the gradients those of differences (`verify.gradient_check`).
2. Inputs, outputs and upstream gradients are the same bits after forward and backward.
3. A second backward gives the same bits (a GPU that adds to one place in any order, `any_order`: up to rounding).
4. Only the gradients that are asked for are computed.
5. Nothing is recorded under `no_grad()`, and the values are the same there.
6. Inputs and upstream gradients may have any strides.
7. float32 stays float32, in values and gradients.
8. Outputs that nobody used count as a gradient of zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from npconformer.arrays.backend import NUMPY, Backend, is_array, to_host
from npconformer.tape import autograd
from npconformer.tape.autograd import Tensor, backward
from npconformer.tape.grad_mode import no_grad
from npconformer.verify.gradient_check import as_tuple, check_gradients, differentiable, upstream


def check_operation(
    function: Callable,
    *arrays: Any,
    backend: Backend = NUMPY,
    expected: Any = None,
    wrt: Sequence[int] | None = None,
    tolerance: float = 1e-7,
    value_tolerance: float = 1e-12,
    float32_tolerance: float = 1e-4,
    any_order: bool = False,
) -> None:
    """Checks all of the above for float64 `arrays` (and settings beside them) that `function` is called with.

    Args:
        function: as for `check_gradients`.
        expected: the twin's output, or a tuple of them.
        wrt: positions of the inputs that have gradients; all floating arrays by default.
        tolerance, value_tolerance, float32_tolerance: relative to the largest value of each array.
        any_order: whether its backward adds several numbers to one place (`scatter_add`), which CuPy does atomically.
    """
    wrt = differentiable(arrays) if wrt is None else list(wrt)
    run = _Run(function, arrays, wrt, backend, any_order)
    if expected is not None:
        for y, e in zip(run.outputs, as_tuple(expected), strict=True):
            assert y.shape == np.shape(e), f"shape {y.shape}, expected {np.shape(e)}"
            assert_close(y, np.asarray(e), value_tolerance)
    check_gradients(function, *arrays, wrt=wrt, backend=backend, tolerance=tolerance)
    _check_needs(run)
    _check_no_grad(run, value_tolerance)
    _check_strides(run, value_tolerance)
    _check_float32(run, float32_tolerance)
    if len(run.outputs) > 1:
        _check_unused_outputs(run)


def assert_close(a: np.ndarray, b: np.ndarray, tolerance: float) -> None:
    """Equal up to `tolerance` times the largest finite magnitude of b."""
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * float(finite.max(initial=0.0)))


class _Run:
    """One forward and two backwards, with everything that must not change compared bit for bit."""

    def __init__(
        self,
        function: Callable,
        arrays: Sequence[Any],
        wrt: Sequence[int],
        backend: Backend,
        any_order: bool,
        layout: Callable = lambda xp, x: x,
        used_outputs: slice = slice(None),
    ) -> None:
        self.function, self.arrays, self.wrt, self.backend = function, arrays, list(wrt), backend
        self.any_order = any_order
        on_backend = [_copy_to(backend, x) for x in arrays]
        on_backend = [layout(backend.xp, x) if is_array(x) else x for x in on_backend]
        inputs = [Tensor(x, requires_grad=True) if i in wrt else x for i, x in enumerate(on_backend)]
        outputs = [y for y in as_tuple(function(*inputs)) if y.dtype.kind == "f"]
        assert all(type(y) is Tensor and type(y.data) is backend.array_type for y in outputs)
        self.outputs = [to_host(y.data).copy() for y in outputs]
        self.upstream = upstream(self.outputs, np.random.default_rng(20261))
        gradients = [layout(backend.xp, _copy_to(backend, g)) for g in self.upstream]

        backward(outputs[used_outputs], gradients[used_outputs])
        leaves = [inputs[i] for i in wrt]
        for leaf in leaves:
            assert leaf.grad is not None and type(leaf.grad) is backend.array_type
            assert leaf.grad.shape == leaf.shape and leaf.grad.dtype == leaf.dtype
        self.gradients = [to_host(leaf.grad).copy() for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        backward(outputs[used_outputs], gradients[used_outputs])

        for leaf, first in zip(leaves, self.gradients, strict=True):
            self.assert_again(to_host(leaf.grad), first, "a second backward gave another gradient")
        _assert_same(on_backend, arrays, "an input was changed")
        _assert_same(gradients, self.upstream, "an upstream gradient was changed")
        _assert_same([y.data for y in outputs], self.outputs, "backward changed an output")

    def assert_again(self, found: np.ndarray, first: np.ndarray, message: str) -> None:
        """The same bits, or the same up to rounding where a GPU has added in another order."""
        if self.any_order and self.backend.name == "cupy":
            assert_close(found, first, 8 * float(np.finfo(first.dtype).eps))
        else:
            np.testing.assert_array_equal(found, first, message)

    def like(self, **changes: Any) -> _Run:
        """The same with some things changed."""
        same = ("function", "arrays", "wrt", "backend", "any_order")
        return _Run(**{name: getattr(self, name) for name in same} | changes)


def _copy_to(backend: Backend, x: Any) -> Any:
    return backend.from_host(x.copy()) if isinstance(x, np.ndarray) else x


def _assert_same(arrays: Sequence[Any], before: Sequence[Any], message: str) -> None:
    for now, then in zip(arrays, before, strict=True):
        if is_array(now):
            np.testing.assert_array_equal(to_host(now), then, message)


def _check_needs(run: _Run) -> None:
    for k, i in enumerate(run.wrt):
        with fail_on_unneeded_gradients():
            alone = run.like(wrt=[i])
        run.assert_again(alone.gradients[0], run.gradients[k], f"input {i} alone has another gradient")


@contextmanager
def fail_on_unneeded_gradients() -> Iterator[None]:
    """Inside, a backward that computes a gradient nobody asked for fails. Passing on what it was given is free."""
    call = autograd._call_backward

    def watched(operation: Any, gradients: list[Any]) -> Any:
        results = call(operation, gradients)
        for i, (need, result) in enumerate(zip(operation.needs, results, strict=True)):
            is_free = result is None or any(result is g for g in gradients) or result.base is not None
            assert need or is_free, f"{type(operation).__name__} computed the gradient of input {i}, which nobody needs"
        return results

    with mock.patch.object(autograd, "_call_backward", watched):
        yield


def _check_no_grad(run: _Run, tolerance: float) -> None:
    on_backend = [_copy_to(run.backend, x) for x in run.arrays]
    inputs = [Tensor(x, requires_grad=True) if i in run.wrt else x for i, x in enumerate(on_backend)]
    with no_grad():
        outputs = [y for y in as_tuple(run.function(*inputs)) if y.dtype.kind == "f"]
    for y, expected in zip(outputs, run.outputs, strict=True):
        assert y.is_leaf and not y.requires_grad, "recorded under no_grad()"
        assert_close(to_host(y.data), expected, tolerance)
    _assert_same(on_backend, run.arrays, "an input was changed under no_grad()")


def _every_other(xp: Any, x: Any) -> Any:
    if x.ndim == 0:
        return x
    wide = xp.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def _last_axis_slowest(xp: Any, x: Any) -> Any:
    return xp.ascontiguousarray(x.T).T if x.ndim else x


def _read_only(xp: Any, x: Any) -> Any:
    if isinstance(x, np.ndarray):
        x = x.copy()
        x.flags.writeable = False
    return x


def _check_strides(run: _Run, tolerance: float) -> None:
    for layout in (_every_other, _last_axis_slowest, _read_only):
        other = run.like(layout=layout)
        for a, b in zip(other.outputs + other.gradients, run.outputs + run.gradients, strict=True):
            assert_close(a, b, max(tolerance, 1e-11))


def _check_float32(run: _Run, tolerance: float) -> None:
    arrays = [x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype == np.float64 else x for x in run.arrays]
    single = run.like(arrays=arrays)
    for name, wide, narrow in (
        ("output", run.outputs, single.outputs),
        ("gradient", run.gradients, single.gradients),
    ):
        for k, (a, b) in enumerate(zip(narrow, wide, strict=True)):
            assert a.dtype == np.float32, f"{name} {k} of float32 inputs is {a.dtype}"
            assert_close(a, b, tolerance)
    inputs = [
        Tensor(_copy_to(run.backend, x)) if i in run.wrt else _copy_to(run.backend, x) for i, x in enumerate(arrays)
    ]
    with no_grad():
        outputs = as_tuple(run.function(*inputs))
    assert all(y.dtype == np.float32 for y in outputs if y.dtype.kind == "f"), "float32 is not kept under no_grad()"


def _check_unused_outputs(run: _Run) -> None:
    """The gradients of the first output alone and of the others alone add up to those of all."""
    first = run.like(used_outputs=slice(0, 1))
    rest = run.like(used_outputs=slice(1, None))
    for a, b, both in zip(first.gradients, rest.gradients, run.gradients, strict=True):
        assert_close(a + b, both, 1e-10)
