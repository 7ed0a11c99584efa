"""What transformers' pipelines take beside the task's own options: where the parts come from, and on which device.

Those that change nothing here are checked and let go; those that would change a result, and cannot, are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from npconformer.arrays.device import device_backend
from npconformer.arrays.dtypes import dtype_name
from npconformer.storage.hub_options import HubOptions

NAMES_OF_DEVICES = {"numpy": "cpu", "cupy": "cuda"}
# What is computed is the same with any of these: recordings are read where the call is, there is one tokenizer.
WITHOUT_EFFECT = ("num_workers", "use_fast", "ignore_warning")
REASONS = {  # of what is refused
    "generate_kwargs": "a CTC model generates nothing: it has no language, task or beams to choose",
    "decoder": "decoding with a language model is not offered; decode logits with a decoder of your own",
    "decoder_kwargs": "decoding with a language model is not offered; decode logits with a decoder of your own",
    "assistant_model": "a CTC model generates nothing that another could draft",
    "assistant_tokenizer": "a CTC model generates nothing that another could draft",
    "image_processor": "recordings are no images",
    "video_processor": "recordings are no images",
    "pipeline_class": "task= says which; make one of another class by calling that",
    "return_language": "a CTC model does not say which language it hears",
    "binary_output": "results are Python objects; pickle them where bytes are wanted",
}


@dataclass
class Loading:
    """How the parts of a pipeline are loaded.

    Attributes:
        hub: where at the hub, of what is no folder.
        device: "cpu" or "cuda"; None leaves a loaded model where it is.
        dtype: of the weights; None is the checkpoint's own, or that of a loaded model.
        config: of the model, in place of its folder's.
        model_kwargs: further arguments of the model's `from_pretrained`.
    """

    hub: HubOptions
    device: str | None = None
    dtype: Any = None
    config: Any = None
    model_kwargs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def take(cls, options: dict[str, Any], device: Any, dtype: Any) -> Loading:
        """What is about loading among the arguments of a pipeline, which is taken out of them.

        Raises ValueError for contradictions and for what is not offered, BackendError for a GPU that is not there.
        """
        take_neutral(options)
        hub = HubOptions.take(options)
        framework = options.pop("framework", None)
        if framework not in (None, "pt", "np"):
            raise ValueError(f"framework={framework!r}: there is one, NumPy or CuPy; leave it out")
        model_kwargs = dict(options.pop("model_kwargs", None) or {})
        dtypes = [
            dtype,
            options.pop("torch_dtype", None),
            *(model_kwargs.pop(n, None) for n in ("dtype", "torch_dtype")),
        ]
        dtypes = list(dict.fromkeys(dtype_name(one) for one in dtypes if one is not None))
        if len(dtypes) > 1:
            raise ValueError(f"dtype and torch_dtype are the same argument, and were given {dtypes[0]} and {dtypes[1]}")
        device_map = options.pop("device_map", None) or model_kwargs.pop("device_map", None)
        if device is None and device_map not in (None, "auto"):
            device = device_map
        name = None if device is None else NAMES_OF_DEVICES.get(device_backend(device).name, "cpu")
        return cls(hub, name, dtypes[0] if dtypes else None, options.pop("config", None), model_kwargs)


def take_neutral(options: dict[str, Any]) -> None:
    """Takes out of a call's options what changes nothing. Raises ValueError, with the reason, for what is refused."""
    for name in WITHOUT_EFFECT:
        options.pop(name, None)
    for name, reason in REASONS.items():
        if options.pop(name, None):
            raise ValueError(f"{name}: {reason}")
