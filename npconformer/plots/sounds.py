"""What a model hears: the spectrogram of a waveform, the filterbank features of Wav2Vec2-BERT, and the filters.

Letters: N samples, T rows, J bands, F = 2J numbers of a row of Wav2Vec2-BERT's input (two frames of 10 ms beside each
other).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.audio.mel_filters import mel_filters, mel_from_hertz
from npconformer.plots.canvas import add_bar, array_of, axes_for, frame_axis, name_axes
from npconformer.plots.spectrogram import FLOOR, spectrogram

LOWEST_FREQUENCY = 20.0  # Hz: where the filters begin
HERTZ_SHOWN = (100, 250, 500, 1000, 2000, 4000, 8000)


def spectrogram_map(waveform: Any, sampling_rate: int = 16000, ax: Any = None, **windows: float) -> Any:
    """Draw the spectrogram of a waveform (N,): power in dB of each frequency in Hz at each time in seconds.

    windows: window_seconds and hop_seconds of `spectrogram`. ax: axes to draw on. Returns the matplotlib Figure.

    Raises ValueError for what `spectrogram` refuses, and ImportError where matplotlib is missing.
    """
    found = spectrogram(np.asarray(array_of(waveform, "waveform", ("samples",))), sampling_rate, **windows)
    axes = axes_for(ax, 8.0, 2.8)
    half = (found.times[1] - found.times[0]) / 2 if len(found.times) > 1 else 0.5 / sampling_rate
    extent = (found.times[0] - half, found.times[-1] + half, 0, found.frequencies[-1])
    image = axes.imshow(found.levels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR, vmax=0)
    axes.set_xlim(0, len(waveform) / sampling_rate)
    axes.set_facecolor("black")  # where the last window's half ends before the recording does
    name_axes(axes, "time (s)", "frequency (Hz)")
    add_bar(image, axes, "power (dB, loudest = 0)")
    return axes.figure


def filterbank_map(
    features: Any, bands: int = 80, seconds_per_row: float | None = 0.02, sampling_rate: int = 16000, ax: Any = None
) -> Any:
    """Draw filterbank features, the input of Wav2Vec2-BERT, as one column for each frame of 10 ms.

        features = extractor(waveform, sampling_rate=16000, return_tensors="np").input_features[0]
        plots.filterbank_map(features)

    Args:
        features: (T, F) of one utterance; F is a multiple of `bands`, whose frames are drawn one after the other.
        bands: J.
        seconds_per_row: of the T rows, for an axis in seconds; None for frames.
        sampling_rate: of the waveform, for the frequencies at the bands' centres.
        ax: axes to draw on.

    Returns: the matplotlib Figure.

    Raises:
        ValueError: features of another shape. ImportError: matplotlib is missing.
    """
    rows = array_of(features, "features", ("rows", "features"))
    if bands < 1 or rows.shape[1] % bands:
        raise ValueError(f"features: expected rows of a multiple of {bands} numbers, got shape {rows.shape}")
    frames = rows.reshape(-1, bands)  # (T·F/J, J)
    axes = axes_for(ax, 8.0, 2.8)
    seconds = None if seconds_per_row is None else seconds_per_row * bands / rows.shape[1]
    end, label = frame_axis(len(frames), seconds)
    image = axes.imshow(frames.T, origin="lower", aspect="auto", extent=(0, end, 0, bands), cmap="magma")
    shown = [hertz for hertz in HERTZ_SHOWN if hertz <= sampling_rate / 2]
    places = _band_of(np.array(shown), bands, sampling_rate)
    axes.set_yticks(places, [str(hertz) for hertz in shown])
    axes.set_ylim(0, bands)
    name_axes(axes, label, "frequency (Hz), mel scale")
    add_bar(image, axes, "log energy")
    return axes.figure


def _band_of(hertz: np.ndarray, bands: int, sampling_rate: int) -> np.ndarray:
    """Where a frequency is on an axis whose band j, from 0, lies from j to j + 1, its centre at j + 1/2."""
    low, high = mel_from_hertz(LOWEST_FREQUENCY), mel_from_hertz(sampling_rate // 2)
    return (mel_from_hertz(hertz) - low) / (high - low) * (bands + 1) - 0.5


def mel_filter_curves(bands: int = 80, sampling_rate: int = 16000, every: int = 4, ax: Any = None) -> Any:
    """Draw the triangles of the mel filters over frequency: narrow where ears hear finely, wide above.

    every: one of so many is drawn. ax: axes to draw on. Returns the matplotlib Figure.

    Raises ValueError for counts that are not positive, and ImportError where matplotlib is missing.
    """
    if bands < 1 or every < 1:
        raise ValueError(f"bands, every: expected positive numbers, got {bands} and {every}")
    filters = mel_filters(bands, sampling_rate)  # (257, J)
    frequencies = np.arange(len(filters)) * (sampling_rate / (2 * (len(filters) - 1)))
    axes = axes_for(ax, 8.0, 2.4)
    from matplotlib import colormaps

    for band in range(0, bands, every):
        axes.plot(frequencies, filters[:, band], color=colormaps["viridis"](0.85 * band / bands), linewidth=1)
    axes.set_xlim(0, sampling_rate / 2)
    axes.set_ylim(0, 1.05)
    name_axes(axes, "frequency (Hz)", "weight", f"every {every}th of {bands} filters" if every > 1 else "")
    return axes.figure
