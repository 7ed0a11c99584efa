"""Parts of a model that are not trained, by their names.

A part is named as its weights are, with or without the base model's own name in front:

    feature_projection       everything below this name
    encoder.layers.0-11      the first twelve blocks
    base                     everything but the head

Only gradients stop: in training a frozen part still has dropout, and its batch norms go on averaging.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

BASE = "base"
RANGE = re.compile(r"(\d+)-(\d+)")


def freeze(model: Any, parts: Iterable[str]) -> list[str]:
    """Stop the training of all weights in the parts; returns their names.

    Raises ValueError for a part that the model does not have, naming those it has, and when nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    frozen: set[str] = set()
    for part in parts:
        for one in _single_parts(part):
            found = {name for name in names if _is_in(name, one, model.base_model_prefix)}
            if not found:
                what = f"{part!r}" if one == part else f"{one!r} of {part!r}"
                parts_there = ", ".join(_parts_of(names, model.base_model_prefix))
                raise ValueError(
                    f"freeze: {type(model).__name__} has no weights in {what}; its parts are {parts_there}"
                )
            frozen |= found
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad = False
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("freeze: nothing is left to train")
    return [name for name in names if name in frozen]


def _single_parts(part: str) -> list[str]:
    """encoder.layers.0-2 -> encoder.layers.0, encoder.layers.1, encoder.layers.2"""
    made = [""]
    for piece in part.split("."):
        numbers = RANGE.fullmatch(piece)
        pieces = [piece] if numbers is None else [str(n) for n in range(int(numbers[1]), int(numbers[2]) + 1)]
        made = [f"{before}.{one}" if before else one for before in made for one in pieces]
    return made or [part]  # an empty range matches nothing


def _is_in(name: str, part: str, prefix: str) -> bool:
    if part == BASE:
        return name.startswith(f"{prefix}.")
    return f"{name}.".startswith(f"{part}.") or f"{name}.".startswith(f"{prefix}.{part}.")


def _parts_of(names: list[str], prefix: str) -> list[str]:
    """The names that a person may want: the largest parts, with how many blocks of each kind there are."""
    short = [name.removeprefix(f"{prefix}.") for name in names]
    parts = list(dict.fromkeys(name.partition(".")[0] for name in short))
    stacks: dict[str, int] = {}
    for name in short:
        pieces = name.split(".")
        number = next((i for i, piece in enumerate(pieces) if piece.isdecimal()), None)
        if number is not None:
            stack = ".".join(pieces[:number])
            stacks[stack] = max(stacks.get(stack, 0), int(pieces[number]))
    return [BASE, *parts, *(f"{stack}.0-{last}" if last else f"{stack}.0" for stack, last in stacks.items())]
