"""Vectors of many dimensions drawn in two: speakers' x-vectors, hidden states, frames.

Principal components (Pearson, "On lines and planes of closest fit to systems of points in space", 1901): the singular
value decomposition X = U S V^T of the vectors less their mean gives the directions V in which they differ most; their
coordinates there are U S, and the share of the variance that direction k has is S_k² / Σ S².

Letters: N vectors, D numbers of each, K components.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from npconformer.plots.canvas import LINE_COLOURS, array_of, axes_for, name_axes

MARKERS = "os^Dv<>PX*"  # when the colours have all been used, the next marker begins with the first colour


class PrincipalComponents(NamedTuple):
    """points (N, K) in float64, and the share of the variance that each of the K components has, 0..1."""

    points: np.ndarray
    shares: np.ndarray


def principal_components(vectors: Any, count: int = 2) -> PrincipalComponents:
    """The coordinates of vectors (N, D) along the `count` directions in which they differ most, the first the most.

    The sign of a direction, which is free, is such that its entry of the largest absolute value is positive.

    Raises ValueError for vectors of another shape or not finite, and for more components than min(N, D).
    """
    array = array_of(vectors, "vectors", ("vectors", "numbers")).astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError("vectors: expected finite numbers, got NaN or infinite ones")
    if not 1 <= count <= min(array.shape):
        raise ValueError(f"count: expected 1..{min(array.shape)} components of vectors {array.shape}, got {count}")
    centred = array - array.mean(axis=0)  # (N, D)
    left, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    rows = np.arange(len(directions))
    signs = np.where(directions[rows, np.abs(directions).argmax(axis=1)] < 0, -1.0, 1.0)
    total = float((sizes**2).sum())
    shares = sizes**2 / total if total > 0 else np.zeros_like(sizes)
    return PrincipalComponents((left * sizes * signs)[:, :count], shares[:count])


def embedding_map(vectors: Any, labels: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Draw vectors along their two principal components, each label in its own colour and marker.

        embed = npconformer.pipeline("speaker-embedding", model="my-x-vector-model")
        plots.embedding_map(np.stack(embed(files)), labels=[file.parent.name for file in files])

    Args:
        vectors: (N, D), N and D at least 2.
        labels: N names of what is to be told apart, such as speakers; None: all in one colour.
        ax: axes to draw on.

    Returns: the matplotlib Figure.

    Raises:
        ValueError: what `principal_components` refuses; another number of labels than of vectors.
        ImportError: matplotlib is missing.
    """
    points, shares = principal_components(vectors)
    names = [""] * len(points) if labels is None else [str(label) for label in labels]
    if len(names) != len(points):
        raise ValueError(f"labels: expected {len(points)}, one for each vector, got {len(names)}")
    axes = axes_for(ax, 6.5, 4.5)
    chosen = np.array(names)
    kinds = list(dict.fromkeys(names))
    for k, kind in enumerate(kinds):
        colour = LINE_COLOURS[k % len(LINE_COLOURS)]
        marker = MARKERS[k // len(LINE_COLOURS) % len(MARKERS)]
        here = points[chosen == kind]
        axes.scatter(here[:, 0], here[:, 1], s=28, color=colour, marker=marker, alpha=0.85, linewidths=0, label=kind)
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    name_axes(axes, *(f"component {k + 1} ({share:.0%} of the variance)" for k, share in enumerate(shares)))
    if labels is not None:
        legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, frameon=False)
        legend.set_in_layout(True)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return axes.figure
