"""Spectrogram, filterbank and filters as pictures: a tone is where its frequency is."""

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart

from npconformer import SeamlessM4TFeatureExtractor, plots

pytest.importorskip("matplotlib")


def tone(hertz, seconds=1.0, rate=16000):
    waveform = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    waveform[: len(waveform) // 2] *= 1e-3  # the first half is soft
    return waveform.astype(np.float32)


def value_axis_of_loudest(figure, time):
    """The value of the y axis at the brightest pixel of the column at `time`."""
    image = figure.axes[0].images[0]
    left, right, low, high = image.get_extent()
    levels = np.asarray(image.get_array())
    column = int((time - left) / (right - left) * levels.shape[1])
    return low + (levels[:, column].argmax() + 0.5) / len(levels) * (high - low)


@pytest.mark.parametrize("hertz", [440, 3000])
def test_spectrogram(hertz):
    figure = plots.spectrogram_map(tone(hertz))
    axes = figure.axes[0]
    assert abs(value_axis_of_loudest(figure, 0.8) - hertz) < 40  # frequencies are 31 Hz apart
    assert axes.get_xlim() == (0, 1.0) and (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "frequency (Hz)")
    levels = np.asarray(axes.images[0].get_array())
    assert levels[:, :40].max() < levels.max() - 50  # 60 dB less, but for the sidelobes
    assert_texts_are_apart(figure)


@pytest.mark.parametrize("hertz", [500, 2000])
def test_filterbank(hertz):
    features = SeamlessM4TFeatureExtractor()(tone(hertz), sampling_rate=16000, return_tensors="np").input_features[0]
    figure = plots.filterbank_map(features)
    axes = figure.axes[0]
    frames = np.asarray(axes.images[0].get_array())  # (80, 2T)
    np.testing.assert_array_equal(frames[:, 6], features[3, :80])
    np.testing.assert_array_equal(frames[:, 7], features[3, 80:])
    assert axes.images[0].get_extent() == pytest.approx([0, 0.02 * len(features), 0, 80])
    ticks = {label.get_text(): label.get_position()[1] for label in axes.get_yticklabels()}
    raw = SeamlessM4TFeatureExtractor()(
        tone(hertz), sampling_rate=16000, return_tensors="np", do_normalize_per_mel_bins=False
    ).input_features[0]
    place = value_axis_of_loudest(plots.filterbank_map(raw), 0.8)
    assert abs(place - ticks[str(hertz)]) <= 0.7  # within the band whose centre is nearest
    assert_texts_are_apart(figure)


def test_filters():
    figure = plots.mel_filter_curves(bands=20, every=5)
    lines = figure.axes[0].lines
    assert len(lines) == 4
    peaks = [line.get_xdata()[np.argmax(line.get_ydata())] for line in lines]
    widths = [np.count_nonzero(line.get_ydata()) for line in lines]
    assert peaks == sorted(peaks) and widths == sorted(widths) and widths[-1] > 3 * widths[0]
    assert_texts_are_apart(figure)


def test_bad_input():
    with pytest.raises(ValueError, match=r"waveform: expected numbers \(samples\)"):
        plots.spectrogram_map(np.zeros((2, 100)))
    with pytest.raises(ValueError, match=r"features: expected rows of a multiple of 80 numbers, got shape \(3, 90\)"):
        plots.filterbank_map(np.zeros((3, 90)))
    with pytest.raises(ValueError, match="bands, every: expected positive numbers"):
        plots.mel_filter_curves(every=0)
