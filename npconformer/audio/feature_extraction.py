"""From raw samples to `input_values`: normalise each utterance, pad them to one length, mark what is padding.

B counts utterances, N samples. For an utterance x of N samples, with do_normalize,

    y = (x - mean(x)) / sqrt(var(x) + 1e-7)            (var divides by N)

in the dtype of x, float32, so that results equal the reference's bit for bit.
"""

from __future__ import annotations

import copy
import os
import warnings
from numbers import Real
from typing import Any

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_padding, check_return_tensors, round_up
from npconformer.audio.files import check_sampling_rate, validate_waveform
from npconformer.storage.files import (
    describe_json,
    existing_folder,
    make_folder,
    read_json_object,
    write_json_atomically,
)

SETTINGS_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"


class Wav2Vec2FeatureExtractor:
    """Turn waveforms into the arrays that Wav2Vec2-Conformer models take.

    return_attention_mask should be True for checkpoints with `feat_extract_norm="layer"`, and False for
    those with "group", which were trained on zero-padded audio without a mask. Settings that are not known
    here are kept as attributes and written back by save_pretrained.
    """

    model_input_names = ("input_values", "attention_mask")
    reach, hop = 1, 1  # samples that a row of the model's input sees, and from one row to the next

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
            raise ValueError(f"feature_size must be 1 (raw samples of one channel), got {feature_size!r}")
        check_sampling_rate(sampling_rate)
        if padding_value is not None and (isinstance(padding_value, bool) or not isinstance(padding_value, Real)):
            raise ValueError(f"padding_value must be a number or None, got {padding_value!r}")
        for name, value in (("return_attention_mask", return_attention_mask), ("do_normalize", do_normalize)):
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"{name} must be true or false, got {value!r}")
        if not isinstance(padding_side, str) or padding_side not in ("right", "left"):
            raise ValueError(f"padding_side must be 'right' or 'left', got {padding_side!r}")
        self.feature_size = feature_size
        self.sampling_rate = sampling_rate
        self.padding_value = padding_value
        self.return_attention_mask = return_attention_mask
        self.do_normalize = do_normalize
        self.padding_side = padding_side
        unknown_settings.pop("feature_extractor_type", None)
        unknown_settings.pop("processor_class", None)
        for name, value in unknown_settings.items():
            if hasattr(type(self), name):
                raise ValueError(f"{name} is no setting of a {type(self).__name__}, got {value!r}")
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

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
    ) -> BatchFeature:
        """Prepare one utterance or several.

        raw_speech: an array (N,), an array (B, N), a list of samples, or a list of arrays or lists of any
        lengths. padding: True or "longest" (of the batch), "max_length", False. truncation cuts at
        `max_length`; lengths are then rounded up to `pad_to_multiple_of`. sampling_rate: the rate of
        raw_speech; give it, so that a wrong one is noticed. return_tensors: None gives lists of arrays, "np"
        one array.

        Returns `input_values`, float32 (B, N), and `attention_mask`, int32 (B, N), 1 on samples and 0 on
        padding, where return_attention_mask (or, when that is None, the setting of this extractor) asks for
        it.

        As in the reference, an utterance is normalised over its own samples when there is a mask, and over
        samples and padding together when padding is asked for without one: so a "group" checkpoint gets
        other values in a batch than alone. Unlike the reference, which then normalises by the wrong samples
        and overwrites real ones, padding_side="left" with a mask is normalised over the samples, too.

        Raises ValueError for a wrong sampling rate, more than one channel, no samples, NaN or infinite
        samples, return_tensors="pt", and utterances of several lengths that cannot form one array.
        """
        check_return_tensors(return_tensors)
        self._check_sampling_rate(sampling_rate)
        batch = self.pad(
            {"input_values": _utterances(raw_speech)},
            padding=padding,
            max_length=max_length,
            truncation=truncation,
            pad_to_multiple_of=pad_to_multiple_of,
            return_attention_mask=return_attention_mask,
        )
        values, mask = list(batch["input_values"]), batch.get("attention_mask")
        if self.do_normalize:
            padded = check_padding(padding) != "do_not_pad"
            values = self.zero_mean_unit_var_norm(values, mask if padded else None, self.padding_value)
        batch["input_values"] = values
        if mask is not None:
            batch["attention_mask"] = list(mask)
        return _as_arrays(batch) if return_tensors == "np" else batch

    def pad(
        self,
        processed_features: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """Cut and pad utterances that are already prepared; nothing is normalised.

        processed_features: a dict with a list or array under `input_values` (and perhaps `attention_mask`),
        or a list of such dicts of one utterance each. Other arguments as in __call__. Returns float32
        `input_values` and, where asked for, int32 `attention_mask`: arrays (B, N) when all lengths are
        equal, else lists of arrays.
        """
        check_return_tensors(return_tensors)
        strategy = check_padding(padding)
        if return_attention_mask is None:
            return_attention_mask = self.return_attention_mask
        if isinstance(processed_features, list | tuple):
            names = processed_features[0].keys() if processed_features else ()
            processed_features = {name: [one[name] for one in processed_features] for name in names}
        if "input_values" not in processed_features:
            raise ValueError(f"expected an entry 'input_values', got {sorted(processed_features)}")
        values = _utterances(processed_features["input_values"])
        values = [value.astype(np.float32, copy=False) for value in values]
        masks = processed_features.get("attention_mask")
        if masks is None:
            masks = [np.ones(len(value), np.int32) for value in values]
        else:
            masks = [masks] if np.ndim(masks[0]) == 0 else masks
            masks = [np.asarray(mask, np.int32) for mask in masks]
            if [len(mask) for mask in masks] != [len(value) for value in values]:
                raise ValueError("attention_mask and input_values must have the same lengths")
        if truncation:
            if max_length is None or max_length < 1:
                raise ValueError(f"truncation=True needs a positive max_length, got {max_length!r}")
            limit = round_up(max_length, pad_to_multiple_of)
            values, masks = [v[:limit] for v in values], [m[:limit] for m in masks]
        if strategy != "do_not_pad":
            if strategy == "max_length" and max_length is None:
                raise ValueError("padding='max_length' needs max_length")
            if self.padding_value is None:
                raise ValueError("padding needs a padding_value, and this extractor's is None")
            length = max(map(len, values)) if strategy == "longest" else max_length
            length = round_up(length, pad_to_multiple_of)
            values = [self._pad_one(v, length, self.padding_value) for v in values]
            masks = [self._pad_one(m, length, 0) for m in masks]
        batch = BatchFeature(input_values=values)
        if return_attention_mask:
            batch["attention_mask"] = masks
        one_length = len({len(value) for value in values}) == 1
        return _as_arrays(batch) if one_length or return_tensors == "np" else batch

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

    def _pad_one(self, array: np.ndarray, length: int, value: float) -> np.ndarray:
        missing = max(0, length - len(array))  # longer ones stay as they are, as in the reference
        widths = (0, missing) if self.padding_side == "right" else (missing, 0)
        return np.pad(array, widths, constant_values=value) if missing else array

    def _check_sampling_rate(self, sampling_rate: int | None) -> None:
        if sampling_rate is None:
            warnings.warn(
                f"no sampling_rate was given, so the audio is taken to be at {self.sampling_rate} Hz; "
                f"pass sampling_rate={self.sampling_rate} to say so",
                stacklevel=3,
            )
            return
        check_sampling_rate(sampling_rate)
        if sampling_rate != self.sampling_rate:
            raise ValueError(
                f"sampling_rate={sampling_rate}: this model takes audio at {self.sampling_rate} Hz; convert "
                f"it first, with npconformer.audio.resample(array, {sampling_rate}, {self.sampling_rate})"
            )

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike, **overrides: Any) -> Wav2Vec2FeatureExtractor:
        """Load the settings in `folder`; `overrides` replace single settings.

        Both layouts are read: `processor_config.json` with a nested `feature_extractor` (transformers 5)
        comes first, then `preprocessor_config.json` (transformers 4, and a feature extractor saved alone).
        Raises FileNotFoundError when there is neither, and ValueError, naming the file, for one that is
        damaged or has settings of the wrong type.
        """
        folder = existing_folder(folder, f"{SETTINGS_FILE} or {PROCESSOR_FILE}")
        settings, path = None, folder / PROCESSOR_FILE
        if path.is_file():
            settings = read_json_object(path).get("feature_extractor")
            if not isinstance(settings, dict | None):
                raise ValueError(f"{path}: 'feature_extractor' must be an object, got {describe_json(settings)}")
        if settings is None and (folder / SETTINGS_FILE).is_file():
            path = folder / SETTINGS_FILE
            settings = read_json_object(path)
        if settings is None:
            raise FileNotFoundError(
                f"{folder} has no feature extractor: neither {PROCESSOR_FILE} with an entry "
                f"'feature_extractor' nor {SETTINGS_FILE}"
            )
        try:
            return cls(**{**settings, **overrides})
        except (TypeError, ValueError) as error:  # TypeError: a setting called "self"
            raise ValueError(f"{path}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """All settings, known and unknown, as transformers writes them."""
        return {**copy.deepcopy(vars(self)), "feature_extractor_type": type(self).__name__}

    def save_pretrained(self, folder: str | os.PathLike) -> list[str]:
        """Write `preprocessor_config.json` into `folder`, made if need be. Returns the file's path."""
        folder = make_folder(folder)
        write_json_atomically(folder / SETTINGS_FILE, self.to_dict())
        return [str(folder / SETTINGS_FILE)]


def _utterances(raw_speech: Any) -> list[np.ndarray]:
    """Split raw_speech into validated waveforms: [(N_1,), (N_2,), ...]."""
    if isinstance(raw_speech, dict | str | bytes | os.PathLike):
        raise ValueError(f"raw_speech must be samples, got {type(raw_speech).__name__}; read files with read_audio")
    if isinstance(raw_speech, list | tuple):
        if len(raw_speech) == 0:
            raise ValueError("raw_speech is empty")
        if np.ndim(raw_speech[0]) == 0:
            return [validate_waveform(raw_speech, "raw_speech")]
        return [validate_waveform(one, f"raw_speech[{i}]") for i, one in enumerate(raw_speech)]
    array = np.asarray(raw_speech)
    if array.ndim > 2:
        raise ValueError(f"raw_speech must be (samples,) or (utterances, samples), got shape {array.shape}")
    if array.ndim == 2:
        if len(array) == 0:
            raise ValueError(f"raw_speech is empty: its shape is {array.shape}")
        if array.shape[0] > 100 and array.shape[1] <= 8:
            raise ValueError(
                f"raw_speech of shape {array.shape} looks like (samples, channels), but two dimensions mean "
                f"(utterances, samples); average the channels first"
            )
        return [validate_waveform(one, f"raw_speech[{i}]") for i, one in enumerate(array)]
    return [validate_waveform(array, "raw_speech")]


def _as_arrays(batch: BatchFeature) -> BatchFeature:
    lengths = sorted({len(value) for value in batch["input_values"]})
    if len(lengths) > 1:
        raise ValueError(
            f'return_tensors="np" needs utterances of one length, got lengths from {lengths[0]} to '
            f"{lengths[-1]}; pass padding=True"
        )
    return BatchFeature({name: np.stack(values) for name, values in batch.items()})
