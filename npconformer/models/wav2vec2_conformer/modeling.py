"""Wav2Vec2ConformerModel: waveform in, hidden states out; and what every model with a head shares with it.

Letters: B batch, N samples, T frames, C channels.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from npconformer import ops
from npconformer.arrays.backend import asarray, is_array, to_host
from npconformer.checkpoints.pretrained import PretrainedMixin
from npconformer.models.conformer.encoder import Wav2Vec2ConformerEncoder
from npconformer.models.outputs import ModelOutput, Wav2Vec2BaseModelOutput
from npconformer.models.spec_augment import compute_mask_indices
from npconformer.models.wav2vec2_conformer.adapter import Wav2Vec2ConformerAdapter
from npconformer.models.wav2vec2_conformer.configuration import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.feature_encoder import (
    Wav2Vec2ConformerFeatureEncoder,
    Wav2Vec2ConformerFeatureProjection,
)
from npconformer.models.wav2vec2_conformer.feature_windows import reach_and_hop
from npconformer.nn import Module, Parameter, init
from npconformer.tape.autograd import Tensor

PADDING_MODES = ("reference", "exact")
Lengths = TypeVar("Lengths", int, np.ndarray)


class Wav2Vec2ConformerPreTrainedModel(PretrainedMixin, Module):
    """Base of all Wav2Vec2-Conformer models: configuration, dtype, lengths, checks of the input."""

    config_class = Wav2Vec2ConformerConfig
    base_model_prefix = "wav2vec2_conformer"
    main_input_name = "input_values"

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__()
        if not isinstance(config, self.config_class):
            raise ValueError(f"config: expected {self.config_class.__name__}, got {type(config).__name__}")
        self.config = config

    @property
    def base_model(self) -> Wav2Vec2ConformerModel:
        """The model without its head."""
        return getattr(self, self.base_model_prefix, self)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return next(self.parameters()).dtype

    def freeze_feature_encoder(self) -> None:
        """Stops training of the convolutions that read the waveform."""
        self.base_model.feature_extractor.requires_grad_(False)

    def freeze_base_model(self) -> None:
        """Stops training of everything but the head."""
        self.base_model.requires_grad_(False)

    def gradient_checkpointing_enable(self) -> None:
        """In training, computes each block's inner arrays again during backward instead of keeping them."""
        self.base_model.encoder.gradient_checkpointing = True

    def gradient_checkpointing_disable(self) -> None:
        """Keeps each block's inner arrays for backward."""
        self.base_model.encoder.gradient_checkpointing = False

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths, add_adapter: bool | None = None) -> Lengths:
        """Samples -> frames: floor((n - kernel) / stride) + 1 for each convolution; adapters count with kernel 1."""
        config = self.config
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            input_lengths = (input_lengths - kernel) // stride + 1
        if config.add_adapter if add_adapter is None else add_adapter:
            for _ in range(config.num_adapter_layers):
                input_lengths = (input_lengths - 1) // config.adapter_stride + 1
        return input_lengths

    @property
    def receptive_field(self) -> int:
        """The fewest samples that give one frame."""
        return reach_and_hop(self.config.conv_kernel, self.config.conv_stride)[0]

    def _check_input_values(self, input_values: Any) -> Tensor:
        """The waveforms as a tensor in the model's dtype and memory, or a ValueError that says what is wrong."""
        array = input_values.data if isinstance(input_values, Tensor) else input_values
        array = array if is_array(array) else np.asarray(array)
        if array.ndim != 2:
            raise ValueError(f"input_values: expected shape (batch, samples), got {array.shape}")
        if array.dtype.kind not in "fiu":
            raise ValueError(f"input_values: expected numbers, got dtype {array.dtype}")
        if array.shape[0] == 0:
            raise ValueError("input_values: the batch is empty")
        if array.shape[1] < self.receptive_field:
            raise ValueError(
                f"input_values: {array.shape[1]} samples are too few; one frame needs {self.receptive_field}"
            )
        if isinstance(input_values, Tensor) and input_values.requires_grad and array.dtype != self.dtype:
            raise ValueError(f"input_values: for its gradient it must be {self.dtype} as the model, got {array.dtype}")
        with np.errstate(over="ignore"):
            array = array.astype(self.dtype, copy=False)
        if isinstance(array, np.ndarray) and not np.isfinite(array).all():
            raise ValueError(f"input_values: contains samples that are NaN or infinite in {self.dtype}")
        if isinstance(input_values, Tensor) and input_values.requires_grad:
            return input_values
        return Tensor(asarray(array, next(self.parameters()).data))

    def _sample_lengths(self, attention_mask: Any, shape: tuple[int, ...]) -> np.ndarray:
        """(B,) samples of each utterance, from a mask of ones followed by zeros."""
        mask = np.asarray(to_host(attention_mask.data if isinstance(attention_mask, Tensor) else attention_mask))
        if mask.shape != tuple(shape):
            raise ValueError(f"attention_mask: expected shape {tuple(shape)} as input_values, got {mask.shape}")
        mask = mask != 0
        lengths = mask.sum(axis=1)
        if not (mask == (np.arange(mask.shape[1]) < lengths[:, None])).all():
            raise ValueError("attention_mask: must be right-padded, ones followed by zeros in every row")
        if lengths.min() < self.receptive_field:
            raise ValueError(
                f"attention_mask: utterance {int(lengths.argmin())} has {int(lengths.min())} samples; "
                f"one frame needs {self.receptive_field}"
            )
        return lengths

    def frame_lengths(self, inputs: Any, attention_mask: Any) -> np.ndarray | None:
        """(B,) frames of each utterance that the heads see, from the mask of its samples; None without a mask."""
        if attention_mask is None:
            return None
        return self._get_feat_extract_output_lengths(self._sample_lengths(attention_mask, np.shape(inputs)))

    def _exact_padding(self, padding_mode: str | None) -> bool:
        mode = self.config.padding_mode if padding_mode is None else padding_mode
        if mode not in PADDING_MODES:
            raise ValueError(f"padding_mode: expected one of {PADDING_MODES}, got {mode!r}")
        return mode == "exact"

    def _wants(self, name: str, value: bool | None) -> bool:
        """An argument that falls back on the config's field of the same name."""
        return bool(getattr(self.config, name)) if value is None else value

    def _finish(self, output: ModelOutput, return_dict: bool | None) -> Any:
        return output if self._wants("return_dict", return_dict) else output.to_tuple()


class Wav2Vec2ConformerModel(Wav2Vec2ConformerPreTrainedModel):
    """Feature encoder, projection, SpecAugment in training, Conformer encoder, adapter if the config has one."""

    def __init__(self, config: Wav2Vec2ConformerConfig) -> None:
        super().__init__(config)
        if config.mask_time_prob > 0 or config.mask_feature_prob > 0:
            self.masked_spec_embed = Parameter(init.uniform(0.0, 1.0, config.hidden_size))
        self.feature_extractor = Wav2Vec2ConformerFeatureEncoder(config)
        self.feature_projection = Wav2Vec2ConformerFeatureProjection(config)
        self.encoder = Wav2Vec2ConformerEncoder(config)
        self.adapter = Wav2Vec2ConformerAdapter(config) if config.add_adapter else None

    def forward(
        self,
        input_values: Any,
        attention_mask: Any = None,
        mask_time_indices: Any = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        padding_mode: str | None = None,
    ) -> Wav2Vec2BaseModelOutput | tuple[Any, ...]:
        """Runs the model.

        Args:
            input_values: (B, N) waveforms at 16 kHz, normalised as the feature extractor does it.
            attention_mask: None or (B, N): 1 at samples, 0 at padding behind them.
            mask_time_indices: None or (B, T) booleans: frames to replace by the mask vector, instead of random ones.
            output_hidden_states, output_attentions: whether to return them; the config's fields by default.
            return_dict: False for a plain tuple.
            padding_mode: "reference": padding leaks into shorter utterances through the depthwise convolutions, as in
                transformers. "exact": every utterance gives what it gives alone (in evaluation).

        Raises:
            ValueError: a wrong rank or dtype, NaN, too few samples, a mask that is not right-padded.
        """
        x = self._check_input_values(input_values)
        exact = self._exact_padding(padding_mode)
        lengths = None if attention_mask is None else self._sample_lengths(attention_mask, x.shape)

        features = self.feature_extractor(x, lengths if exact else None)  # (B, T, conv_dim[-1])
        frame_mask = frame_lengths = None
        if lengths is not None:
            frame_lengths = self._get_feat_extract_output_lengths(lengths, add_adapter=False)
            frame_mask = np.arange(features.shape[1]) < frame_lengths[:, None]  # (B, T)
        hidden, features = self.feature_projection(features)  # (B, T, C)
        hidden = self._mask_hidden_states(hidden, mask_time_indices, frame_mask)
        hidden, hidden_states, attentions = self.encoder(
            hidden,
            frame_mask,
            exact,
            self._wants("output_hidden_states", output_hidden_states),
            self._wants("output_attentions", output_attentions),
        )
        if hidden_states is not None and self.config.hidden_states_convention == "4.x":
            hidden_states = (*hidden_states[:-1], hidden)
        if self.adapter is not None:
            hidden = self.adapter(hidden, frame_lengths if exact else None)
        return self._finish(Wav2Vec2BaseModelOutput(hidden, features, hidden_states, attentions), return_dict)

    def _mask_hidden_states(self, x: Tensor, mask_time_indices: Any, frame_mask: np.ndarray | None) -> Tensor:
        """SpecAugment (Park et al. 2019): spans of frames become the mask vector, spans of channels become 0."""
        config = self.config
        if not config.apply_spec_augment:
            return x
        batch, frames, channels = x.shape
        if mask_time_indices is None and config.mask_time_prob > 0 and self.training:
            mask_time_indices = compute_mask_indices(
                (batch, frames),
                config.mask_time_prob,
                config.mask_time_length,
                attention_mask=frame_mask,
                min_masks=config.mask_time_min_masks,
            )
        if mask_time_indices is not None:
            masked = np.asarray(to_host(mask_time_indices)).astype(bool)
            if masked.shape != (batch, frames):
                raise ValueError(f"mask_time_indices: expected shape {(batch, frames)}, got {masked.shape}")
            if "masked_spec_embed" not in self._parameters:
                raise ValueError("mask_time_indices: this model has no mask vector; set mask_time_prob above 0")
            x = ops.masked_assign(x, asarray(masked[:, :, None], x.data), self.masked_spec_embed)
        if config.mask_feature_prob > 0 and self.training:
            masked = compute_mask_indices(
                (batch, channels),
                config.mask_feature_prob,
                config.mask_feature_length,
                min_masks=config.mask_feature_min_masks,
            )
            x = ops.masked_assign(x, asarray(masked[:, None, :], x.data), 0.0)
        return x
