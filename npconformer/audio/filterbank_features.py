"""What the feature extractors share whose rows are log-mel features: reading waveforms, and refusing features as such.

B counts utterances, N samples, K channels, T frames, J mel bands, C features of a row.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral
from typing import Any

import numpy as np

from npconformer.audio.raw_speech import first_channel, split_utterances
from npconformer.audio.sequence_features import SequenceFeatureExtractor
from npconformer.storage.messages import shown

MOST = 10_000  # of what a setting may count: no filterbank is near it


class FilterbankFeatureExtractor(SequenceFeatureExtractor):
    """Base of the extractors of log-mel features.

    num_mel_bins: mel bands of a frame. stride: frames that lie side by side in a row.
    """

    model_input_names = ("input_features", "attention_mask")
    num_mel_bins: int
    stride: int = 1

    @property
    @abstractmethod
    def fewest_samples(self) -> int:
        """Of a recording: with fewer there is no row."""

    @abstractmethod
    def frames_of(self, waveform: np.ndarray, normalize: bool) -> np.ndarray:
        """The frames (T, J), float32, of a waveform (N,), each band normalised over them if asked for."""

    def read_waveforms(self, raw_speech: Any) -> list[np.ndarray]:
        """What a call is given as checked waveforms: [float32 (N_1,), (N_2,), ...]."""
        self._refuse_features(raw_speech, "raw_speech")
        return split_utterances(raw_speech, self._read_one, most_dimensions=3)

    def read_prepared(self, entry: Any) -> list[np.ndarray]:
        """Rows of one utterance, (T, C), or of several, as copies: [float32 (T_1, C), (T_2, C), ...]."""
        name = self.model_input_names[0]
        if len(entry) == 0:
            raise ValueError(f"{name} is empty")
        rows = [np.array(one, np.float32) for one in ([entry] if np.ndim(entry[0]) == 1 else entry)]
        for one in rows:
            if one.ndim != 2 or len(one) == 0 or one.shape[1:] != rows[0].shape[1:]:
                raise ValueError(f"{name}: expected rows of features (T, {rows[0].shape[-1]}), got shape {one.shape}")
        return rows

    def _read_one(self, array: Any, name: str) -> np.ndarray:
        """One utterance's first channel (N,), float32, long enough for one row."""
        self._refuse_features(array, name)
        waveform = first_channel(array, name).astype(np.float32, copy=False)
        if len(waveform) < self.fewest_samples:
            raise ValueError(
                f"{name} is too short: it has {len(waveform)} samples, and the first row of features takes "
                f"{self.fewest_samples}"
            )
        return waveform

    def _refuse_features(self, array: Any, name: str) -> None:
        """Raise a ValueError for an array that was made by a feature extractor and given to it once more."""
        widths = (self.num_mel_bins, self.num_mel_bins * self.stride)
        if isinstance(array, np.ndarray) and array.ndim > 1 and array.shape[-1] in widths:
            if array.shape[-1] < self.fewest_samples:  # else it may be samples
                raise ValueError(
                    f"{name} of shape {array.shape} looks like features; expected the samples that they are made of"
                )


def check_sizes(*sizes: tuple[str, Any, int]) -> None:
    """Raise a ValueError for a setting that is no whole number from its least on: (name, value, least)."""
    for name, value, least in sizes:
        if isinstance(value, bool) or not isinstance(value, Integral) or not least <= value <= MOST:
            raise ValueError(f"{name} must be a whole number from {least} to {MOST}, got {shown(value)}")
