"""The norm of all gradients together, and scaling them down where it is too large (Pascanu et al. 2013).

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from npconformer.arrays.backend import get_array_module
from npconformer.nn import Parameter


def clip_grad_norm_(parameters: Iterable[Parameter], max_norm: float | None) -> float:
    """Scales all gradients, in place, so that their common Euclidean norm is at most about `max_norm`.

    As in torch, the factor is max_norm / (norm + 1e-6), where that is below 1. Gradients whose norm is not finite are
    left as they are: `first_bad_gradient` finds out whose they are.

    Args:
        parameters: those without a gradient are passed over.
        max_norm: None only measures.

    Returns:
        The norm before scaling, as a Python number: the one value that is brought from a device to the host.
    """
    if max_norm is not None and not max_norm > 0:
        raise ValueError(f"max_norm: expected a number above 0, got {max_norm!r}")
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return 0.0
    norm = _norm(gradients)
    if max_norm is not None and math.isfinite(norm):
        factor = max_norm / (norm + 1e-6)
        if factor < 1:
            for gradient in gradients:
                gradient *= factor
    return norm


def first_bad_gradient(named_parameters: Iterable[tuple[str, Parameter]]) -> str | None:
    """The name of the first parameter with NaN or infinity in its gradient, or None where all are finite."""
    for name, parameter in named_parameters:
        if parameter.grad is not None:
            xp = get_array_module(parameter.grad)
            if not bool(xp.isfinite(parameter.grad).all()):
                return name
    return None


def _norm(gradients: list[Any]) -> float:
    xp = get_array_module(*gradients)
    with np.errstate(over="ignore"):
        squares = xp.stack([xp.dot(g.reshape(-1), g.reshape(-1)) for g in gradients])
    norm = math.sqrt(float(squares.astype(np.float64).sum()))
    if math.isinf(norm):  # a square may overflow where its root would not
        squares = xp.stack([xp.square(g.astype(np.float64)).sum() for g in gradients])
        norm = math.sqrt(float(squares.sum()))
    return norm
