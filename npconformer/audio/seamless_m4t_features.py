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

from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_return_tensors
from npconformer.audio.band_normalization import normalize_bands
from npconformer.audio.filterbank_features import FilterbankFeatureExtractor, check_sizes
from npconformer.audio.kaldi_frames import FRAME_LENGTH, HOP_LENGTH
from npconformer.audio.log_mel import FFT_LENGTH, log_mel
from npconformer.audio.mel_filters import mel_filters


class SeamlessM4TFeatureExtractor(FilterbankFeatureExtractor):
    """Turn waveforms into the arrays that Wav2Vec2-BERT models take.

    num_mel_bins: mel bands of a frame. stride: frames of a row. padding_value: what padding is filled with; released
    checkpoints have 0 or 1. feature_size: recorded only. Settings that are not known here are kept as attributes and
    written back by save_pretrained.
    """

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
        check_sizes(("feature_size", feature_size, 2), ("num_mel_bins", num_mel_bins, 1), ("stride", stride, 1))
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
    def fewest_samples(self) -> int:
        """Of a recording: those of one row."""
        return self.reach

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
        waveforms = self.read_waveforms(raw_speech)
        features = [self.frames_of(waveform, do_normalize_per_mel_bins) for waveform in waveforms]
        features, masks = self.bring_to_length(features, None, padding, max_length, truncation, pad_to_multiple_of)
        if min(map(len, features)) < self.stride:
            raise ValueError(f"max_length={max_length} leaves no row of {self.stride} frames")
        rows = [self._side_by_side(one) for one in features]
        masks = [mask[self.stride - 1 :: self.stride] for mask in masks]
        batch = self.collect(rows, masks, return_attention_mask, return_tensors)
        return self.finish_call(batch, padding_value, device)

    def frames_of(self, waveform: np.ndarray, normalize: bool) -> np.ndarray:
        features = log_mel(waveform, mel_filters(self.num_mel_bins, self.sampling_rate, FFT_LENGTH))
        return normalize_bands(features) if normalize else features

    def _side_by_side(self, features: np.ndarray) -> np.ndarray:
        """(T, J) -> (T // stride, stride * J): a view, without the last frames that fill no row."""
        rows = len(features) // self.stride
        return features[: rows * self.stride].reshape(rows, self.stride * features.shape[1])
