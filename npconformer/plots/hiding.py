"""Pictures of what is hidden from a model in training: spans of frames (pre-training) and SpecAugment.

Letters: B utterances, T frames, C channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.plots.canvas import BLUE, GREY, ORANGE, add_bar, array_of, axes_for, frame_axis, name_axes

SEEN, HIDDEN, PADDING = 0, 1, 2  # the numbers in the picture of spans


def span_map(mask: Any, attention_mask: Any = None, seconds_per_frame: float | None = None, ax: Any = None) -> Any:
    """Draw which frames of a batch are hidden, a row for each utterance, with the share that is.

        mask = npconformer.compute_mask_indices((4, 100), mask_prob=0.65, mask_length=10)
        plots.span_map(mask, seconds_per_frame=0.02)

    Args:
        mask: (B, T) booleans, true at hidden frames.
        attention_mask: None or (B, T), 0 at frames of padding.
        seconds_per_frame: for an axis in seconds.
        ax: axes to draw on.

    Returns: the matplotlib Figure.

    Raises:
        ValueError: masks of other or of two shapes; a frame that is both hidden and padding.
        ImportError: matplotlib is missing.
    """
    hidden = array_of(mask, "mask", ("batch", "frames")) != 0
    own = np.ones_like(hidden)
    if attention_mask is not None:
        own = array_of(attention_mask, "attention_mask", ("batch", "frames")) != 0
    if own.shape != hidden.shape:
        raise ValueError(f"attention_mask: expected shape {hidden.shape} as mask, got {own.shape}")
    if (hidden & ~own).any():
        item, frame = np.argwhere(hidden & ~own)[0].tolist()
        raise ValueError(f"mask: hides frame {frame} of utterance {item}, which attention_mask says is padding")
    axes = axes_for(ax, 8.0, min(1.3 + 0.3 * len(hidden), 10.0))
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    state = np.where(own, np.where(hidden, HIDDEN, SEEN), PADDING)
    end, label = frame_axis(hidden.shape[1], seconds_per_frame)
    colours = ListedColormap([BLUE, ORANGE, GREY])
    extent = (0, end, len(hidden), 0)
    axes.imshow(state, aspect="auto", extent=extent, cmap=colours, vmin=-0.5, vmax=2.5, interpolation="nearest")
    axes.hlines(range(1, len(hidden)), 0, end, color="white", linewidth=1.5)
    shares = hidden.sum(axis=1) / np.maximum(own.sum(axis=1), 1)
    step = max(1, -(-len(hidden) // 40))
    names = [f"{item}: {share:.0%} hidden" for item, share in enumerate(shares)]
    axes.set_yticks(np.arange(0, len(hidden), step) + 0.5, names[::step])
    name_axes(axes, label, "utterance")
    axes.tick_params(axis="y", length=0)
    kinds = [("seen", BLUE), ("hidden", ORANGE), *([] if own.all() else [("padding", GREY)])]
    handles = [Patch(color=colour, label=name) for name, colour in kinds]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8, frameon=False)
    return axes.figure


def spec_augment_map(
    features: Any,
    time_mask: Any = None,
    feature_mask: Any = None,
    seconds_per_frame: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw the hidden states (or features) of an utterance, with what SpecAugment hides of them in one colour.

    Args:
        features: (T, C).
        time_mask: None or (T,) booleans: frames that become the mask vector.
        feature_mask: None or (C,) booleans: channels that become 0.
        seconds_per_frame: for an axis in seconds.
        ax: axes to draw on.

    Returns: the matplotlib Figure.

    Raises:
        ValueError: features or masks of another shape. ImportError: matplotlib is missing.
    """
    values = array_of(features, "features", ("frames", "channels")).astype(np.float64)
    hidden = np.zeros(values.shape, bool)
    for name, mask, length in (
        ("time_mask", time_mask, values.shape[0]),
        ("feature_mask", feature_mask, values.shape[1]),
    ):
        if mask is None:
            continue
        chosen = array_of(mask, name, ("frames" if name == "time_mask" else "channels",)) != 0
        if len(chosen) != length:
            raise ValueError(f"{name}: expected {length} booleans, got {len(chosen)}")
        hidden |= chosen[:, None] if name == "time_mask" else chosen[None, :]
    axes = axes_for(ax, 8.0, 2.8)
    from matplotlib import colormaps

    end, label = frame_axis(len(values), seconds_per_frame)
    colours = colormaps["viridis"].with_extremes(bad=ORANGE)
    shown = np.ma.masked_array(values.T, hidden.T)  # (C, T)
    low, high = np.percentile(values, [1, 99])
    extent = (0, end, 0, values.shape[1])
    image = axes.imshow(
        shown, origin="lower", aspect="auto", extent=extent, cmap=colours, vmin=low, vmax=high, interpolation="nearest"
    )
    name_axes(axes, label, "channel", f"orange: {hidden.mean():.0%} is hidden")
    add_bar(image, axes, "value")
    return axes.figure
