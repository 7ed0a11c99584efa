"""Keywords of transformers' `from_pretrained` and `save_pretrained` that are no settings of a model.

Those with a meaning here are translated. Those about how transformers spares memory while it loads say nothing here:
weights are views of the mapped file whatever is asked for. Those whose result would be another are refused with what
to write instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npconformer.arrays.device import mapped_device
from npconformer.checkpoints.quantization import NONE, Quantization
from npconformer.storage.messages import shown

WITHOUT_EFFECT_LOADING = frozenset(
    """low_cpu_mem_usage disable_mmap offload_folder offload_state_dict offload_buffers max_memory weights_only mirror
    tqdm_class generation_config adapter_name allow_all_kernels experts_implementation _fast_init _from_auto
    _from_pipeline _commit_hash""".split()
)
WITHOUT_EFFECT_SAVING = frozenset("safe_serialization save_peft_format save_original_format".split())

_ONE_IMPLEMENTATION = "there is one implementation here, in NumPy or CuPy"
_ONE_PLACE = "a model is on one device here; use device="
_TORCH_FORMATS = "weights are read from model.safetensors or pytorch_model.bin"
_NAMES = "the weights' files have the names model.safetensors or pytorch_model.bin here; rename the file"
REFUSED_LOADING = {
    "load_in_4bit": "8 bits are the fewest here; use load_in_8bit=True",
    "fusion_config": _ONE_IMPLEMENTATION,
    "gguf_file": _TORCH_FORMATS,
    "from_tf": _TORCH_FORMATS,
    "from_flax": _TORCH_FORMATS,
    "variant": _NAMES,
    "key_mapping": "give the renamed weights as state_dict=",
    "adapter_kwargs": "PEFT's adapters are not loaded; merge them into the weights first",
    "tp_plan": _ONE_PLACE,
    "tp_size": _ONE_PLACE,
    "device_mesh": _ONE_PLACE,
    "distributed_config": _ONE_PLACE,
    "use_kernels": _ONE_IMPLEMENTATION,
    "kernel_config": _ONE_IMPLEMENTATION,
    "use_flash_attention_2": "there is one implementation of attention here",
}
REFUSED_SAVING = {
    "variant": _NAMES,
    "distributed_checkpoint": _ONE_PLACE,
}


@dataclass(frozen=True)
class LoadingKeywords:
    """What `from_pretrained` was told beyond its own arguments.

    Attributes:
        dtype: `torch_dtype`, the former name of dtype; None where it was not given.
        device: of `device_map`.
        use_safetensors: True for safetensors alone, False for .bin files alone, None for whichever there is.
        state_dict: arrays in the place of those of a file.
        quantization: of `load_in_8bit` and `quantization_config`.
    """

    dtype: Any = None
    device: str | None = None
    use_safetensors: bool | None = None
    state_dict: dict[str, Any] | None = None
    quantization: Quantization = NONE

    @classmethod
    def take(cls, options: dict[str, Any]) -> LoadingKeywords:
        """Takes the keywords out of the other arguments of a call.

        Raises:
            ValueError: one that is refused, with the reason, or a value that it cannot have.
        """
        drop_keywords(options, WITHOUT_EFFECT_LOADING, REFUSED_LOADING)
        use_safetensors = options.pop("use_safetensors", None)
        if not isinstance(use_safetensors, bool | None):
            raise ValueError(f"use_safetensors must be True, False or None, got {shown(use_safetensors)}")
        return cls(
            dtype=options.pop("torch_dtype", None),
            device=mapped_device(options.pop("device_map", None)),
            use_safetensors=use_safetensors,
            state_dict=options.pop("state_dict", None),
            quantization=Quantization.take(options),
        )


def drop_keywords(options: dict[str, Any], without_effect: frozenset[str], refused: dict[str, str]) -> None:
    """Takes out what says nothing here; raises ValueError for what is refused, unless it asks for nothing."""
    for name in without_effect & options.keys():
        del options[name]
    for name in refused.keys() & options.keys():
        value = options.pop(name)
        if value is not None and value is not False:
            raise ValueError(f"{name}={shown(value)} is not offered: {refused[name]}")
