"""How much the package says, by the names that transformers has for it; the work is done by Python's own `logging`.

>>> import npconformer
>>> npconformer.logging.set_verbosity_error()  # no word of heads that start at random

Messages go to the logger "npconformer", so that Python's `logging` can also filter them or send them elsewhere.
"""

from __future__ import annotations

import logging
from logging import DEBUG, ERROR, INFO, WARNING

__all__ = [
    *("CRITICAL", "DEBUG", "ERROR", "FATAL", "INFO", "NOTSET", "WARN", "WARNING"),
    *("get_logger", "get_verbosity", "set_verbosity"),
    *("set_verbosity_debug", "set_verbosity_error", "set_verbosity_info", "set_verbosity_warning"),
]


def get_logger(name: str | None = None) -> logging.Logger:
    """The logger of that name; the package's own without one."""
    return logging.getLogger(name or __package__)


def get_verbosity() -> int:
    """The level from which on messages are shown: WARNING, 30, unless something else was set."""
    return get_logger().getEffectiveLevel()


def set_verbosity(verbosity: int) -> None:
    """Shows messages from that level on."""
    get_logger().setLevel(verbosity)


def set_verbosity_debug() -> None:
    """Shows everything."""
    set_verbosity(DEBUG)


def set_verbosity_info() -> None:
    """Shows what happens, and warnings and errors."""
    set_verbosity(INFO)


def set_verbosity_warning() -> None:
    """Shows warnings and errors."""
    set_verbosity(WARNING)


def set_verbosity_error() -> None:
    """Shows errors alone."""
    set_verbosity(ERROR)
