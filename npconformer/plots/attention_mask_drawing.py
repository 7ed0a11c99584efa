"""An attention mask on a terminal, as squares, and as a picture: what each kind of cell is and how it looks.

A frame of the recording that looks is a row, one that is looked at is a column. Where frames are too many for the room,
a cell stands for a square of them and shows the kind that matters most among them, in the order of KINDS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer.plots.attention_masks import AttentionMask
from npconformer.plots.canvas import BLUE, GREEN, GREY, SKY_BLUE, VERMILION, frame_axis, name_axes, new_figure
from npconformer.plots.recognition import printable

LEAK, SELF, CONVOLUTION, ATTENTION, HIDDEN, PADDING = range(6)
# name, mark, mark in ASCII, colour on a terminal (ANSI), colour in a picture
KINDS = (
    ("reads padding", "▩", "!", "31", VERMILION),
    ("itself", "◆", "O", "32", GREEN),
    ("attention and convolution", "▣", "%", "34", BLUE),
    ("attention", "■", "#", "", SKY_BLUE),
    ("not seen", "⬚", "-", "", "#ffffff"),
    ("padding", "·", ".", "90", GREY),
)
LABEL = 9  # columns for the time at the left
FEWEST_COLUMNS = 30


def kinds_of(mask: AttentionMask) -> np.ndarray:
    """(T, T): the kind of each pair of frames."""
    frames = len(mask.own)
    kinds = np.where(mask.attends, ATTENTION, HIDDEN)
    kinds[mask.attends & mask.convolves] = CONVOLUTION
    kinds[np.arange(frames), np.arange(frames)] = SELF
    kinds[~mask.own, :] = PADDING
    kinds[:, ~mask.own] = PADDING
    kinds[mask.leaks] = LEAK
    return kinds


def cells_of(kinds: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """(kinds of at most `most` x `most` cells, how many frames one is wide)."""
    size = -(-len(kinds) // most)
    cells = -(-len(kinds) // size)
    padded = np.pad(kinds, (0, cells * size - len(kinds)), constant_values=PADDING)
    return padded.reshape(cells, size, cells, size).min(axis=(1, 3)), size


def mask_text(mask: AttentionMask, columns: int = 80, colour: bool = False, ascii: bool = False) -> str:
    """The mask as lines of at most `columns` characters, with what the marks mean.

    colour: with ANSI colours. ascii: with marks that every terminal has.

    Raises ValueError for fewer than FEWEST_COLUMNS columns.
    """
    if columns < FEWEST_COLUMNS:
        raise ValueError(f"columns: expected at least {FEWEST_COLUMNS}, got {columns}")
    kinds = kinds_of(mask)
    cells, size = cells_of(kinds, (columns - LABEL) // 2)
    marks = []
    for _, mark, plain, ansi, _ in KINDS:
        shown = plain if ascii else mark
        marks.append(f"\033[{ansi}m{shown}\033[0m" if colour and ansi else shown)
    seconds = size * mask.seconds_per_frame
    lines = [printable(line) for line in facts(mask, size)]
    lines.append(" " * LABEL + "attended to, time (s)")
    lines.append(" " * LABEL + _ruler(len(cells), seconds))
    for row, of_row in enumerate(cells):
        lines.append(f"{row * seconds:>{LABEL - 2}.2f}  " + " ".join(marks[kind] for kind in of_row))
    lines.append("")
    lines += [f"  {marks[k]}  {KINDS[k][0]}" for k in sorted({int(kind) for kind in np.unique(cells)})]
    return "\n".join(lines) + "\n"


def facts(mask: AttentionMask, size: int = 1) -> list[str]:
    """What is shown, in words."""
    frames, own, step = len(mask.own), int(mask.own.sum()), 1000 * mask.seconds_per_frame
    lines = [mask.name, f"{own} frames of {step:g} ms" + (f" and {frames - own} of padding" if own < frames else "")]
    if size > 1:
        lines[-1] += f"; a cell is {size} x {size} frames"
    if len(mask.chunks) > 1:
        lines.append(f"{len(mask.chunks)} chunks of {mask.chunks[0][1] - mask.chunks[0][0]} frames: see the steps")
    reach = mask.reach
    if reach.blocks:
        lines.append(
            f"convolution: {reach.before} frames before and {reach.behind} behind in a block, "
            f"{reach.before * reach.blocks} and {reach.behind * reach.blocks} in all {reach.blocks}"
        )
    if mask.leaks.any():
        lines.append(f'padding_mode "reference": padding reaches {int(mask.leaks.any(axis=1).sum())} frames in a block')
    return lines


def _ruler(cells: int, seconds: float) -> str:
    """Times over the cells, each where its cell is: every fifth."""
    line = [" "] * (2 * cells + 8)
    for cell in range(0, cells, 5):
        text = f"{cell * seconds:.2f}"
        line[2 * cell : 2 * cell + len(text)] = text
    return "".join(line)[: 2 * cells].rstrip()


def mask_figure(masks: Sequence[AttentionMask], ax: Any = None) -> Any:
    """The masks as a matplotlib Figure, one beside the other; or one on axes of yours.

    Lines are where one chunk's frames end and the next one's begin; white is what no frame of that chunk can see.

    Raises ValueError for several masks on `ax`, and ImportError where matplotlib is missing.
    """
    if ax is not None and len(masks) != 1:
        raise ValueError(f"ax: takes one recording, got {len(masks)}")
    if ax is None:
        panels = new_figure(4.2 * len(masks) + 2.2, 4.9).subplots(1, len(masks), squeeze=False)[0]
    else:
        panels = [ax]
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = ListedColormap([colour for *_, colour in KINDS])
    found: set[int] = set()
    for axes, mask in zip(panels, masks):
        kinds = kinds_of(mask)
        found |= {int(kind) for kind in np.unique(kinds)}
        end, label = frame_axis(len(kinds), mask.seconds_per_frame)
        axes.imshow(
            kinds, extent=(0, end, end, 0), cmap=colours, vmin=-0.5, vmax=len(KINDS) - 0.5, interpolation="nearest"
        )
        for start, _ in mask.kept[1:]:
            axes.axhline(start * mask.seconds_per_frame, color="black", linewidth=0.8)
        words = [printable(line) for line in facts(mask)]
        name_axes(axes, f"attended to, {label}", f"attending, {label}", words[0])
        axes.text(0, -0.2, "\n".join(words[1:]), transform=axes.transAxes, fontsize=7, va="top", parse_math=False)
    handles = [Patch(facecolor=KINDS[k][4], edgecolor="#555555", label=KINDS[k][0]) for k in sorted(found)]
    panels[-1].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1), fontsize=8, frameon=False)
    return panels[0].figure
