"""Vectors divided by their length, for all that compares vectors by their angle.

With |x| the Euclidean length of x and ε the shortest length that is divided by:

    u = x / max(|x|, ε)

A change dx across u turns u, one along u only stretches x; so with du = d loss / d u

    dx = (du - u ⟨u, du⟩) / |x|    where |x| > ε,    du / ε    where x is shorter: then it is only scaled

These work on arrays, inside the operations that need them.

Lesson: notebooks/06_self_supervision.ipynb, notebooks/07_heads.ipynb
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays.types import Array


def unit_vectors(xp: ModuleType, x: Array, shortest: float, axis: int = -1) -> tuple[Array, Array]:
    """u, of x's shape, and max(|x|, ε), whose `axis` is 1. The vectors lie along `axis`; `shortest` is ε."""
    length = xp.maximum(xp.sqrt((x * x).sum(axis=axis, keepdims=True)), shortest)
    return x / length, length


def across(xp: ModuleType, du: Array, u: Array, along: Array, length: Array, shortest: float) -> Array:
    """du - u ⟨u, du⟩, the part of du that turns u; du itself where x is no longer than ε.

    along: ⟨u, du⟩, with the axis of the vectors 1. length: as `unit_vectors` gave it.
    """
    return du - u * xp.where(length > shortest, along, xp.zeros((), u.dtype))


def unit_vectors_backward(xp: ModuleType, du: Array, u: Array, length: Array, shortest: float, axis: int = -1) -> Array:
    """dx of du, with what `unit_vectors` returned."""
    along = (u * du).sum(axis=axis, keepdims=True)
    return across(xp, du, u, along, length, shortest) / length
