"""What asks a long command to end: Ctrl-C, SIGTERM of `kill` and of batch systems, SIGHUP of a closed window."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is unknown to Windows


@contextmanager
def stop_signals(ask: Callable[[int], Any]) -> Iterator[None]:
    """Within, the first of these signals calls `ask` with its number, and any after it does what it did before.

    Signals that are ignored (as SIGHUP under nohup) stay so. Without effect in other threads than the main one, where
    Python lets nobody handle signals.
    """
    before: dict[int, Any] = {}

    def restore() -> None:
        while before:
            signal.signal(*before.popitem())

    def handle(number: int, frame: Any) -> None:
        restore()
        ask(number)

    try:
        for name in NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    except ValueError:  # another thread
        pass
    try:
        yield
    finally:
        restore()
