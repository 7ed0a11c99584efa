"""From raw samples to `input_features`, what Wav2Vec2-BERT hears: log-mel features, normalised, two frames to a row.

    x  (N,)         samples of one recording, in [-1, 1]
    (T, J)          log-mel features, see log_mel: a frame of 400 samples every 160
    (T, J)          each band at mean 0 and variance 1 over the recording, see band_normalization
    (T', J)         padded with padding_value, to a multiple of 2 by default
    (T'/2, 2 J)     frames 2t and 2t + 1 side by side: a row every 20 ms

B counts utterances, J mel bands (80).

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_return_tensors
from npconformer.audio.band_normalization import normalize_bands
from npconformer.audio.kaldi_frames import FRAME_LENGTH, HOP_LENGTH
from npconformer.audio.log_mel import FFT_LENGTH, log_mel
from npconformer.audio.mel_filters import mel_filters
from npconformer.audio.raw_speech import first_channel, split_utterances
from npconformer.audio.sequence_features import SequenceFeatureExtractor
from npconformer.storage.messages import shown

MOST = 10_000  # of what a setting may count: no filterbank is near it


class SeamlessM4TFeatureExtractor(SequenceFeatureExtractor):
    """Turn waveforms into the arrays that Wav2Vec2-BERT models take.

    num_mel_bins: mel bands of a frame. stride: frames of a row. padding_value: what padding is filled with; released
    checkpoints have 0 or 1. feature_size: recorded only. Settings that are not known here are kept as attributes and
    written back by save_pretrained.
    """

    model_input_names = ("input_features", "attention_mask")

    def __init__(
        self,
        feature_size: int = 80,
        sampling_rate: int = 16000,
        num_mel_bins: int = 80,
        padding_value: float = 0.0,
        stride: int = 2,
        return_attention_mask: bool = True,
        padding_side: str = "right",
        **unknown_settings: Any,
    ) -> None:
        for name, value, least in (
            ("feature_size", feature_size, 2),
            ("num_mel_bins", num_mel_bins, 1),
            ("stride", stride, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, Integral) or not least <= value <= MOST:
                raise ValueError(f"{name} must be a whole number from {least} to {MOST}, got {shown(value)}")
        self.num_mel_bins = num_mel_bins
        self.stride = stride
        super().__init__(
            feature_size, sampling_rate, padding_value, return_attention_mask, padding_side, **unknown_settings
        )

    @classmethod
    def for_config(cls, config: Any) -> SeamlessM4TFeatureExtractor:
        """One whose rows are as wide as the model's input: pairs of frames, as released models have them.

        Raises ValueError for an odd `feature_projection_input_dim`.
        """
        width, stride = config.feature_projection_input_dim, 2
        if width % stride:
            raise ValueError(
                f"config.feature_projection_input_dim is {width}; expected an even number, as a row is two frames"
            )
        bands = width // stride
        return cls(feature_size=max(bands, 2), num_mel_bins=bands, stride=stride)

    @property
    def reach(self) -> int:
        """Samples that a row sees: 560 for two frames of 400, 160 apart."""
        return FRAME_LENGTH + HOP_LENGTH * (self.stride - 1)

    @property
    def hop(self) -> int:
        """Samples from one row's start to the next: 320 for two frames."""
        return HOP_LENGTH * self.stride

    def __call__(
        self,
        raw_speech: Any,
        padding: bool | str = True,
        pad_to_multiple_of: int | None = 2,
        max_length: int | None = None,
        truncation: bool = False,
        return_tensors: str | None = None,
        sampling_rate: int | None = None,
        return_attention_mask: bool | None = None,
        do_normalize_per_mel_bins: bool = True,
        padding_value: float | None = None,
        device: Any = None,
    ) -> BatchFeature:
        """Prepare one utterance or several.

        raw_speech: an array (N,) or a list of samples; an array (B, N), or a list of arrays or lists of any lengths; an
        array (B, K, N), or a list of arrays (K, N), of K channels, of which the first is taken. An array of two
        dimensions is always a batch: a stereo recording is [array]. padding, max_length, truncation and
        pad_to_multiple_of as in `pad`, but in frames of 10 ms, not in rows of two. Frames are normalised before they
        are cut and padded. sampling_rate: the rate of raw_speech; give it, so that a wrong one is noticed.
        do_normalize_per_mel_bins=False leaves the log-mel features as they are. return_tensors: "np" insists on one
        array; None gives it, too, but lists of arrays where lengths differ and padding is off.

        Returns `input_features`, float32 (B, T, stride * num_mel_bins), and `attention_mask`, int32 (B, T), where
        return_attention_mask (or, when that is None, the setting of this extractor) asks for it. A row counts in
        the mask only if its last frame is real, so the odd last frame of a recording is in a row that does not count.
        Frames that fill no row are cut off. For strides other than 2 the reference marks rows by their second frame.

        Raises ValueError for a wrong sampling rate, a recording too short for one row (`reach`), NaN or infinite
        samples, features in place of samples, return_tensors="pt", and several lengths that cannot form one array.
        """
        return_tensors = check_return_tensors(return_tensors)
        self.check_rate(sampling_rate)
        self._refuse_features(raw_speech, "raw_speech")
        waveforms = split_utterances(raw_speech, self._read_one, most_dimensions=3)
        filters = mel_filters(self.num_mel_bins, self.sampling_rate, FFT_LENGTH)
        features = [log_mel(waveform, filters) for waveform in waveforms]
        if do_normalize_per_mel_bins:
            features = [normalize_bands(one) for one in features]
        features, masks = self.bring_to_length(features, None, padding, max_length, truncation, pad_to_multiple_of)
        if min(map(len, features)) < self.stride:
            raise ValueError(f"max_length={max_length} leaves no row of {self.stride} frames")
        rows = [self._side_by_side(one) for one in features]
        masks = [mask[self.stride - 1 :: self.stride] for mask in masks]
        batch = self.collect(rows, masks, return_attention_mask, return_tensors)
        return self.finish_call(batch, padding_value, device)

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
        if len(waveform) < self.reach:
            raise ValueError(
                f"{name} is too short: it has {len(waveform)} samples, and the first row of features takes {self.reach}"
            )
        return waveform

    def _refuse_features(self, array: Any, name: str) -> None:
        """Raise a ValueError for an array that was made by a feature extractor and given to it once more."""
        widths = (self.num_mel_bins, self.num_mel_bins * self.stride)
        if isinstance(array, np.ndarray) and array.ndim > 1 and array.shape[-1] in widths:
            if array.shape[-1] < self.reach:  # else it may be samples
                raise ValueError(
                    f"{name} of shape {array.shape} looks like features; expected the samples that they are made of"
                )

    def _side_by_side(self, features: np.ndarray) -> np.ndarray:
        """(T, J) -> (T // stride, stride * J): a view, without the last frames that fill no row."""
        rows = len(features) // self.stride
        return features[: rows * self.stride].reshape(rows, self.stride * features.shape[1])
