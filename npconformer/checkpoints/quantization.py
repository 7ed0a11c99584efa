"""What `load_in_8bit` and `quantization_config` ask for.

transformers hands them to bitsandbytes, whose settings are about its own way of multiplying; those that say which
layers stay as they are, and how many bits the others get, have the same meaning here. `arrays.int8_weights` says what
int8 weights are here, and how they differ.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from npconformer.storage.messages import shown

OWN_METHOD = "npconformer"
METHODS = ("bitsandbytes", OWN_METHOD)
OF_INT8_FOLDER = {"quant_method": OWN_METHOD, "load_in_8bit": True}  # in its config.json, as quantization_config


class Quantization(NamedTuple):
    """Whether weights become int8, and which modules' do not, by the ends of their names."""

    to_int8: bool = False
    skipped: tuple[str, ...] = ()

    def skips(self, name: str) -> bool:
        """Whether the module of that dotted name stays as it is: it, or one that it is in, is named."""
        return any(f".{one}." in f".{name}." for one in self.skipped)

    @classmethod
    def take(cls, options: dict[str, Any]) -> Quantization:
        """Takes the two keywords out of the arguments of a call.

        quantization_config: a dictionary, or an object with attributes such as transformers' BitsAndBytesConfig:
            load_in_8bit, and llm_int8_skip_modules, names of modules that stay in float32. load_in_4bit and another
            quant_method than bitsandbytes are refused. llm_int8_threshold and what else is about multiplying int8 by
            int8 says nothing here.

        Raises:
            ValueError: what is asked for is not offered, or no answer to yes or no.
        """
        asked = _yes_or_no("load_in_8bit", options.pop("load_in_8bit", None))
        config = options.pop("quantization_config", None)
        if config is None:
            return cls(asked)
        method = _of(config, "quant_method")
        method = getattr(method, "value", method)  # transformers has it as an enumeration
        if method is not None and method not in METHODS:
            raise ValueError(f"quantization_config: quant_method {shown(method)} is not offered; expected bitsandbytes")
        if _yes_or_no("quantization_config: load_in_4bit", _of(config, "load_in_4bit")):
            raise ValueError("quantization_config: load_in_4bit is not offered; use load_in_8bit=True")
        in_8_bit = _of(config, "load_in_8bit")
        if in_8_bit is None and method is None:
            raise ValueError(f'quantization_config is {shown(config)}; expected {{"load_in_8bit": True}}')
        skipped = _of(config, "llm_int8_skip_modules") or ()
        if isinstance(skipped, str) or not all(isinstance(name, str) for name in skipped):
            raise ValueError(f"quantization_config: llm_int8_skip_modules is {shown(skipped)}; expected modules' names")
        return cls(asked or _yes_or_no("quantization_config: load_in_8bit", in_8_bit), tuple(skipped))


NONE = Quantization()


def _of(config: Any, name: str) -> Any:
    return config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool | None):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)
