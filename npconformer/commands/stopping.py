"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is done is kept, and nothing half-written stays behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(KeyboardInterrupt):
    """Another signal that asks a process to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _State:
    asked: KeyboardInterrupt | None = None  # what was asked for last
    ending = False


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Within the block these signals raise Stopped, and SIGINT KeyboardInterrupt; nohup's ignored ones stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    numbers = {getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)}
    taken = [number for number, handler in numbers.items() if signal.getsignal(number) == handler]
    _State.asked, _State.ending = None, False

    def stop(number: int, frame: Any) -> None:
        if not _State.ending:
            _State.asked = KeyboardInterrupt() if number == signal.SIGINT else Stopped(number)
            raise _State.asked

    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, numbers[number])


def check_stopped() -> None:
    """Raise what a signal asked for, should it have come where Python drops what is raised, as in a destructor."""
    if _State.asked is not None:
        raise _State.asked


@contextmanager
def ending() -> Iterator[None]:
    """Within the block, in which what is done is kept, further signals wait for nothing and change nothing."""
    before, _State.ending = _State.ending, True
    try:
        yield
    finally:
        _State.ending = before
