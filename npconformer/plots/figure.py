"""A recognition as a PNG: four panels over one time axis, drawn with matplotlib.

From above: the waveform with the words; its spectrogram; the probability of each letter in each frame; the alignment,
which says for each frame the letter and the word that it belongs to. Lines at the words' borders go through all four.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer.plots.canvas import require_matplotlib
from npconformer.plots.recognition import Recognition, printable
from npconformer.plots.spacing import spread
from npconformer.plots.spectrogram import FLOOR, spectrogram
from npconformer.storage.files import atomic_path

MOST_SECONDS = 60  # more would be wider than anything that shows pictures likes
INCHES_PER_SECOND, NARROWEST = 2.2, 8.0  # of the panels; a letter takes a few frames of 20 ms
LEFT, RIGHT, TOP, BOTTOM, GAP = 1.0, 0.95, 0.75, 0.72, 0.12  # margins around the panels in inches
HEIGHTS = {"waveform": 1.2, "spectrogram": 1.9, "alignment": 1.05}
ROW = 0.19  # inches of a letter in the panel of probabilities
DPI = 120
KEY = "frames: light grey is the blank, dark grey the space          lines: words start (solid) and end (dotted)"
WORD_COLOURS = (("#1b6ca8", "#7db3d9"), ("#c2571a", "#eeb08a"))  # of words in turn; of their letters in turn
BLANK_COLOUR, SPACE_COLOUR, BORDER = "#f0f0f0", "#a9a9a9", "#444444"


def write_picture(recognition: Recognition, path: str | os.PathLike, title: str = "") -> None:
    """Draw a recognition into a PNG, written whole or not at all; a file of that name is replaced.

    Raises:
        ImportError: matplotlib is missing, and the message has the command that installs it; or it is broken.
        ValueError: the recording is longer than MOST_SECONDS.
        OSError: the file cannot be written.
    """
    require_matplotlib()
    import matplotlib

    if recognition.seconds > MOST_SECONDS:
        raise ValueError(
            f"a picture shows recordings of up to {MOST_SECONDS} s, and this one is {recognition.seconds:.1f} s long"
        )
    with atomic_path(path) as temporary, matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # a person's own style may have sizes that do not fit, or want LaTeX
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # it is drawn as a box
        figure = draw(recognition, title)
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Description": recognition.alignment.text})


def draw(recognition: Recognition, title: str = "") -> Any:
    """The picture as a matplotlib Figure, on a canvas of its own: no window, nothing of pyplot's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    classes = recognition.classes_to_show()
    heights = [HEIGHTS["waveform"], HEIGHTS["spectrogram"], ROW * max(len(classes), 4), HEIGHTS["alignment"]]
    across = max(NARROWEST, INCHES_PER_SECOND * recognition.seconds)
    width, height = LEFT + across + RIGHT, TOP + sum(heights) + GAP * (len(heights) - 1) + BOTTOM
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)

    def place(left: float, below: float, wide: float, high: float, **options: Any) -> Any:
        """Axes at a place given in inches from the upper left corner."""
        box = (left / width, 1 - (below + high) / height, wide / width, high / height)
        return figure.add_axes(box, **options)

    panels, below = [], TOP
    for high in heights:
        panels.append(place(LEFT, below, across, high, sharex=panels[0] if panels else None))
        below += high + GAP
    bars = [place(LEFT + across + 0.12, TOP + sum(heights[:i]) + i * GAP, 0.13, heights[i]) for i in (1, 2)]

    pen = _Pen(figure, recognition.seconds / across)
    _draw_waveform(panels[0], recognition, pen)
    _draw_spectrogram(panels[1], recognition, bars[0])
    _draw_probabilities(panels[2], recognition, classes, bars[1])
    _draw_alignment(panels[3], recognition, pen)
    _draw_borders(panels, recognition)
    panels[0].set_xlim(0, recognition.seconds)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    panels[-1].xaxis.set_major_locator(MaxNLocator(max(6, int(across))))
    for axes in panels:
        axes.yaxis.set_label_coords(-0.62 / across, 0.5)
        axes.yaxis.label.set_size(9)
    panels[-1].set_xlabel("time (s)", fontsize=9)
    figure.text((LEFT + across) / width, 0.1 / height, KEY, fontsize=8, ha="right", color="#555555")
    if title:
        most = int(across / 0.085)
        title = printable(title if len(title) <= most else title[: most - 1] + "…")
        figure.text(LEFT / width, 1 - 0.28 / height, title, fontsize=11, va="center", parse_math=False)
    return figure


class _Pen:
    """Texts side by side at times, moved apart, and made smaller, where they would overlap."""

    LARGEST, SMALLEST = 10.0, 4.0  # points

    def __init__(self, figure: Any, seconds_per_inch: float) -> None:
        self.figure, self.seconds_per_inch = figure, seconds_per_inch

    def seconds_of(self, text: str, size: float) -> float:
        """How wide a text is in bold, with a little room, in seconds of the time axis."""
        drawn = self.figure.text(0, 0, text, fontsize=size, weight="bold", parse_math=False)
        pixels = drawn.get_window_extent(self.figure.canvas.get_renderer()).width
        drawn.remove()
        return (pixels / self.figure.dpi + 0.15 * size / 72) * self.seconds_per_inch

    def arrange(self, texts: Sequence[str], centres: Sequence[float], end: float) -> tuple[float, np.ndarray]:
        """(font size, where to centre each text in seconds); a size of 0 means that they do not fit."""
        widths = {text: self.seconds_of(text, self.LARGEST) for text in set(texts)}
        total = sum(widths[text] for text in texts)
        size = self.LARGEST * min(1.0, end / total) if total else self.LARGEST
        if size < self.SMALLEST:
            return 0.0, np.asarray(centres)
        return size, spread(centres, [widths[text] * size / self.LARGEST for text in texts], 0.0, end)


def _draw_waveform(axes: Any, recognition: Recognition, pen: _Pen) -> None:
    """The waveform, drawn as the range of its samples in each hair's breadth, and the words above it."""
    waveform, rate = recognition.waveform, recognition.sampling_rate
    step = max(1, int(recognition.seconds * rate / (axes.get_window_extent().width / axes.figure.dpi * DPI)))
    starts = np.arange(0, len(waveform), step)
    low, high = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    axes.fill_between(starts / rate, low, high, color="#333333", linewidth=0.6)
    loudest = max(float(np.abs(waveform).max()), 1e-4)
    axes.set_ylim(-1.1 * loudest, 1.1 * loudest)
    axes.set_ylabel("amplitude\n(of full scale)")
    axes.tick_params(labelsize=8)

    words, step = recognition.words, recognition.seconds_per_frame
    centres = [(word.start + word.end) / 2 * step for word in words]
    size, places = pen.arrange([word.text for word in words], centres, recognition.seconds)
    for i, (word, place) in enumerate(zip(words, places)):
        if size:
            axes.annotate(
                word.text,
                (place, 1.0),
                (0, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                fontsize=size,
                color=WORD_COLOURS[i % 2][0],
                weight="bold",
                parse_math=False,
            )


def _draw_spectrogram(axes: Any, recognition: Recognition, bar: Any) -> None:
    found = spectrogram(recognition.waveform, recognition.sampling_rate)
    half = (found.times[1] - found.times[0]) / 2 if len(found.times) > 1 else recognition.seconds / 2
    extent = (found.times[0] - half, found.times[-1] + half, 0, found.frequencies[-1])
    image = axes.imshow(found.levels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR, vmax=0)
    axes.set_facecolor("black")  # where the last window's half ends before the recording does
    axes.set_ylabel("frequency (Hz)")
    axes.tick_params(labelsize=8)
    _draw_bar(image, bar, "power (dB, loudest = 0)")


def _draw_probabilities(axes: Any, recognition: Recognition, classes: list[int], bar: Any) -> None:
    shown = recognition.probabilities[:, classes].T  # (letters, T)
    extent = (0, len(recognition.probabilities) * recognition.seconds_per_frame, len(classes), 0)
    image = axes.imshow(shown, aspect="auto", extent=extent, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_ylim(len(classes), 0)
    names = [recognition.name_of(index) for index in classes]
    axes.set_yticks(np.arange(len(classes)) + 0.5, names, fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("letter")
    for row in range(1, len(classes)):
        axes.axhline(row, color="#dddddd", linewidth=0.4)
    _draw_bar(image, bar, "probability")


def _draw_bar(image: Any, bar: Any, label: str) -> None:
    bar.figure.colorbar(image, cax=bar)
    bar.set_ylabel(label, fontsize=9)
    bar.tick_params(labelsize=8)


def _draw_alignment(axes: Any, recognition: Recognition, pen: _Pen) -> None:
    """Three rows: letters, each with a line to its frames; the frames, in the letter's colour; the words."""
    from matplotlib.colors import to_rgb

    letters, words, step = recognition.letters, recognition.words, recognition.seconds_per_frame
    starts = [word.start for word in words]
    word_of = np.searchsorted(starts, [letter.start for letter in letters], side="right") - 1
    colours = np.tile(to_rgb(BLANK_COLOUR), (1, len(recognition.probabilities), 1))
    colours[0, recognition.alignment.frames.positions >= 0] = to_rgb(SPACE_COLOUR)  # what no letter is drawn over
    for i, letter in enumerate(letters):
        colours[0, letter.start : letter.end] = to_rgb(WORD_COLOURS[word_of[i] % 2][i % 2])
    end = len(recognition.probabilities) * step
    axes.imshow(colours, aspect="auto", extent=(0, end, 1.0, 1.5), interpolation="nearest")

    centres = [(letter.start + letter.end) / 2 * step for letter in letters]
    size, places = pen.arrange([letter.text for letter in letters], centres, recognition.seconds)
    for letter, w, centre, place in zip(letters, word_of, centres, places):
        if size:
            colour = WORD_COLOURS[w % 2][0]
            options = dict(ha="center", va="center", fontsize=size, color=colour, parse_math=False)
            ground = dict(facecolor="white", edgecolor="none", pad=0.5)  # a border behind it would make an I of an O
            axes.text(place, 2.3, letter.text, bbox=ground, **options)
            axes.plot([centre, centre, place], [1.5, 1.6, 2.02], color=colour, linewidth=0.5)
    for w, word in enumerate(words):
        start, wide = word.start * step, (word.end - word.start) * step
        colour = WORD_COLOURS[w % 2][0]
        axes.broken_barh([(start, wide)], (0.15, 0.6), color=colour)
        if pen.seconds_of(word.text, 8) < wide:
            options = dict(ha="center", va="center", fontsize=8, color="white", weight="bold", parse_math=False)
            axes.text(start + wide / 2, 0.44, word.text, **options)
    axes.set_ylim(0, 2.6)
    axes.set_ylabel("alignment")
    axes.set_yticks([0.45, 1.25, 2.3], ["words", "frames", "letters"], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)


def _draw_borders(panels: list[Any], recognition: Recognition) -> None:
    """Thin lines where words start and end."""
    for word in recognition.alignment.words:
        for frame, style in ((word.start, "-"), (word.end, ":")):
            for i, axes in enumerate(panels):
                colour = "white" if i == 1 else BORDER
                axes.axvline(frame * recognition.seconds_per_frame, color=colour, linewidth=0.7, linestyle=style)
