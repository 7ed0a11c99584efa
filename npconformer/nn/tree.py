"""A module as text: the tree of what is inside, as torch prints it, with the shapes of parameters of its own.

Blocks that are alike, one after the other, are written once: (0-23): 24 x ConformerBlock.
"""

from __future__ import annotations

from typing import Any

INDENT = "  "


def tree(module: Any) -> str:
    """The module's name, what it says of itself, and its children, one a line."""
    return "\n".join(_lines(module))


def _lines(module: Any) -> list[str]:
    name, says = type(module).__name__, _facts(module)
    children = _grouped([(key, _lines(child)) for key, child in module.named_children()])
    if not children:
        return [f"{name}({says})"]
    inside = [INDENT + says] if says else []
    for label, lines in children:
        inside += [f"{INDENT}({label}): {lines[0]}", *(INDENT + line for line in lines[1:])]
    return [f"{name}(", *inside, ")"]


def _facts(module: Any) -> str:
    said = module.extra_repr()
    if said:
        return said
    return ", ".join(f"{name}={tuple(parameter.shape)}" for name, parameter in module._parameters.items())


def _grouped(children: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Neighbours with numbers for names and the same text, as one with a count."""
    groups: list[tuple[list[str], list[str]]] = []
    for key, lines in children:
        if groups and key.isdecimal() and groups[-1][1] == lines:
            groups[-1][0].append(key)
        else:
            groups.append(([key], lines))
    return [_labelled(keys, lines) for keys, lines in groups]


def _labelled(keys: list[str], lines: list[str]) -> tuple[str, list[str]]:
    if len(keys) == 1:
        return keys[0], lines
    return f"{keys[0]}-{keys[-1]}", [f"{len(keys)} x {lines[0]}", *lines[1:]]
