"""What every feature extractor does: check its settings, cut and pad a batch, mark what is padding, load and save.

A feature extractor turns waveforms (N,) into rows: single samples (N,) or vectors of features (T, C). N counts samples,
T rows, C features, B utterances. Rows are padded to one length along their first axis, and the attention mask, int32
(B, T), is 1 on rows that are real and 0 on padding.

Lesson: notebooks/02_waveform_to_frames.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.batch_feature import BatchFeature, check_padding, check_return_tensors, round_up
from npconformer.audio.extractor_files import TYPE
from npconformer.audio.extractor_settings import SavedSettings
from npconformer.audio.resampling import check_sampling_rate
from npconformer.storage.hub_options import without_secrets
from npconformer.storage.messages import shown


class SequenceFeatureExtractor(SavedSettings, ABC):
    """The base of the feature extractors. A subclass names its entries and computes them in `__call__`.

    model_input_names: the names of the rows and of the mask, in this order.

    Settings that are not known here are kept as attributes and written back by save_pretrained.
    """

    model_input_names: ClassVar[tuple[str, str]]
    __call__: Callable[..., BatchFeature]
    feature_size: int
    sampling_rate: int
    padding_value: float
    return_attention_mask: bool
    padding_side: str

    @property
    @abstractmethod
    def reach(self) -> int:
        """How many samples of the waveform one row of the model's input sees.

        Row t is made of the samples from t * hop to t * hop + reach, and a waveform of N samples has
        (N - reach) // hop + 1 rows that count in the mask.
        """

    @property
    @abstractmethod
    def hop(self) -> int:
        """How many samples lie between the starts of two rows."""

    def __init__(
        self,
        feature_size: int,
        sampling_rate: int,
        padding_value: float,
        return_attention_mask: bool = True,
        padding_side: str = "right",
        **unknown_settings: Any,
    ) -> None:
        check_sampling_rate(sampling_rate)
        if padding_value is not None and (isinstance(padding_value, bool) or not isinstance(padding_value, Real)):
            raise ValueError(f"padding_value must be a number or None, got {shown(padding_value)}")
        check_is_bool(return_attention_mask, "return_attention_mask")
        if not isinstance(padding_side, str) or padding_side not in ("right", "left"):
            raise ValueError(f"padding_side must be 'right' or 'left', got {shown(padding_side)}")
        self.feature_size = feature_size
        self.sampling_rate = sampling_rate
        self.padding_value = padding_value
        self.return_attention_mask = return_attention_mask
        self.padding_side = padding_side
        unknown_settings.pop(TYPE, None)
        unknown_settings.pop("processor_class", None)
        for name, value in without_secrets(unknown_settings).items():
            if hasattr(type(self), name):
                raise ValueError(f"{name} is no setting of a {type(self).__name__}, got {shown(value)}")
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    @abstractmethod
    def read_prepared(self, entry: Any) -> list[np.ndarray]:
        """Check and copy the rows that `pad` is given, of one utterance or several: [float32 (T_1, ...), ...]."""

    # ---- batches

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

        processed_features: a dict with the rows of one utterance or several under this extractor's first name (and
        perhaps `attention_mask`), or a list of such dicts of one utterance each. padding: True or "longest" (of the
        batch), "max_length", False. truncation cuts at `max_length`; lengths are then rounded up to
        `pad_to_multiple_of`. Returns float32 rows and, where asked for, int32 `attention_mask`: arrays (B, T, ...) when
        all lengths are equal, else lists of arrays, or a ValueError with return_tensors. A mask that is given comes
        back. Other entries, such as labels, come back as they are: as arrays where these are of one length.
        """
        return_tensors = check_return_tensors(return_tensors)
        name = self.model_input_names[0]
        given = _by_name(processed_features)
        if name not in given:
            raise ValueError(f"expected an entry '{name}', got {sorted(given)}")
        rows = self.read_prepared(given.pop(name))
        masks = given.pop("attention_mask", None)
        if masks is not None:
            masks = [masks] if np.ndim(masks[0]) == 0 else masks
            masks = [np.asarray(mask, np.int32) for mask in masks]
            if [len(mask) for mask in masks] != [len(one) for one in rows]:
                raise ValueError(f"attention_mask and {name} must have the same lengths")
            return_attention_mask = True
        rows, masks = self.bring_to_length(rows, masks, padding, max_length, truncation, pad_to_multiple_of)
        batch = self.collect(rows, masks, return_attention_mask, return_tensors)
        for other, values in given.items():
            is_list = hasattr(values, "__len__") and not isinstance(values, str)
            if len(rows) == 1 and not (is_list and len(values) == 1):
                values = [values]  # of one utterance that came without a list around it
            elif not is_list or len(values) != len(rows):
                raise ValueError(
                    f"{other} must have an entry for each of the {len(rows)} utterances, got {shown(values)}"
                )
            batch[other] = _side_entry(other, values, return_tensors)
        return batch

    def bring_to_length(
        self,
        rows: list[np.ndarray],
        masks: list[np.ndarray] | None,
        padding: bool | str,
        max_length: int | None,
        truncation: bool,
        pad_to_multiple_of: int | None,
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Cut and pad rows [(T_1, ...), ...] and their masks [(T_1,), ...] (all ones for None), as `pad` says."""
        strategy = check_padding(padding)
        if masks is None:
            masks = [np.ones(len(one), np.int32) for one in rows]
        if truncation:
            if max_length is None or max_length < 1:
                raise ValueError(f"truncation=True needs a positive max_length, got {shown(max_length)}")
            limit = round_up(max_length, pad_to_multiple_of)
            rows, masks = [one[:limit] for one in rows], [mask[:limit] for mask in masks]
        if strategy == "do_not_pad":
            return rows, masks
        if strategy == "longest":
            max_length = max(map(len, rows))
        if max_length is None:
            raise ValueError("padding='max_length' needs max_length")
        if self.padding_value is None:
            raise ValueError("padding needs a padding_value, and this extractor's is None")
        length = round_up(max_length, pad_to_multiple_of)
        rows = [self._pad_one(one, length, self.padding_value) for one in rows]
        return rows, [self._pad_one(mask, length, 0) for mask in masks]

    def collect(
        self,
        rows: list[np.ndarray],
        masks: list[np.ndarray],
        return_attention_mask: bool | None,
        return_tensors: str | None,
    ) -> BatchFeature:
        """The batch that is returned: the mask only where asked for, arrays where the lengths allow or have to."""
        names = self.model_input_names
        batch = BatchFeature({names[0]: rows})
        if self.return_attention_mask if return_attention_mask is None else return_attention_mask:
            batch[names[1]] = masks
        lengths = sorted({len(one) for one in rows})
        if len(lengths) == 1:
            return BatchFeature({name: stack(arrays) for name, arrays in batch.items()}, return_tensors)
        if return_tensors is not None:
            raise ValueError(
                f'return_tensors="{return_tensors}" needs utterances of one length, got lengths from {lengths[0]} to '
                f"{lengths[-1]}; pass padding=True"
            )
        return batch

    def _pad_one(self, array: np.ndarray, length: int, value: float) -> np.ndarray:
        missing = max(0, length - len(array))  # longer ones stay as they are, as in the reference
        widths = [(0, missing) if self.padding_side == "right" else (missing, 0), *[(0, 0)] * (array.ndim - 1)]
        return np.pad(array, widths, constant_values=value) if missing else array

    def finish_call(self, batch: BatchFeature, padding_value: float | None, device: Any) -> BatchFeature:
        """What a call returns, on the device asked for; refuses a padding_value that is not this extractor's."""
        if padding_value is not None and padding_value != self.padding_value:
            raise ValueError(
                f"padding_value={shown(padding_value)}: this extractor fills with {self.padding_value}; make another "
                f"one, {type(self).__name__}(padding_value={shown(padding_value)})"
            )
        return batch if device is None else batch.to(device)

    def check_rate(self, sampling_rate: int | None) -> None:
        """Raise a ValueError for audio at another rate than the model's; warn where nobody says which it has."""
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


def check_is_bool(value: Any, name: str) -> None:
    """Raise a ValueError that calls it `name` unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be true or false, got {shown(value)}")


def _by_name(processed_features: Any) -> dict[str, Any]:
    """A list of utterances, each a dict, as one dict of lists. ValueError where their names differ."""
    if not isinstance(processed_features, list | tuple):
        return dict(processed_features)
    names = [*processed_features[0]] if processed_features else []
    for i, one in enumerate(processed_features):
        if set(one) != set(names):
            raise ValueError(f"utterance {i} has the entries {sorted(one)}, and utterance 0 has {sorted(names)}")
    return {name: [one[name] for one in processed_features] for name in names}


def _side_entry(name: str, values: Any, return_tensors: str | None) -> Any:
    """What is not the input, of every utterance: an array where that can be, floats as float32 like the input."""
    try:
        values = BatchFeature({name: values}, return_tensors or "np")[name]
    except ValueError:
        if return_tensors is not None:
            raise
    is_double = isinstance(values, np.ndarray) and values.dtype == np.float64
    return values.astype(np.float32) if is_double else values


def stack(arrays: list[np.ndarray]) -> np.ndarray:
    """Arrays of one shape as one, with a first axis for the batch; a single array without a copy."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
