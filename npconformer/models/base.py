"""What every speech model shares, with or without a head: configuration, checks of its input, lengths, freezing.

Letters: B batch, N rows of the input (samples, or frames of a filterbank), T frames.

Lesson: notebooks/03_conformer_block.ipynb, notebooks/08_parity.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import asarray, known_array, to_host
from npconformer.arrays.blas import single_threaded
from npconformer.arrays.device import Device, device_of
from npconformer.arrays.memory import machine_memory
from npconformer.arrays.types import Array
from npconformer.checkpoints.pretrained import PretrainedMixin
from npconformer.models.call_plans import CallPlans
from npconformer.models.forward_options import ForwardOptions
from npconformer.models.frame_clock import Lengths, Stage, count_steps, fewest_steps
from npconformer.nn import Module, init
from npconformer.nn.loaded_names import LoadedNames
from npconformer.tape.autograd import Tensor


class _Fits(type):
    """Builds a model with random weights only if these fit the memory: counts them first, which takes none."""

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        if not init.is_skipped():  # else somebody counts already, or loads, and has the weights to compare with
            memory = machine_memory()
            too_many = f"the weights of this {cls.__name__} would not fit the memory of {memory / 1e9:.1f} GB"
            with init.size_limit(memory / 4, f"{too_many}: some of the config's sizes are wrong", counting=True):
                super().__call__(*arguments, **options)
        return super().__call__(*arguments, **options)


class PreTrainedModel(PretrainedMixin, Module, metaclass=_Fits):
    """Base of all models. A model's own base class names its configuration and says what its input is.

    Attributes:
        config_class: of its configurations.
        base_model_prefix: the name that the model without a head has inside one with a head, and in checkpoints.
        main_input_name: the name of forward's first argument.
        head_name: which head it has ("ctc", "sequence_classification", "audio_frame_classification", "xvector",
            "pretraining"), or None.
        input_axes: what the axes of the input are, for messages.
        convolutions_see_padding: whether the blocks' convolutions see padding with padding_mode "reference".
    """

    base_model_prefix: ClassVar[str] = ""
    main_input_name: ClassVar[str] = ""
    head_name: ClassVar[str | None] = None
    input_axes: ClassVar[tuple[str, ...]] = ()
    convolutions_see_padding: ClassVar[bool] = False

    config: Any  # of the model's own config_class

    def __init__(self, config: Any) -> None:
        super().__init__()
        if not isinstance(config, self.config_class):
            raise ValueError(f"config: expected {self.config_class.__name__}, got {type(config).__name__}")
        self.config = config
        self.call_plans = CallPlans()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        with single_threaded():  # from the first product to the last: the threads of `pool` share them
            return self.call_plans.run(self, arguments, options)

    def train(self, mode: bool = True) -> Module:
        """Training mode, here and in everything inside, or evaluation mode; returns self."""
        if mode:
            self.call_plans.clear()
        return super().train(mode)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadedNames:
        self.call_plans.clear()  # they hold the arrays of before
        return super().load_state_dict(state_dict, strict)

    def _map_arrays(self, function: Callable[[Any], Any]) -> Module:
        self.call_plans.clear()
        return super()._map_arrays(function)

    # -- what a model's own base class says -------------------------------------------------------------------------

    def run(self, *arguments: Any, **options: Any) -> Any:
        """What forward does. Models with a head get it from the head, which does not know what their input is called.

        arguments: the model's input, its mask, and what is to be learnt, such as labels; options: those of
        `ForwardOptions`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no run")

    @classmethod
    def build_base(cls, config: Any) -> PreTrainedModel:
        """A new model without a head."""
        raise NotImplementedError(f"{cls.__name__} has no build_base")

    @property
    def encoder_stages(self) -> tuple[Stage, ...]:
        """What lies between the rows of the input and the frames of the encoder."""
        return ()

    @property
    def adapter_stages(self) -> tuple[Stage, ...]:
        """What lies between those and the frames of the output, as the reference counts them: each adapter layer."""
        return self._adapter_stages() if self.config.add_adapter else ()

    @property
    def adapter_convolutions(self) -> tuple[Stage, ...]:
        """The same as the convolutions are: how many frames there really are."""
        return self._adapter_convolutions() if self.config.add_adapter else ()

    def _adapter_stages(self) -> tuple[Stage, ...]:
        """The adapter's layers as the reference counts their frames."""
        raise NotImplementedError(f"{type(self).__name__} has no _adapter_stages")

    def _adapter_convolutions(self) -> tuple[Stage, ...]:
        """The adapter's layers as their convolutions are."""
        raise NotImplementedError(f"{type(self).__name__} has no _adapter_convolutions")

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises a ValueError for inputs of another shape."""
        if len(shape) != len(self.input_axes):
            raise ValueError(f"{self.main_input_name}: expected shape ({', '.join(self.input_axes)}), got {shape}")
        if shape[0] == 0:
            raise ValueError(f"{self.main_input_name}: the batch is empty")
        if shape[1] < self.receptive_field:
            raise ValueError(
                f"{self.main_input_name}: {shape[1]} {self.input_axes[1]} are too few; "
                f"one frame needs {self.receptive_field}"
            )

    # -- parts -----------------------------------------------------------------------------------------------------

    @property
    def base_model(self) -> Any:
        """The model without its head."""
        return getattr(self, self.base_model_prefix, self)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> Device:
        """Where the parameters are, as a name that `to` takes: "cpu" or "cuda"."""
        return device_of(next(self.parameters()).data)

    def freeze_base_model(self) -> None:
        """Stops training of everything but the head."""
        self.base_model.requires_grad_(False)

    def freeze_feature_encoder(self) -> None:
        """Stops training of the convolutions that read the waveform. Raises ValueError where there are none."""
        raise ValueError(
            f"{type(self).__name__} has no feature encoder to freeze: its input is {self.main_input_name}, "
            "computed from the waveform without weights"
        )

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: dict[str, Any] | None = None) -> None:
        """In training, computes each block's inner arrays again during backward instead of keeping them.

        gradient_checkpointing_kwargs: of torch's function; ``use_reentrant`` changes nothing here, and others raise.
        """
        for name in gradient_checkpointing_kwargs or ():
            if name != "use_reentrant":
                raise ValueError(f"gradient_checkpointing_kwargs: {name!r} has no meaning here, use_reentrant alone")
        self.base_model.encoder.gradient_checkpointing = True

    def gradient_checkpointing_disable(self) -> None:
        """Keeps each block's inner arrays for backward."""
        self.base_model.encoder.gradient_checkpointing = False

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether blocks are computed again during backward."""
        return self.base_model.encoder.gradient_checkpointing

    def get_memory_footprint(self, return_buffers: bool = True) -> int:
        """How many bytes the parameters take, and with return_buffers the buffers."""
        buffers = self.buffers() if return_buffers else ()
        return sum(parameter.data.nbytes for parameter in self.parameters()) + sum(array.nbytes for array in buffers)

    # -- lengths ---------------------------------------------------------------------------------------------------

    def _get_feat_extract_output_lengths(self, input_lengths: Lengths, add_adapter: bool | None = None) -> Lengths:
        """Rows of the input -> frames, as the reference counts them; add_adapter: the config's unless given.

        A single number gives a NumPy integer, so that ``.item()`` can be written behind it as for the reference.
        """
        with_adapter = self.config.add_adapter if add_adapter is None else add_adapter
        lengths = input_lengths.data if isinstance(input_lengths, Tensor) else input_lengths
        frames = count_steps(lengths, self.encoder_stages + (self._adapter_stages() if with_adapter else ()))
        return np.int64(frames) if isinstance(frames, int) else frames  # type: ignore[return-value]

    def _get_feature_vector_attention_mask(
        self, feature_vector_length: int, attention_mask: Array, add_adapter: bool | None = None
    ) -> np.ndarray:
        """(B, T) booleans, true at each utterance's own frames, from the (B, N) mask of its rows."""
        rows = self.own_rows(attention_mask, np.shape(attention_mask))
        frames = np.asarray(self._get_feat_extract_output_lengths(rows, add_adapter))
        return np.arange(feature_vector_length) < frames[:, None]

    def count_frames(self, rows: Lengths) -> Lengths:
        """Rows of the input -> frames that come out."""
        return count_steps(rows, self.encoder_stages + self.adapter_convolutions)

    @property
    def receptive_field(self) -> int:
        """The fewest rows of the input that give one frame of the output."""
        return fewest_steps(1, self.encoder_stages + self.adapter_convolutions)

    def frame_lengths(
        self, inputs: Tensor | Array, attention_mask: Array | None, exact: bool = False
    ) -> np.ndarray | None:
        """(B,) frames of each utterance that the heads see, from the mask of its rows; None without a mask.

        exact: as many as it has alone, where an adapter of unusual kernel and stride has the reference count others.
        """
        if attention_mask is None:
            return None
        rows = self.own_rows(attention_mask, np.shape(inputs))
        return self.count_frames(rows) if exact else self._get_feat_extract_output_lengths(rows)

    # -- checks of the input ---------------------------------------------------------------------------------------

    def check_inputs(self, inputs: Tensor | Array) -> Tensor:
        """The inputs as a tensor in the model's dtype and memory, or a ValueError that says what is wrong."""
        name = self.main_input_name
        array = inputs.data if isinstance(inputs, Tensor) else inputs
        array = known_array(array)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name}: expected numbers, got dtype {array.dtype}")
        self.check_shape(array.shape)
        if isinstance(inputs, Tensor) and inputs.requires_grad and array.dtype != self.dtype:
            raise ValueError(f"{name}: for its gradient it must be {self.dtype} as the model, got {array.dtype}")
        with np.errstate(over="ignore"):
            array = array.astype(self.dtype, copy=False)
        if isinstance(array, np.ndarray) and not np.isfinite(array).all():
            raise ValueError(f"{name}: contains {self.input_axes[1]} that are NaN or infinite in {self.dtype}")
        if isinstance(inputs, Tensor) and inputs.requires_grad:
            return inputs
        return Tensor(asarray(array, next(self.parameters()).data))

    def own_rows(self, attention_mask: Array | None, shape: tuple[int, ...]) -> np.ndarray:
        """(B,) rows of each utterance, from a mask (B, N) of ones followed by zeros. shape: of the inputs."""
        mask = to_host(attention_mask.data if isinstance(attention_mask, Tensor) else attention_mask)
        if mask.shape != tuple(shape[:2]):
            name = self.main_input_name
            raise ValueError(f"attention_mask: expected shape {tuple(shape[:2])} as {name}, got {mask.shape}")
        mask = mask != 0
        lengths = mask.sum(axis=1)
        if not (mask == (np.arange(mask.shape[1]) < lengths[:, None])).all():
            raise ValueError("attention_mask: must be right-padded, ones followed by zeros in every row")
        if lengths.min() < self.receptive_field:
            raise ValueError(
                f"attention_mask: utterance {int(lengths.argmin())} has {int(lengths.min())} {self.input_axes[1]}; "
                f"one frame needs {self.receptive_field}"
            )
        return lengths

    def complete_options(self, options: dict[str, Any]) -> ForwardOptions:
        """The options of a call of forward, completed from the config."""
        return ForwardOptions.complete(self.config, options)
