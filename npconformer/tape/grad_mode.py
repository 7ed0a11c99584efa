"""What is recorded, checked or run again at the moment, each a mode of the thread: `no_grad` and its kin.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any


class Mode(threading.local):
    """The modes of this thread, read by every operation."""

    grad_enabled = True
    anomaly = False
    recomputing = False
    to_be_recomputed = False


mode = Mode()


class _ModeSwitch:
    """A context manager and decorator that sets one field of the mode for a while."""

    field: str
    value: bool

    def __new__(cls, function: Any = None) -> Any:
        """With a function, as `@no_grad` without parentheses: the decorated function."""
        switch = super().__new__(cls)
        return switch(function) if callable(function) else switch

    def __init__(self, function: None = None) -> None:
        self._before: list[bool] = []  # one for each time it was entered: the same object may be nested

    def __enter__(self) -> None:
        self._before.append(getattr(mode, self.field))
        setattr(mode, self.field, self.value)

    def __exit__(self, *exception: object) -> None:
        setattr(mode, self.field, self._before.pop())

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_ModeSwitch):
    """Inside, nothing is recorded: `with no_grad(): ...`, or `@no_grad()`."""

    field, value = "grad_enabled", False


class enable_grad(_ModeSwitch):
    """Inside, operations are recorded even within `no_grad()`."""

    field, value = "grad_enabled", True


class inference_mode(_ModeSwitch):
    """`no_grad` by the name of torch's stricter form; `inference_mode(False)` leaves everything as it is."""

    field, value = "grad_enabled", False

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls, mode)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self._is_on = bool(mode)

    def __enter__(self) -> None:
        super().__enter__()
        if not self._is_on:
            mode.grad_enabled = self._before[-1]

    def __call__(self, function: Callable) -> Callable:
        return super().__call__(function) if getattr(self, "_is_on", True) else function


class set_grad_enabled:
    """Turns recording on or off: from here on, inside `with set_grad_enabled(on): ...`, or in a decorated function."""

    def __init__(self, mode: bool) -> None:
        self._before, self._value = is_grad_enabled(), bool(mode)
        self.__enter__()

    def __enter__(self) -> None:
        mode.grad_enabled = self._value

    def __exit__(self, *exception: object) -> None:
        mode.grad_enabled = self._before

    def __call__(self, function: Callable) -> Callable:
        mode.grad_enabled = self._before  # it was meant for the function alone

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(self._value):
                return function(*args, **kwargs)

        return wrapped


class detect_anomaly(_ModeSwitch):
    """Inside, every output and gradient is checked for NaN, and errors name the operation and its call site. Slow."""

    field, value = "anomaly", True


class recomputing(_ModeSwitch):
    """Inside, a function is run for the second time."""

    field, value = "recomputing", True


class to_be_recomputed(_ModeSwitch):
    """Inside, a function is run without a recording that will be run again with one."""

    field, value = "to_be_recomputed", True


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are recorded."""
    return mode.grad_enabled


def is_recomputing() -> bool:
    """Whether `checkpoint` is running a function again: running statistics must not be updated a second time."""
    return mode.recomputing


def is_inference() -> bool:
    """Whether nothing is recorded, now or in a second run: formulas that round otherwise than the recorded ones may
    be used. A function that `checkpoint` runs again has to give the same numbers both times.
    """
    return not (mode.grad_enabled or mode.to_be_recomputed)
