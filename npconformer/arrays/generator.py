"""The one source of randomness: a seedable host generator.

Dropout masks, LayerDrop, SpecAugment spans and initial weights are all drawn here, on the host, so that the same seed
gives the same numbers on a CPU and on a GPU.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Restarts the generator: what is drawn after the same seed is the same."""
    global _generator
    _generator = np.random.default_rng(seed)


def get_generator() -> np.random.Generator:
    """The generator that everything random draws from."""
    return _generator


def happens(probability: float) -> bool:
    """True with that probability; nothing is drawn for a probability of 0."""
    return probability > 0 and _generator.random() < probability


def get_state() -> Mapping[str, Any]:
    """The generator's state, for `set_state`."""
    return _generator.bit_generator.state


def check_state(state: Any) -> None:
    """Raise a ValueError unless that is a state which `get_state` can have returned."""
    try:
        kind = state["bit_generator"]
        if kind == get_state()["bit_generator"]:
            np.random.default_rng().bit_generator.state = state
            return
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise ValueError("the state of the random numbers is damaged") from None
    raise ValueError("its random numbers come from another generator than this version's")


def set_state(state: Mapping[str, Any]) -> None:
    """Puts the generator back to a state that `get_state` returned."""
    _generator.bit_generator.state = state


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seeds the package's generator, and those of Python's `random` and of NumPy, as transformers' function does.

    deterministic: changes nothing: with the same seed the results on a CPU are always the same.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    manual_seed(seed)
