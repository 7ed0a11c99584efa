"""The lattice of CTC: every state that a text has, every frame, and how probable it is to be there.

A text l_1 … l_S has L = 2S+1 states, a blank before, between and after its labels. The colour of state s in frame t is
its posterior α_t(s) β_t(s) / p: the share that the paths through it have of the probability of all paths that say the
text (losses/ctc.py). The line is the most probable single path (text/ctc_alignment.py). Letters: T frames, V classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer.losses.ctc import ctc_forward, ctc_posteriors
from npconformer.losses.ctc_targets import prepare_targets
from npconformer.plots.canvas import VERMILION, add_bar, array_of, axes_for, frame_axis, name_axes
from npconformer.plots.recognition import printable
from npconformer.text.ctc_alignment import CTCAlignment, ctc_align, log_probs_of

MOST_NAMES = 60  # of states beside the picture


def alignment_map(
    logits: Any,
    labels: Any,
    blank: int = 0,
    tokens: Sequence[str] | None = None,
    seconds_per_frame: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw where in a recording the letters of a text are: the posterior of each state, and the most probable path.

        labels = processor(text="THREE ONE").input_ids
        plots.alignment_map(outputs.logits[0], labels, tokenizer.pad_token_id, tokenizer.convert_ids_to_tokens(labels))

    Args:
        logits: (T, V) of one utterance, as for `ctc_align`.
        labels: (S,) classes.
        blank: the class of the blank.
        tokens: S names of the labels; None: their numbers.
        seconds_per_frame: for an axis in seconds.
        ax: axes to draw on.

    Returns: the matplotlib Figure.

    Raises:
        ValueError: what `ctc_align` refuses; another number of tokens than of labels.
        ImportError: matplotlib is missing.
    """
    labels = array_of(labels, "labels", ("labels",)) if np.size(labels) else np.zeros(0, np.int64)
    alignment = ctc_align(logits, labels, blank)
    names = [str(label) for label in labels.tolist()] if tokens is None else [printable(str(one)) for one in tokens]
    if len(names) != len(labels):
        raise ValueError(f"tokens: expected {len(labels)} names, one for each label, got {len(names)}")
    log_probs = log_probs_of(logits)  # (T, V)
    targets = prepare_targets((1, *log_probs.shape), labels[None], None, [len(labels)], blank)
    posteriors = ctc_posteriors(log_probs[None], targets, *ctc_forward(log_probs[None], targets))[0]  # (T, L)
    states = posteriors.shape[1]

    axes = axes_for(ax, 8.0, min(max(1.4 + 0.1 * states, 2.6), 10.0))
    end, label = frame_axis(len(log_probs), seconds_per_frame)
    extent = (0, end, states - 0.5, -0.5)
    image = axes.imshow(posteriors.T, aspect="auto", extent=extent, cmap="viridis", vmin=0, vmax=1)
    image.set_interpolation("nearest")
    middles = (np.arange(len(log_probs)) + 0.5) * end / len(log_probs)
    axes.plot(middles, path_of(alignment), color=VERMILION, linewidth=1.0, label="most probable path")
    step = max(1, -(-len(names) // MOST_NAMES))
    axes.set_yticks(range(1, states, 2 * step), names[::step], parse_math=False)
    name_axes(axes, label, "label (blanks between)" if tokens is None else "letter (blanks between)")
    axes.tick_params(axis="y", labelsize=7)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, frameon=False, borderaxespad=0.2)
    add_bar(image, axes, "posterior probability")
    return axes.figure


def path_of(alignment: CTCAlignment) -> np.ndarray:
    """(T,) the state of each frame: 2p+1 for label p, and for a blank that behind the last label before it."""
    positions = alignment.positions
    seen = np.maximum.accumulate(positions)  # -1 before the first label
    return np.where(positions >= 0, 2 * positions + 1, 2 * (seen + 1))
