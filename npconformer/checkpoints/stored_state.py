"""Reading and writing the weights of layers that are stored in fewer bits than they are computed in.

A weight that the file stores as wanted is a view of the mapped file. Any other is converted, one at a time, and the
file's pages are given back after each: the process never has the whole file in memory beside what it becomes.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npconformer.arrays.int8_weights import quantize
from npconformer.arrays.memory import give_pages_back
from npconformer.checkpoints.array_file import ArrayFile
from npconformer.checkpoints.bfloat16 import to_bfloat16
from npconformer.checkpoints.conversion import convert_array
from npconformer.checkpoints.int8_file import ENDINGS, Int8File
from npconformer.checkpoints.quantization import OF_INT8_FOLDER, OWN_METHOD
from npconformer.checkpoints.streamed_weights import Layout
from npconformer.nn.stored_layers import stored_layers


def read_stored(file: ArrayFile, name: str, kind: str) -> dict[str, np.ndarray]:
    """The arrays of the weight `name` of a file, stored as `kind`, under their endings (`StoredWeight.arrays`).

    Raises:
        ValueError: the weight holds what that kind cannot hold.
    """
    if file.stored_dtype(name) == kind:
        if isinstance(file, Int8File) and kind == "int8":
            return file.read_parts(name)
        return {"": read_bits(file, name)}
    values = file.read(name, np.float32)
    label = f"{file.path}: {name}"
    if kind == "int8":
        arrays = quantize(values.reshape(values.shape[:2]), label).arrays
        arrays[""] = arrays[""].reshape(values.shape)
    else:
        arrays = {"": convert_array(values, kind, label)}
    give_pages_back(values)
    return arrays


def read_bits(file: ArrayFile, name: str) -> np.ndarray:
    """A weight as it is stored; bfloat16 as its bits, in uint16."""
    own = getattr(file, "read_bits", None)  # of files that can give them without a detour
    if own is not None:
        return own(name)
    array = file.read(name)
    return to_bfloat16(array) if file.stored_dtype(name) == "bfloat16" else array


def state_to_save(
    model: Any, arrays: Mapping[str, np.ndarray], dtype: np.dtype | None
) -> tuple[dict[str, Layout], Callable[[str], np.ndarray]]:
    """How each of a model's arrays is written, and what reads it for that.

    arrays: on the host. dtype: for all floating-point weights; None leaves each as it is stored.
    """
    weights = {f"{name}.weight": layer for name, layer in stored_layers(model).items()}
    if dtype is None:
        layouts = {
            name: Layout("bfloat16" if _is_bfloat16(weights.get(name), array) else array.dtype.name, array.shape)
            for name, array in arrays.items()
        }
        return layouts, lambda name: np.asarray(arrays[name], order="C")
    parts = {name + ending for name in weights for ending in ENDINGS[1:]}
    kept = {name: array for name, array in arrays.items() if name not in parts}
    layouts = {
        name: Layout(dtype.name if name in weights or array.dtype.kind == "f" else array.dtype.name, array.shape)
        for name, array in kept.items()
    }

    def read(name: str) -> np.ndarray:
        array = kept[name]
        if name in weights:
            array = weights[name].stored_weight.whole().reshape(array.shape)
        return convert_array(array, layouts[name].dtype, name)

    return layouts, read


def _is_bfloat16(layer: Any, array: np.ndarray) -> bool:
    return layer is not None and layer.kind == "bfloat16" and array.dtype == np.uint16


def count_stored(model: Any) -> dict[str, int]:
    """How many of a model's layers are stored in which dtype of fewer bits."""
    return dict(Counter(layer.kind for layer in stored_layers(model).values()))


def describe_storage(model: Any, config: Any, dtype: str | None) -> None:
    """Write into a configuration what its model's weights are stored in.

    dtype: of those in as many bits as they are computed in.
    """
    kinds = count_stored(model)
    config.dtype = next((kind for kind in ("float16", "bfloat16") if kind in kinds and "int8" not in kinds), dtype)
    say_int8(config, "int8" in kinds)


def say_int8(config: Any, is_int8: bool) -> None:
    """Say in a configuration that the weights are int8, or do not say it any longer."""
    told = config.extra.get("quantization_config")
    if is_int8:
        config.extra["quantization_config"] = dict(OF_INT8_FOLDER)
    elif isinstance(told, Mapping) and told.get("quant_method") == OWN_METHOD:
        del config.extra["quantization_config"]
