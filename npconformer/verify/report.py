"""What a comparison found, as a table to read and as JSON.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from npconformer.storage.messages import one_line
from npconformer.verify.comparing import ZERO_GRADIENT, Comparison, Row

HEADINGS = ("tensor", "layer", "absolute", "relative", "limit", "verdict", "where")


def to_text(comparison: Comparison, every: bool = False) -> str:
    """The table, and what follows from it in words.

    every: a line for each tensor; else one for each kind of tensor in each layer, which shows the worst of them.
    """
    rows = comparison.rows if every else list(_worst_of_each_place(comparison.rows))
    lines = [f"compared:  {comparison.model}", f"reference: {comparison.reference}"]
    lines += [f"inputs:    {', '.join(f'{name} {what}' for name, what in comparison.inputs.items())}", ""]
    lines += _table([HEADINGS, *(_cells(row, comparison.prefix) for row in rows)]) + [""]
    lines += [f"note: {note}" for note in _notes(comparison)]
    lines.append(_verdict(comparison))
    return "\n".join(map(one_line, lines)) + "\n"  # names come from files


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Everything, for JSON: numbers that JSON does not have (NaN, infinity) are null, and their rows have notes."""
    first = comparison.first
    return {
        "passed": comparison.passed,
        "first_difference": None if first is None else {"tensor": first.tensor, "layer": first.place},
        "model": comparison.model,
        "reference": comparison.reference,
        "dtype": comparison.dtype,
        "inputs": comparison.inputs,
        "limits": comparison.limits,
        "tensors": [_entry(row) for row in comparison.rows],
        "not_compared": comparison.not_compared,
        "not_in_reference": comparison.not_in_reference,
    }


def _entry(row: Row) -> dict[str, Any]:
    entry: dict[str, Any] = {"tensor": row.tensor, "layer": row.place, "within": row.within}
    for name in ("absolute", "relative", "limit"):
        value = getattr(row, name)
        entry[name] = value if math.isfinite(value) else None
    entry["where"] = None if row.where is None else list(row.where)
    if row.flips is not None:
        entry["argmax_flips"], entry["argmax_places"] = row.flips
    if row.note:
        entry["note"] = row.note
    return entry


def _worst_of_each_place(rows: Iterable[Row]) -> Iterable[Row]:
    """The worst row of each kind in each layer, where it first occurs; the names of several end in their number."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        field = row.tensor.split(".")[1] if row.kind == "outputs" else ""
        groups.setdefault((row.kind, field, row.place), []).append(row)
    for group in groups.values():
        worst = max(group, key=lambda row: (not row.within, _size(row)))
        first_over = next((row for row in group if not row.within), worst)  # in its layer: where it begins
        more = len(group) - 1
        yield replace(first_over, tensor=f"{first_over.tensor} and {more} more") if more else first_over


def _size(row: Row) -> float:
    return math.inf if math.isnan(row.relative) else row.relative / max(row.limit, 1e-300)


def _cells(row: Row, prefix: str) -> tuple[str, ...]:
    where = "" if row.where is None else ",".join(map(str, row.where))
    remarks = [where] if where else []
    if row.flips is not None:
        remarks.append(f"best class differs in {row.flips[0]} of {row.flips[1]}")
    if row.note:
        remarks.append("see the note" if row.note == ZERO_GRADIENT else row.note)
    verdict = "ok" if row.within else "DIFFERS"
    figures = (f"{row.absolute:.1e}", f"{row.relative:.1e}", f"{row.limit:.1e}")
    name = row.tensor.replace(f".{prefix}", ".", 1) if prefix else row.tensor
    return (name, row.place, *figures, verdict, "; ".join(remarks))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _notes(comparison: Comparison) -> Iterable[str]:
    zero = [row.tensor for row in comparison.rows if row.note == ZERO_GRADIENT]
    if zero:
        yield f"{ZERO_GRADIENT}, since both sides hold rounding only: {_some(zero)}"
    if comparison.not_compared:
        yield f"not compared, since computed here as part of others: {_some(comparison.not_compared)}"
    if comparison.not_in_reference:
        yield f"not compared, since not in the reference: {_some(comparison.not_in_reference)}"


def _some(names: list[str]) -> str:
    return f"{len(names)} tensors, such as {names[0]}" if len(names) > 1 else names[0]


def _verdict(comparison: Comparison) -> str:
    over = sum(not row.within for row in comparison.rows)
    first, count = comparison.first, len(comparison.rows)
    if not count:
        return "nothing could be compared"
    if first is None:
        return f"all of {count} tensors are within their limits"
    return f"{over} of {count} tensors are over their limits; the first that differs: {first.tensor} ({first.place})"
