"""Checks of a configuration's values; each error names the field, the value and what was expected.

Every function takes the name of the field and its value, returns the value in the type that is stored
(a NumPy integer becomes an int, a list a tuple), and raises ValueError otherwise. Python's bool is an int,
but ``hidden_size=True`` is a mistake, so bools are refused where numbers are asked for.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from npconformer.storage.messages import shown

ACTIVATIONS = tuple(
    """gelu gelu_10 gelu_accurate gelu_fast gelu_new gelu_python gelu_python_tanh gelu_pytorch_tanh hardswish laplace
    leaky_relu linear mish prelu quick_gelu relu relu2 relu6 selu sigmoid silu sqrtsoftplus swish tanh xielu""".split()
)
ATTENTIONS = ("eager", "sdpa", "flex_attention")  # names of transformers

LARGEST = 2**31 - 1  # of what counts something: no size or length is near it
MOST_LAYERS = 1000  # of one kind: each takes memory and time, however small it is


def wrong(field: str, value: Any, expected: str) -> ValueError:
    """The error for a field: ``raise wrong("hidden_size", -1, "an integer of at least 1")``."""
    return ValueError(f"config field {field!r} is {shown(value)} ({type(value).__name__}); expected {expected}")


def integer(field: str, value: Any, at_least: int | None = 1, at_most: int = LARGEST) -> int:
    """An integer, of at least ``at_least`` unless that is None, and of at most ``at_most``."""
    bound = "" if at_least is None else f" of at least {at_least}"
    if isinstance(value, numbers.Integral) and int(value) > at_most:
        raise wrong(field, value if int(value) < 10**20 else math.inf, f"an integer{bound} and at most {at_most}")
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or (at_least is not None and value < at_least):
        raise wrong(field, value, f"an integer{bound}")
    return int(value)


def real(field: str, value: Any, at_least: float = -math.inf, above: float = -math.inf) -> float | int:
    """A finite number, ``>= at_least`` and ``> above``. An int stays an int, so that JSON round trips."""
    bounds = "".join(f" {sign} {bound:g}" for sign, bound in ((">=", at_least), (">", above)) if bound != -math.inf)
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    is_real = is_number and abs(value) < math.inf  # NaN is not
    if not is_real or value < at_least or value <= above:
        raise wrong(field, value, f"a finite number{bounds}")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def probability(field: str, value: Any) -> float | int:
    """A number from 0 to 1, both included."""
    try:
        number = real(field, value, at_least=0)
    except ValueError:
        number = 2
    if number > 1:
        raise wrong(field, value, "a number from 0 to 1")
    return number


def boolean(field: str, value: Any) -> bool:
    """True or False (also NumPy's), nothing that is merely truthy."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise wrong(field, value, "true or false")
    return bool(value)


def choice(field: str, value: Any, allowed: tuple[str | None, ...]) -> str | None:
    """One of ``allowed``."""
    if not (value is None or isinstance(value, str)) or value not in allowed:
        raise wrong(field, value, "one of " + ", ".join(map(repr, allowed)))
    return value


def integers(field: str, value: Any) -> tuple[int, ...]:
    """A list of at least one integer, each at least 1."""
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        raise wrong(field, value, "a list of integers")
    values = tuple(value)
    if not 0 < len(values) <= MOST_LAYERS:
        raise wrong(field, value, f"a list of one to {MOST_LAYERS} integers")
    return tuple(integer(f"{field}[{i}]", item) for i, item in enumerate(values))


def attention_implementation(name: Any) -> str:
    """The one asked for, among those that give the same result: there is one implementation here. None is "sdpa"."""
    if name is None:
        return "sdpa"
    if name not in ATTENTIONS:
        raise ValueError(
            f"attn_implementation is {shown(name)}; expected one of {', '.join(ATTENTIONS)}, all the same here"
        )
    return name


def same_length(**lists: tuple) -> None:
    """Lists that describe the same layers have one entry per layer."""
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"config fields {', '.join(map(repr, lengths))} must have equal lengths, but {found}")


def divisible(field: str, value: int, by_field: str, by: int) -> None:
    """``value`` is a multiple of ``by``."""
    if value % by:
        raise wrong(field, value, f"a multiple of {by_field!r}, which is {by}")
