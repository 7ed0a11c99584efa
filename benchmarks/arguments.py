"""Types for the arguments of commands: what is no number of a sensible size is refused with the reason."""

from __future__ import annotations

import argparse


def count(value: str) -> int:
    """A whole number of at least 1."""
    number = int(value) if value.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number of at least 1")
    return number


def positive(value: str) -> float:
    """A number above 0, and not absurdly large."""
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{value!r} is not a positive number")
    return number
