"""A recognition as a picture made of letters, for terminals: the four panels of figure.py, stretch by stretch.

Each column stands for a moment, of which it shows the loudest sample, the mean power and the highest probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from npconformer.plots.recognition import Recognition
from npconformer.plots.spacing import spread
from npconformer.plots.spectrogram import FLOOR, spectrogram

MARGIN = 9  # columns of the names on the left
LONGEST_COLUMN = 0.08  # seconds: letters of fluent speech do not come faster
MOST_LETTERS = 24  # rows of probabilities
BANDS = 8  # rows of the spectrogram, equally wide on the mel scale
QUIETEST = -50.0  # dB below the loudest band that are drawn as nothing
MARKS = {
    False: (" ▁▂▃▄▅▆▇█", " ░▒▓█", "└─┘"),
    True: (" .-=+*#%@", " .+#@", "|_|"),
}  # by `ascii`: bars, shades, brackets


def text_picture(recognition: Recognition, columns: int = 80, ascii: bool = False) -> str:
    """Loudness, spectrogram, the letters' probabilities and the alignment as lines of at most `columns` characters.

    A long recording takes several stretches below each other. ascii: draw with the letters that every terminal has
    (those of the vocabulary stay as they are).

    Raises ValueError for fewer than 40 columns.
    """
    if columns < 40:
        raise ValueError(f"columns: expected at least 40, got {columns}")
    across = columns - MARGIN
    stretches = _count_stretches(recognition, across)
    edges = np.linspace(0, recognition.seconds, stretches * across + 1)  # of all columns, in seconds
    bars, shades, _ = MARKS[ascii]
    loudness = _loudness(recognition, edges)
    bands, levels = _bands(recognition, edges)
    classes = recognition.classes_to_show(MOST_LETTERS)
    probabilities = _highest(recognition, edges, classes)

    lines = []
    for first in range(0, stretches * across, across):
        part = slice(first, first + across)
        here = edges[first : first + across + 1]
        lines.append(_ruler(here))
        lines.append(_row("loudness", loudness[part], bars))
        lines.extend(_row(name, row[part], shades) for name, row in zip(bands, levels))
        lines.append("")
        lines.extend(_row(recognition.name_of(k), row[part], shades) for k, row in zip(classes, probabilities))
        lines.extend(["", *_aligned(recognition, here, ascii), ""])
    lines.append(f"shades: power from {QUIETEST:.0f} to 0 dB of the loudest band; probability from 0 to 1")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _count_stretches(recognition: Recognition, across: int) -> int:
    """The fewest stretches of `across` columns in which letters need not crowd."""
    step = recognition.seconds_per_frame
    centres = [(letter.start + letter.end) / 2 * step for letter in recognition.alignment.letters]
    widths = [len(letter.text) for letter in recognition.alignment.letters]
    stretches = max(1, int(np.ceil(recognition.seconds / (across * LONGEST_COLUMN))))
    while stretches < len(recognition.probabilities):
        crowds = np.histogram(centres, stretches, (0, recognition.seconds), weights=widths)[0]
        if 1.5 * crowds.max() <= across:
            break
        stretches += 1
    return stretches


def _row(name: str, values: np.ndarray, marks: str) -> str:
    """A line of marks for values from 0 to 1; the last mark is that of the uppermost stretch of values."""
    index = np.minimum((np.clip(values, 0, 1) * len(marks)).astype(int), len(marks) - 1)
    return f"{name:>{MARGIN - 1}} " + "".join(marks[i] for i in index)


def _ruler(edges: np.ndarray) -> str:
    """Times in seconds, each where its first digit stands."""
    across = len(edges) - 1
    line = [" "] * across
    per_column = (edges[-1] - edges[0]) / across
    tick = next((t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if t >= 8 * per_column), 2.0)
    for k in range(int(np.ceil(edges[0] / tick - 1e-9)), int(edges[-1] / tick) + 1):
        column = int((k * tick - edges[0]) / per_column + 1e-6)
        text = f"{k * tick:.2f}" if tick < 0.1 else f"{k * tick:.1f}"
        if column + len(text) <= across:
            line[column : column + len(text)] = text
    return f"{'time (s)':>{MARGIN - 1}} " + "".join(line)


def _loudness(recognition: Recognition, edges: np.ndarray) -> np.ndarray:
    """(columns,) the root of the loudest sample of each column relative to that of the recording, 0 to 1."""
    starts = np.minimum(edges[:-1] * recognition.sampling_rate, len(recognition.waveform) - 1).astype(int)
    peaks = np.maximum.reduceat(np.abs(recognition.waveform), starts)
    return np.sqrt(peaks / max(float(peaks.max()), 1e-9))


def _bands(recognition: Recognition, edges: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names (in Hz) and levels (BANDS, columns), 0 to 1, of frequency bands from high to low."""
    found = spectrogram(recognition.waveform, recognition.sampling_rate)
    power = 10 ** (found.levels.astype(np.float64) / 10) - 10 ** (FLOOR / 10)  # (F, K)
    mel = 2595 * np.log10(1 + found.frequencies / 700)
    band_of = np.minimum((mel / mel[-1] * BANDS).astype(int), BANDS - 1)  # (F,)
    in_bands = np.stack(
        [power[band_of == b].mean(axis=0) if (band_of == b).any() else 0 * power[0] for b in range(BANDS)]
    )
    nearest = np.abs(found.times[:, None] - (edges[:-1] + edges[1:]) / 2).argmin(axis=0)  # of windows, for each column
    starts = np.searchsorted(found.times, edges[:-1])
    means = np.empty((BANDS, len(edges) - 1))
    for c, (start, end) in enumerate(zip(starts, [*starts[1:], len(found.times)])):
        means[:, c] = in_bands[:, start:end].mean(axis=1) if end > start else in_bands[:, nearest[c]]
    levels = 10 * np.log10(np.maximum(means / max(means.max(), 1e-30), 1e-12))
    tops = 700 * (10 ** (mel[-1] * np.arange(1, BANDS + 1) / BANDS / 2595) - 1)
    names = [f"{round(top, -2 if top >= 1000 else -1):.0f} Hz" for top in tops]
    return names[::-1], (1 - levels[::-1] / QUIETEST)


def _highest(recognition: Recognition, edges: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """(classes, columns) the highest probability among the frames that a column touches; 0 where there are none."""
    probabilities = recognition.probabilities[:, classes]  # (T, classes)
    step, frames = recognition.seconds_per_frame, len(recognition.probabilities)
    highest = np.zeros((len(classes), len(edges) - 1))
    for c, (start, end) in enumerate(pairwise(edges)):
        first = int(start / step + 1e-6)
        last = max(int(np.ceil(end / step - 1e-6)), first + 1)
        if first < frames:
            highest[:, c] = probabilities[first:last].max(axis=0)
    return highest


def _aligned(recognition: Recognition, edges: np.ndarray, ascii: bool) -> list[str]:
    """Three lines: letters where their frames are, the stretches of words, and the words."""
    across = len(edges) - 1
    per_column = (edges[-1] - edges[0]) / across

    def column(frame: float) -> float:
        return (frame * recognition.seconds_per_frame - edges[0]) / per_column

    def in_place(spans: Sequence) -> str:
        here = [span for span in spans if 0 <= column((span.start + span.end) / 2) < across]
        widths = [len(span.text) for span in here]
        middles = [column((span.start + span.end) / 2) for span in here]
        gap = 1 if max(widths, default=1) > 1 else 0  # between words, not between letters
        line = [" "] * across
        for span, width, middle in zip(here, widths, spread(middles, [w + gap for w in widths], 0, across + gap)):
            start = int(middle - (width + gap) / 2 + 1e-6)
            line[start : start + width] = span.text
        return "".join(line[:across])

    left, middle, right = MARKS[ascii][2]
    brackets = [" "] * across
    for word in recognition.words:
        start, end = int(column(word.start) + 1e-6), int(np.ceil(column(word.end) - 1e-6))
        for c in range(max(start, 0), min(end, across)):
            brackets[c] = left if c == start else right if c == end - 1 else middle
    letters, words = in_place(recognition.letters), in_place(recognition.words)
    rows = (("letters", letters), ("aligned", "".join(brackets)), ("words", words))
    return [f"{name:>{MARGIN - 1}} {row}" for name, row in rows]
