"""Log-mel features compared with the reference's, whose own rounding sets the limits.

The reference rounds its spectrum to complex64 and its features to float32, so that they are up to 1e-6 of their value
and 2e-6 from exact ones. It normalises in float32: features of 16 to 32 and their mean are each rounded by up to 1e-6,
twice on each side, and divided by the band's deviation. Over a band that never changes, what remains there is
rounding errors times 3162, where ours are 0.
"""

from __future__ import annotations

import numpy as np

from npconformer.audio.log_mel import log_mel
from npconformer.audio.mel_filters import mel_filters

PLAIN = dict(rtol=1e-6, atol=2e-6)
NORMALIZED = 1e-4
ROUNDING = 4e-6  # of a difference from the mean; it counts where a band's deviation is below 0.04


def assert_plain_features_agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Before normalisation."""
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, **PLAIN)


def assert_normalized_features_agree(
    ours: np.ndarray, theirs: np.ndarray, deviations: np.ndarray, padding_value: float = 0.0
) -> None:
    """After it: rows (T, C) of one recording, with the deviations (J,) of its bands; C is a multiple of J."""
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32
    deviations = np.tile(deviations, ours.shape[1] // len(deviations))  # (C,)
    limits = np.maximum(NORMALIZED, ROUNDING / np.maximum(deviations, 1e-9))
    wrong = np.abs(ours - theirs) > limits
    wrong[:, deviations == 0] = ~np.isin(ours[:, deviations == 0], (0, padding_value))
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size}, by up to {np.abs(ours - theirs)[wrong].max()}"


def deviations_of(waveform: np.ndarray, bands: int = 80, rate: int = 16000) -> np.ndarray:
    """The standard deviation (J,) of each band of a recording, 0 where it never changes."""
    features = log_mel(waveform, mel_filters(bands, rate)).astype(np.float64)  # (T, J)
    return (features - features[0]).std(axis=0, ddof=1)
