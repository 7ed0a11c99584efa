"""The spectrogram beside its formula, and on sounds whose spectrogram is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.plots.spectrogram import FLOOR, spectrogram


def test_beside_the_formula():
    rate, size, hop, points = 1000, 25, 10, 32
    x = np.random.default_rng(0).normal(size=137)
    found = spectrogram(x, rate)
    assert found.times.tolist() == pytest.approx(np.arange(0, 137, hop) / rate)
    np.testing.assert_allclose(found.frequencies, np.arange(points // 2 + 1) * rate / points)
    power = np.zeros((points // 2 + 1, len(found.times)))
    for k in range(len(found.times)):
        for f in range(points // 2 + 1):
            total = 0j
            for i in range(size):
                n = k * hop + i - size // 2
                sample = x[n] if 0 <= n < len(x) else 0.0
                hann = 0.5 - 0.5 * np.cos(2 * np.pi * i / size)
                total += hann * sample * np.exp(-2j * np.pi * f * i / points)
            power[f, k] = abs(total) ** 2
    np.testing.assert_allclose(found.levels, np.maximum(10 * np.log10(power / power.max()), FLOOR), atol=1e-4)


def test_a_tone_is_where_it_is():
    rate = 16000
    x = np.zeros(rate, np.float32)
    x[8000:12000] = np.sin(2 * np.pi * 2000 * np.arange(4000) / rate)
    found = spectrogram(x, rate)
    f, k = np.unravel_index(found.levels.argmax(), found.levels.shape)
    assert found.levels.dtype == np.float32
    assert found.frequencies[f] == pytest.approx(2000, abs=rate / 512)
    assert 0.5 < found.times[k] < 0.75
    assert found.levels.max() == 0
    assert np.all(found.levels[:, (found.times < 0.48) | (found.times > 0.77)] == FLOOR)


@given(st.integers(1, 3000), st.sampled_from([8000, 16000, 44100]))
def test_any_length(samples, rate):
    found = spectrogram(np.ones(samples, np.float32), rate)
    assert found.levels.shape == (len(found.frequencies), len(found.times))
    assert found.frequencies[-1] == rate / 2
    assert found.times[-1] < samples / rate <= found.times[-1] + 0.0101
    assert np.isfinite(found.levels).all() and found.levels.min() >= FLOOR


def test_silence_is_the_floor():
    assert np.all(spectrogram(np.zeros(4000), 16000).levels == FLOOR)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (r"waveform: expected floating samples \(n,\), got float64 \(2, 5\)", {"waveform": np.zeros((2, 5))}),
        (r"waveform: expected floating samples", {"waveform": np.zeros(0)}),
        (r"waveform: expected floating samples \(n,\), got int64", {"waveform": np.zeros(9, np.int64)}),
        (r"waveform: expected finite samples", {"waveform": np.array([0.0, np.nan])}),
        (r"sampling_rate: expected a positive number, got 0", {"sampling_rate": 0}),
        (r"window_seconds: expected a positive number, got -1", {"window_seconds": -1}),
        (r"hop_seconds: expected a positive number, got nan", {"hop_seconds": float("nan")}),
    ],
)
def test_bad_input(message, changes):
    with pytest.raises(ValueError, match=message):
        spectrogram(**{"waveform": np.zeros(500), "sampling_rate": 16000} | changes)
