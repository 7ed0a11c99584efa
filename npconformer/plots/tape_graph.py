"""The tape as a graph: every operation between the parameters and a loss, as SVG or as text.

>>> graph = plots.tape(outputs.loss, model)
>>> print(graph)  # a line for each operation
>>> graph.save("tape.svg")  # a notebook shows the graph itself
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from npconformer.plots.canvas import BLUE, GREEN, ORANGE
from npconformer.plots.layered_layout import lay_out
from npconformer.storage.files import write_text_atomically
from npconformer.tape.autograd import Tensor
from npconformer.tape.recorded import Recorded, read_tape

MOST_NODES = 600  # that a picture shows
CHARACTER, LINE, PADDING = 7.3, 16.0, 8.0  # pixels: a character's width, a line's height, around a node's two lines
BOX_HEIGHT = 2 * LINE + PADDING
LAYER_HEIGHT = BOX_HEIGHT + 34.0
MARGIN = 12.0
FILLS = {"leaf": ("#fdf1d8", ORANGE), "operation": ("#eef5fb", BLUE), "last": ("#e2f4ec", GREEN)}  # inside, border


def tape(tensor: Tensor, names: Any = None) -> TapeGraph:
    """The operations that made a tensor, such as a loss, with the shapes of what they gave.

    Args:
        tensor: whatever an operation made, while its tape is there.
        names: of the leaves: a model, whose parameters have names, or a dict of names and tensors.

    Raises:
        ValueError: nothing of the tensor is on the tape; names of another kind.
        RuntimeError: a backward with retain_graph=False has let the tape go.
    """
    return TapeGraph(read_tape(tensor), _names_by_id(names))


def _names_by_id(names: Any) -> dict[int, str]:
    if names is None:
        return {}
    if hasattr(names, "named_parameters"):
        names = dict(names.named_parameters())
    if not isinstance(names, Mapping):
        raise ValueError(f"names: expected a model or a dict of names and tensors, got {type(names).__name__}")
    return {id(tensor): str(name) for name, tensor in names.items()}


class TapeGraph:
    """What `tape` gives: `nodes`, from the leaves to the tensor; `str()` of it is text, `svg()` a picture.

    A learner reads it from above, as forward went; backward goes the same edges upward.
    """

    def __init__(self, nodes: list[Recorded], names: Mapping[int, str]) -> None:
        self.nodes = nodes
        self.titles = [node.name or names.get(id(node.leaf), "leaf") for node in nodes]
        self.shapes = [_shown(node) for node in nodes]

    def __len__(self) -> int:
        return len(self.nodes)

    def __str__(self) -> str:
        """A line for each node: its number, its name, the shapes of its outputs, and the numbers it was made of."""
        wide = max(map(len, self.titles))
        wide_shapes = max(map(len, self.shapes))
        lines = []
        for i, (node, title, shape) in enumerate(zip(self.nodes, self.titles, self.shapes)):
            several = {p for p, _ in node.sources if len(self.nodes[p].shapes) > 1}
            made_of = ", ".join(f"{place}[{k}]" if place in several else str(place) for place, k in node.sources)
            what = f"of {made_of}" if made_of else ""
            lines.append(f"{i:>{len(str(len(self)))}}  {title:<{wide}}  {shape:<{wide_shapes}}  {what}".rstrip())
        return "\n".join(lines)

    def svg(self) -> str:
        """The graph as SVG: leaves in orange, operations in blue, what was asked for in green.

        Raises ValueError for a tape of more than MOST_NODES nodes, which nobody could look at; its text has them all.
        """
        if len(self) > MOST_NODES:
            raise ValueError(
                f"the tape has {len(self)} nodes, and a picture shows up to {MOST_NODES}; print it instead"
            )
        short = [".".join(title.split(".")[-2:]) for title in self.titles]  # the whole name is the box's title
        widths = [2 * PADDING + CHARACTER * max(len(t), len(s)) for t, s in zip(short, self.shapes)]
        layout = lay_out([[place for place, _ in node.sources] for node in self.nodes], widths)
        width = max(x + wide / 2 for x, wide in zip(layout.x, widths)) + 2 * MARGIN
        width = max(width, max((x for edge in layout.edges for x, _ in edge), default=0.0) + 2 * MARGIN)
        height = LAYER_HEIGHT * max(layout.layers) + BOX_HEIGHT + 2 * MARGIN
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.1f} {height:.1f}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
            'font-size="12" text-anchor="middle">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0,0.5 L8,4 L0,7.5 z" fill="#555555"/></marker></defs>',
            f'<rect width="{width:.1f}" height="{height:.1f}" fill="white"/>',
        ]
        parts += [_edge(points) for points in layout.edges]
        for i, (x, layer, wide) in enumerate(zip(layout.x, layout.layers, widths)):
            kind = "leaf" if self.nodes[i].leaf is not None else "last" if i == len(self) - 1 else "operation"
            y = MARGIN + layer * LAYER_HEIGHT
            box = _box(x + MARGIN, y, wide, short[i], self.shapes[i], *FILLS[kind])
            title = f"{i}: {self.titles[i]}"
            parts.append(f'<g class="{kind}"><title>{escape(title)}</title>{box}</g>')
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _repr_svg_(self) -> str | None:  # what a notebook shows; of a tape that is too long, its text
        return self.svg() if len(self) <= MOST_NODES else None

    def __repr__(self) -> str:
        return str(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write the SVG, or with a name that ends in .txt the text, whole or not at all."""
        write_text_atomically(Path(path), f"{self}\n" if str(path).lower().endswith(".txt") else self.svg())


def _shown(node: Recorded) -> str:
    """The shapes of a node's outputs, such as "(2, 49, 32)", with the dtype where it is not float32."""
    several = node.shapes if len(node.shapes) <= 3 else (*node.shapes[:2], "…")
    return " ".join(map(str, several)) + ("" if node.dtype == "float32" else f" {node.dtype}")


def _edge(points: list[tuple[float, int]]) -> str:
    """A curve from the lower side of a node, through an edge's joints, to the upper side of another."""
    places = [(x + MARGIN, MARGIN + layer * LAYER_HEIGHT) for x, layer in points]
    x, y = places[0][0], places[0][1] + BOX_HEIGHT
    path = [f"M{x:.1f},{y:.1f}"]
    for next_x, top in places[1:]:
        bend = (top - y) / 2
        path.append(f"C{x:.1f},{y + bend:.1f} {next_x:.1f},{top - bend:.1f} {next_x:.1f},{top:.1f}")
        x, y = next_x, top
        if (next_x, top) != places[-1]:  # straight past the boxes of a layer between
            y = top + BOX_HEIGHT
            path.append(f"L{x:.1f},{y:.1f}")
    return f'<path d="{" ".join(path)}" fill="none" stroke="#555555" stroke-width="1.1" marker-end="url(#tip)"/>'


def _box(x: float, y: float, width: float, title: str, shape: str, inside: str, border: str) -> str:
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BOX_HEIGHT:.1f}" '
        f'rx="6" fill="{inside}" stroke="{border}" stroke-width="1.3"/>'
        f'<text x="{x:.1f}" y="{y + PADDING / 2 + 12:.1f}" font-weight="bold" fill="#222222">{escape(title)}</text>'
        f'<text x="{x:.1f}" y="{y + PADDING / 2 + LINE + 12:.1f}" fill="#444444">{escape(shape)}</text>'
    )
