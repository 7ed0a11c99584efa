"""From raw samples to `input_values`: normalise each utterance, pad them to one length, mark what is padding.

B counts utterances, N samples. For an utterance x of N samples, with do_normalize,

    y = (x - mean(x)) / sqrt(var(x) + 1e-7)            (var divides by N)

in the dtype of x, float32, so that results equal the reference's bit for bit.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_padding, check_return_tensors
from npconformer.audio.raw_speech import split_utterances
from npconformer.audio.sequence_features import SequenceFeatureExtractor, check_is_bool
from npconformer.storage.messages import shown


class Wav2Vec2FeatureExtractor(SequenceFeatureExtractor):
    """Turn waveforms into the arrays that Wav2Vec2-Conformer models take.

    return_attention_mask should be True for checkpoints with `feat_extract_norm="layer"`, and False for
    those with "group", which were trained on zero-padded audio without a mask. Settings that are not known
    here are kept as attributes and written back by save_pretrained.
    """

    model_input_names = ("input_values", "attention_mask")
    reach, hop = 1, 1  # a row of the model's input is a sample

    def __init__(
        self,
        feature_size: int = 1,
        sampling_rate: int = 16000,
        padding_value: float = 0.0,
        return_attention_mask: bool = False,
        do_normalize: bool = True,
        padding_side: str = "right",
        **unknown_settings: Any,
    ) -> None:
        if isinstance(feature_size, bool) or feature_size != 1:
            raise ValueError(f"feature_size must be 1 (raw samples of one channel), got {shown(feature_size)}")
        check_is_bool(do_normalize, "do_normalize")
        self.do_normalize = do_normalize
        super().__init__(
            feature_size, sampling_rate, padding_value, return_attention_mask, padding_side, **unknown_settings
        )

    @classmethod
    def for_config(cls, config: Any) -> Wav2Vec2FeatureExtractor:
        """One that gives an attention mask where a model with this configuration takes it."""
        return cls(return_attention_mask=config.feat_extract_norm == "layer")

    def __call__(
        self,
        raw_speech: Any,
        padding: bool | str = False,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        sampling_rate: int | None = None,
        padding_value: float | None = None,
        device: Any = None,
    ) -> BatchFeature:
        """Prepare one utterance or several.

        raw_speech: an array (N,), an array (B, N), a list of samples, or a list of arrays or lists of any
        lengths. padding, max_length, truncation and pad_to_multiple_of as in `pad`, in samples. sampling_rate:
        the rate of raw_speech; give it, so that a wrong one is noticed. return_tensors: None gives lists of
        arrays (one array of input_values without do_normalize), "np" one array, "pt" a tensor of torch's.
        padding_value: only this extractor's. device: where the arrays go, as in `BatchFeature.to`.

        Returns `input_values`, float32 (B, N), and `attention_mask`, int32 (B, N), 1 on samples and 0 on
        padding, where return_attention_mask (or, when that is None, the setting of this extractor) asks for
        it.

        As in the reference, an utterance is normalised over its own samples when there is a mask, and over
        samples and padding together when padding is asked for without one: so a "group" checkpoint gets
        other values in a batch than alone. Unlike the reference, which then normalises by the wrong samples
        and overwrites real ones, padding_side="left" with a mask is normalised over the samples, too.

        Raises ValueError for a wrong sampling rate, more than one channel, no samples, NaN or infinite
        samples, and utterances of several lengths that cannot form one array.
        """
        return_tensors = check_return_tensors(return_tensors)
        self.check_rate(sampling_rate)
        values, masks = self.bring_to_length(
            self.read_prepared(raw_speech), None, padding, max_length, truncation, pad_to_multiple_of
        )
        wants_mask = self.return_attention_mask if return_attention_mask is None else return_attention_mask
        if self.do_normalize:
            padded = check_padding(padding) != "do_not_pad"
            values = self.zero_mean_unit_var_norm(values, masks if padded and wants_mask else None, self.padding_value)
        batch = self.collect(values, masks, wants_mask, return_tensors)
        if return_tensors is None:  # lists of arrays where the reference has them
            names = [*batch] if self.do_normalize else [*batch][1:]
            batch.update({name: list(batch[name]) for name in names})
        return self.finish_call(batch, padding_value, device)

    def read_prepared(self, entry: Any) -> list[np.ndarray]:
        """Samples of one utterance or several, as copies: [float32 (N_1,), (N_2,), ...]."""
        return [one.astype(np.float32) for one in split_utterances(entry)]

    @staticmethod
    def zero_mean_unit_var_norm(
        input_values: list[np.ndarray], attention_mask: list[np.ndarray] | None, padding_value: float = 0.0
    ) -> list[np.ndarray]:
        """Give each utterance mean 0 and variance 1 over the samples its mask marks (all of them for None).

        Samples outside the mask become padding_value. The mask is one run of ones. Returns new arrays (N,).
        """
        if attention_mask is None:
            return [(x - x.mean()) / np.sqrt(x.var() + 1e-7) for x in input_values]
        normalised = []
        for x, mask in zip(input_values, attention_mask):
            marked = np.flatnonzero(mask)
            speech = slice(marked[0], marked[-1] + 1)
            y = np.full_like(x, padding_value)
            y[speech] = (x[speech] - x[speech].mean()) / np.sqrt(x[speech].var() + 1e-7)
            normalised.append(y)
        return normalised
