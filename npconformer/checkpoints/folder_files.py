"""The files of a checkpoint folder that are not weights: configuration, processor, card, licence.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from npconformer.checkpoints.quantization import OF_INT8_FOLDER
from npconformer.storage.files import read_json_object, write_json_atomically
from npconformer.storage.hub_options import SECRETS

CONFIG_NAME = "config.json"
# The endings of weights in any framework's format, of optimisers' states, and of indices of shards.
WEIGHTS = (
    ".safetensors .bin .pt .pth .ckpt .h5 .msgpack .onnx .gguf .npz .tar .zip .safetensors.index.json .bin.index.json"
).split()
DTYPE_FIELDS = ("dtype", "torch_dtype")  # of transformers 5, and of 4


def copy_other_files(source: Path, target: Path) -> list[str]:
    """Copy what is not weights from one folder to another. Returns the names that were left behind, sorted.

    Left behind are files whose name ends as weights' do, hidden ones, and folders. Tokens for the hub, which programs
    have written into settings, are taken out.
    """
    left = []
    for path in sorted(source.iterdir()):
        if path.name.startswith(".") or not path.is_file() or path.name.lower().endswith(tuple(WEIGHTS)):
            left.append(path.name)
        else:
            shutil.copyfile(path, target / path.name)
            _take_secrets_out(target / path.name)
    return left


def _take_secrets_out(path: Path) -> None:
    """Settings that earlier programs saved may hold the token that they were given; in a vocabulary it is a number."""
    if path.suffix != ".json" or not any(f'"{name}"'.encode() in path.read_bytes() for name in SECRETS):
        return
    try:
        settings = read_json_object(path)
    except ValueError:  # not for this to say
        return
    if (kept := _without_tokens(settings)) != settings:
        write_json_atomically(path, kept)


def _without_tokens(settings: Any) -> Any:
    if not isinstance(settings, dict):
        return settings
    kept = {name: value for name, value in settings.items() if name not in SECRETS or not isinstance(value, str)}
    return {name: _without_tokens(value) for name, value in kept.items()}


def set_config_dtype(folder: Path, dtype: str) -> None:
    """Write into config.json which dtype the weights are stored in, under the name that it has there already.

    With int8 some are float32 beside those, and a quantization_config says so.
    """
    settings = read_json_object(folder / CONFIG_NAME)
    settings.pop("quantization_config", None)
    if dtype == "int8":
        dtype, settings["quantization_config"] = "float32", dict(OF_INT8_FOLDER)
    for name in [name for name in DTYPE_FIELDS if name in settings] or DTYPE_FIELDS[:1]:
        settings[name] = dtype
    write_json_atomically(folder / CONFIG_NAME, settings)
