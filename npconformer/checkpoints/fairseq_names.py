"""Weights under other names: a table with a row for each kind of weight.

In a row `#` stands for a number and `*` for the last part of a name, such as weight, bias or running_mean:

    "encoder.layers.#.ffn1.w_1.*"  ->  "encoder.layers.#.ffn1.intermediate_dense.*"

A row to None leaves the weight out.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from npconformer.checkpoints.renamed_file import RenamedFile
from npconformer.checkpoints.report import shorten

WILDCARDS = {"#": "([0-9]{1,4})", "*": "([a-z_]+)"}


def rename(names: Iterable[str], table: Mapping[str, str | None]) -> dict[str, str]:
    """The new name of each name that a row of the table is for, without those that are left out.

    Raises:
        ValueError: there is no row for some of them, or two get the same name.
    """
    rows = [(_pattern(old), new) for old, new in table.items()]
    renamed: dict[str, str] = {}
    unknown: list[str] = []
    for name in names:
        for pattern, new in rows:
            if match := pattern.fullmatch(name):
                if new is not None:
                    renamed[name] = _fill(new, match.groups())
                break
        else:
            unknown.append(name)
    if unknown:
        raise ValueError(f"it holds {len(unknown)} weights of another model: {shorten(unknown)}")
    if len(set(renamed.values())) < len(renamed):
        raise ValueError("it holds two weights that would get the same name")
    return renamed


def _pattern(row: str) -> re.Pattern[str]:
    return re.compile("".join(WILDCARDS.get(piece, re.escape(piece)) for piece in re.split("([#*])", row)))


def _fill(row: str, values: tuple[str, ...]) -> str:
    remaining = iter(values)
    return "".join(next(remaining) if piece in WILDCARDS else piece for piece in re.split("([#*])", row))


def shape_of(weights: RenamedFile, name: str, rank: int, model: str) -> tuple[int, ...]:
    """The shape of a weight that every such model has, with so many dimensions. Raises ValueError for any other."""
    if name not in weights:
        raise ValueError(f"it lacks the weight that is {name} in transformers, so that it is no {model}")
    shape = weights.shape(name)
    if len(shape) != rank:
        raise ValueError(f"its weight that is {name} in transformers has shape {shape}; expected {rank} dimensions")
    return shape
