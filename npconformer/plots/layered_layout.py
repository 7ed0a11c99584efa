"""Where to draw the nodes of a graph without cycles: in layers, with few crossings and short edges.

The usual three steps (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981). The last node stands at the bottom, each other one right above the first that needs it. An edge over several
layers has a joint in each between. The order within a layer is by the mean place of a node's neighbours, layer after
layer, down and up in turn, and the order with the fewest crossings is kept. At last each node moves to the mean of its
neighbours, as far as the others of its layer let it; nodes without sources (parameters, say) only follow and do not
pull, so that the chain that does the work is a straight one.

Letters: N nodes, E edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from npconformer.plots.spacing import separate

SWEEPS = 12
JOINT_WIDTH = 14.0
LIGHT = 1e-4  # how much a node without sources insists on its place, beside 1 of the others


@dataclass(frozen=True, eq=False)
class Layout:
    """layer (N,) from 0 at the top, x (N,) of the nodes' centres, and of each edge the points [(x, layer), ...]."""

    layers: list[int]
    x: list[float]
    edges: list[list[tuple[float, int]]]


def lay_out(sources: Sequence[Sequence[int]], widths: Sequence[float], gap: float = 16.0) -> Layout:
    """Places for nodes, of which node i has an edge from each of sources[i], all of them smaller than i.

    widths: of the nodes. gap: between two of them. Edges come in the order of nodes and of their sources.

    Raises ValueError for a source that does not come before its node.
    """
    for node, before in enumerate(sources):
        if any(not 0 <= source < node for source in before):
            raise ValueError(f"sources: those of node {node} must be 0..{node - 1}, got {list(before)}")
    layers = _layers(sources)
    room = [width + gap for width in widths]
    place, above, chains = list(layers), [[] for _ in layers], []  # of nodes and joints: layer, neighbours above
    for node, before in enumerate(sources):
        for source in before:
            chain = [source]
            for layer in range(layers[source] + 1, layers[node]):
                place.append(layer)
                above.append([chain[-1]])
                room.append(JOINT_WIDTH)
                chain.append(len(place) - 1)
            above[node].append(chain[-1])
            chains.append([*chain, node])
    rows = _order(place, above)
    x = _positions(rows, above, room)
    return Layout(layers, x[: len(layers)], [[(x[point], place[point]) for point in chain] for chain in chains])


def _layers(sources: Sequence[Sequence[int]]) -> list[int]:
    height = [0] * len(sources)  # above the bottom
    for node in range(len(sources) - 1, -1, -1):
        for source in sources[node]:
            height[source] = max(height[source], height[node] + 1)
    return [max(height) - one for one in height]


def _below(above: Sequence[Sequence[int]]) -> list[list[int]]:
    below: list[list[int]] = [[] for _ in above]
    for point, neighbours in enumerate(above):
        for neighbour in neighbours:
            below[neighbour].append(point)
    return below


def _order(place: Sequence[int], above: Sequence[Sequence[int]]) -> list[list[int]]:
    """The points of each layer from left to right."""
    rows: list[list[int]] = [[] for _ in range(max(place) + 1)]
    for point, layer in enumerate(place):
        rows[layer].append(point)
    best, fewest, below = rows, _crossings(rows, above), _below(above)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        rows = [list(row) for row in rows]
        order = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for layer in order:
            fixed = {point: i for i, point in enumerate(rows[layer - 1 if down else layer + 1])}
            neighbours = above if down else below
            own = {point: i for i, point in enumerate(rows[layer])}
            means = {p: np.mean([fixed[q] for q in neighbours[p]]) if neighbours[p] else own[p] for p in rows[layer]}
            rows[layer].sort(key=lambda point: means[point])
        crossings = _crossings(rows, above)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: Sequence[Sequence[int]], above: Sequence[Sequence[int]]) -> int:
    """How many pairs of edges between neighbouring layers cross: those whose ends are in two orders."""
    count = 0
    for upper, lower in pairwise(rows):
        index = {point: i for i, point in enumerate(upper)}
        ends = np.array([index[q] for p in lower for q in sorted(above[p], key=lambda q: index[q])])
        starts = np.array([i for i, p in enumerate(lower) for _ in above[p]])
        for k in range(len(ends)):
            count += int(((starts[k + 1 :] > starts[k]) & (ends[k + 1 :] < ends[k])).sum())
    return count


def _positions(rows: Sequence[Sequence[int]], above: Sequence[Sequence[int]], room: Sequence[float]) -> list[float]:
    """The x of each point; the leftmost edge of all is at 0."""
    x, below = [0.0] * len(above), _below(above)
    for row in rows:
        for point, centre in zip(row, separate([0.0] * len(row), [room[p] for p in row])):
            x[point] = float(centre)
    for sweep in range(2 * SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = []
            for point in row:
                neighbours = above[point] if sweep % 2 == 0 else below[point]
                pulling = [q for q in neighbours if above[q]] or neighbours
                near = [x[q] for q in pulling] or [x[point]]
                wanted.append(sum(near) / len(near))
            weights = [1.0 if above[p] else LIGHT for p in row]
            for point, centre in zip(row, separate(wanted, [room[p] for p in row], weights)):
                x[point] = float(centre)
    left = min(centre - wide / 2 for centre, wide in zip(x, room))
    return [centre - left for centre in x]
