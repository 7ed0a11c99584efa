"""Attention maps: how much of its attention each frame gives to each other frame, by layer and head.

Letters: B batch, H heads, T frames. Row i of a map is the softmax of frame i over the frames that it attends to, and
sums to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer.plots.canvas import array_of, frame_axis, name_axes, new_figure

MOST_PANELS = 100
MEAN = "mean"


def attention_map(
    attentions: Any,
    layers: Sequence[int] | int | None = None,
    heads: Sequence[int] | int | str | None = None,
    item: int = 0,
    seconds_per_frame: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw attention weights, a row of panels for each layer and a column for each head, in one scale.

        outputs = model(**inputs, output_attentions=True)
        plots.attention_map(outputs.attentions, layers=[0, -1], seconds_per_frame=clock.seconds_per_frame)

    Args:
        attentions: a model's `outputs.attentions`, one (B, H, T, T) for each layer; or the weights of one layer.
        layers: which, counted from 0, negative ones from the end; None: all.
        heads: which; None: all; "mean": their mean.
        item: which utterance of the batch.
        seconds_per_frame: for axes in seconds.
        ax: axes to draw on, for one layer and one head (or "mean").

    Returns: the matplotlib Figure.

    Raises:
        ValueError: weights of another shape; a layer, head or item that is not there; more than MOST_PANELS panels, or
            more than one on `ax`.
        ImportError: matplotlib is missing.
    """
    of_layers = _of_layers(attentions)
    chosen = _chosen("layers", layers, len(of_layers))
    weights = [_of_item(of_layers[layer], item, layer) for layer in chosen]  # [(H, T, T), ...]
    columns = [MEAN] if heads == MEAN else _chosen("heads", heads, min(len(one) for one in weights))
    if len(chosen) * len(columns) > (MOST_PANELS if ax is None else 1):
        room = f"up to {MOST_PANELS} panels fit a picture" if ax is None else "ax takes one panel"
        raise ValueError(f"layers, heads: {len(chosen)} x {len(columns)} panels were asked for, and {room}")
    if ax is None:
        figure = new_figure(1.2 + 1.75 * len(columns) + (1.2 if len(columns) == 1 else 0), 0.7 + 1.75 * len(chosen))
        panels = figure.subplots(len(chosen), len(columns), squeeze=False, sharex=True, sharey=True)
    else:
        panels = np.array([[ax]])

    maps = [[one.mean(axis=0) if h == MEAN else one[h] for h in columns] for one in weights]
    highest = max(float(panel.max()) for row in maps for panel in row)
    end, label = frame_axis(maps[0][0].shape[1], seconds_per_frame)
    for i, (layer, row) in enumerate(zip(chosen, maps)):
        for j, (head, panel) in enumerate(zip(columns, row)):
            axes = panels[i, j]
            image = axes.imshow(
                panel, extent=(0, end, end, 0), vmin=0, vmax=highest, cmap="viridis", interpolation="nearest"
            )
            title = f"layer {layer}, {'mean of heads' if head == MEAN else f'head {head}'}"
            x, y = f"attended to, {label}", f"attending, {label}"
            name_axes(axes, x if i == len(maps) - 1 else "", y if j == 0 else "", title)
    bar = panels[0, 0].figure.colorbar(image, ax=list(panels.ravel()), pad=0.02, aspect=30)
    bar.set_label("attention weight", fontsize=9)
    return panels[0, 0].figure


def _of_layers(attentions: Any) -> list[Any]:
    """The weights of each layer, whether they come as a tuple of layers or as those of one."""
    if isinstance(attentions, tuple | list):
        if not attentions or any(one is None for one in attentions):
            raise ValueError("attentions: there are none; call the model with output_attentions=True")
        return list(attentions)
    if attentions is None:
        raise ValueError("attentions: there are none; call the model with output_attentions=True")
    return [attentions]


def _of_item(weights: Any, item: int, layer: int) -> np.ndarray:
    array = array_of(weights, f"attentions[{layer}]", ("batch", "heads", "frames", "frames"))
    if array.shape[2] != array.shape[3]:
        raise ValueError(f"attentions[{layer}]: expected (batch, heads, frames, frames), got {array.shape}")
    if not -len(array) <= item < len(array):
        raise ValueError(f"item: there are {len(array)} utterances, got {item}")
    return array[item]


def _chosen(name: str, given: Any, count: int) -> list[int]:
    """The numbers asked for, counted from 0."""
    numbers = range(count) if given is None else [given] if isinstance(given, int | np.integer) else list(given)
    for number in numbers:
        if not isinstance(number, int | np.integer) or not -count <= number < count:
            raise ValueError(f"{name}: there are {count}, got {number!r}")
    if not len(numbers):
        raise ValueError(f"{name}: expected at least one, got none")
    return [int(number) % count for number in numbers]
