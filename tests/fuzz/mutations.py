"""Random damage to a file: to its bytes, and, for JSON, to its values."""

import copy
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "checkpoints")]

from damage import cut, flip_bit, overwrite, remove, repeat, set_digit, set_number  # noqa: E402

OF_BYTES = [flip_bit, set_number, remove, repeat, overwrite, cut, set_digit]
NESTED = "\0nested\0"  # stands for what json cannot write
EXTREMES = [
    None, True, False, 0, 1, -1, 7, 0.5, 1e308, float("nan"), float("inf"), 2 * 10**9, 2**31, 2**63, 10**30, 10**400,
    "", "x" * 10_000, "\x1b[2J", "\ud800", "2000000000", "true", [], {}, [[]], [1] * 30_000, ["<x>"] * 3,
    {str(i): f"<{i}>" for i in range(30_000)}, {"a": {"b": {}}}, NESTED,
]  # fmt: skip


def damage_bytes(content, chance):
    """One to four changes, at places that are mostly near the beginning, where headers are."""
    content = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        if content:
            reach = len(content) if chance.random() < 0.5 else min(len(content), 128)
            chance.choice(OF_BYTES)(content, chance.randrange(reach), chance)
    return bytes(content)


def damage_json(content, chance):
    """One to three values replaced, taken away, moved, or given twice."""
    value = json.loads(content)
    for _ in range(chance.choice([1, 1, 2, 3])):
        holders = [one for one in _containers(value) if one]
        if not holders:
            break
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        action = chance.random()
        if action < 0.7:
            holder[key] = copy.deepcopy(chance.choice(EXTREMES))
        elif action < 0.8:
            del holder[key]
        elif action < 0.9:
            other = chance.choice(holders)
            holder[key] = json.loads(json.dumps(next(iter(other.values() if isinstance(other, dict) else other))))
        elif isinstance(holder, dict):
            holder[chance.choice(["self", "model_type", "\x1b]0;x\x07", "a" * 5000, "extra", "to_dict"])] = holder[key]
    text = json.dumps(value)
    depth = chance.choice([50, 900, 100_000])
    text = text.replace(json.dumps(NESTED), "[" * depth + "]" * depth)
    if chance.random() < 0.05:
        text = "\ufeff" + text
    return text.encode("utf-8")


def _containers(value):
    if isinstance(value, dict | list) and len(value) < 10_000:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)
