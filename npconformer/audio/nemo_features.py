"""From raw samples to `input_features`, what NeMo's Conformer hears: log-mel features, each band normalised.

    x  (N,)         samples of one recording, in [-1, 1]
    (T, J)          log-mel features by NeMo's recipe, see log_mel: a frame centred on every 160th sample
    (T, J)          each band at mean 0 and deviation 1 over the recording, see band_normalization

B counts utterances, J mel bands (80). Beside it stands the extractor of Wav2Vec2-BERT, by Kaldi's recipe.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_return_tensors
from npconformer.audio.band_normalization import EPSILON_OF_NEMO, normalize_bands
from npconformer.audio.filterbank_features import FilterbankFeatureExtractor, check_sizes
from npconformer.audio.kaldi_frames import HOP_LENGTH
from npconformer.audio.log_mel import FFT_LENGTH, NEMO, log_mel
from npconformer.audio.mel_filters import slaney_mel_filters
from npconformer.audio.nemo_frames import FEWEST_SAMPLES


class NemoConformerFeatureExtractor(FilterbankFeatureExtractor):
    """Turn waveforms into the arrays that NeMo's Conformers take.

    num_mel_bins: mel bands of a frame. padding_value: what padding is filled with. feature_size: recorded only.
    Settings that are not known here are kept as attributes and written back by save_pretrained.
    """

    reach = 0  # frame t is centred on sample 160 t: N samples have N // 160 + 1 frames
    hop = HOP_LENGTH
    fewest_samples = FEWEST_SAMPLES

    def __init__(
        self,
        feature_size: int = 80,
        sampling_rate: int = 16000,
        num_mel_bins: int = 80,
        padding_value: float = 0.0,
        return_attention_mask: bool = True,
        padding_side: str = "right",
        **unknown_settings: Any,
    ) -> None:
        check_sizes(("feature_size", feature_size, 1), ("num_mel_bins", num_mel_bins, 1))
        self.num_mel_bins = num_mel_bins
        super().__init__(
            feature_size, sampling_rate, padding_value, return_attention_mask, padding_side, **unknown_settings
        )

    @classmethod
    def for_config(cls, config: Any) -> NemoConformerFeatureExtractor:
        """One with as many bands as the model takes."""
        return cls(feature_size=config.num_mel_bins, num_mel_bins=config.num_mel_bins)

    def __call__(
        self,
        raw_speech: Any,
        padding: bool | str = True,
        pad_to_multiple_of: int | None = None,
        max_length: int | None = None,
        truncation: bool = False,
        return_tensors: str | None = None,
        sampling_rate: int | None = None,
        return_attention_mask: bool | None = None,
        do_normalize: bool = True,
        padding_value: float | None = None,
        device: Any = None,
    ) -> BatchFeature:
        """Prepare one utterance or several.

        raw_speech: an array (N,) or a list of samples; an array (B, N), or a list of arrays or lists of any lengths; an
        array (B, K, N), or a list of arrays (K, N), of K channels, of which the first is taken. padding, max_length,
        truncation and pad_to_multiple_of as in `pad`, in frames of 10 ms. Frames are normalised before they are cut and
        padded; do_normalize=False leaves the log-mel features as they are. sampling_rate: the rate of raw_speech; give
        it, so that a wrong one is noticed. return_tensors: "np" insists on one array; None gives it, too, but lists of
        arrays where lengths differ and padding is off.

        Returns `input_features`, float32 (B, T, num_mel_bins), and `attention_mask`, int32 (B, T), where
        return_attention_mask (or, when that is None, the setting of this extractor) asks for it.

        Raises ValueError for a wrong sampling rate, a recording of less than 201 samples, NaN or infinite samples,
        features in place of samples, and several lengths that cannot form one array.
        """
        return_tensors = check_return_tensors(return_tensors)
        self.check_rate(sampling_rate)
        rows = [self.frames_of(one, do_normalize) for one in self.read_waveforms(raw_speech)]
        rows, masks = self.bring_to_length(rows, None, padding, max_length, truncation, pad_to_multiple_of)
        batch = self.collect(rows, masks, return_attention_mask, return_tensors)
        return self.finish_call(batch, padding_value, device)

    def frames_of(self, waveform: np.ndarray, normalize: bool) -> np.ndarray:
        features = log_mel(waveform, slaney_mel_filters(self.num_mel_bins, self.sampling_rate, FFT_LENGTH), NEMO)
        return normalize_bands(features, inside=0.0, outside=EPSILON_OF_NEMO) if normalize else features
