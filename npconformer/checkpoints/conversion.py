"""From one file format, dtype and cut into shards to another, weight by weight.

Memory stays near that of the largest weight: what is read is a view of a mapped file, and what is written goes to the
disk before the next one is read.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npconformer.checkpoints.array_file import FORMATS, INDEX_NAME, TORCH_INDEX_NAME, ArrayFile
from npconformer.checkpoints.bfloat16 import bfloat16_to_float32, to_bfloat16
from npconformer.checkpoints.int8_file import Int8File
from npconformer.checkpoints.shards import plan_shards, shard_names
from npconformer.checkpoints.streamed_weights import Layout, Writer, write_safetensors_stream
from npconformer.checkpoints.torch_writer import write_torch_stream

FLOATS = ("float32", "float16", "bfloat16", "float64")


class Target(NamedTuple):
    """A format to write: the index's name, the two parts of a file's name, and what writes it."""

    index_name: str
    stem: str
    suffix: str
    write: Writer


TARGETS = {
    "safetensors": Target(INDEX_NAME, "model", ".safetensors", write_safetensors_stream),
    "bin": Target(TORCH_INDEX_NAME, "pytorch_model", ".bin", write_torch_stream),
}


def convert_weights(
    file: ArrayFile,
    folder: Path,
    format: str,
    dtype: str | None,
    largest: int,
    progress: Callable[[int], object] = lambda done: None,
) -> list[Path]:
    """Write the weights of `file` into `folder`, which must not be seen before it is whole (`storage.folders`).

    Args:
        format: one of `TARGETS`.
        dtype: one of `FLOATS`, for floating-point weights; None leaves each as it is. Others stay as they are.
        largest: of a file, in bytes.
        progress: called with the bytes of each weight that is written.

    Returns:
        The files, an index first.

    Raises:
        ValueError: a weight has a dtype that the format lacks, or a value that is finite only in a wider dtype.
    """
    target = TARGETS[format]
    layouts = target_layouts(file, dtype)
    shards = plan_shards({name: layout.size for name, layout in layouts.items()}, largest)
    names = shard_names(len(shards), target.stem, target.suffix)
    paths = [folder / name for name in names]

    def read(name: str) -> np.ndarray:
        array = convert_array(file.read(name), layouts[name].dtype, name)
        progress(layouts[name].size)
        return array

    for path, weights in zip(paths, shards):
        target.write(path, {name: layouts[name] for name in weights}, read)
    if len(names) > 1:
        index = {
            "metadata": {"total_size": sum(layout.size for layout in layouts.values())},
            "weight_map": {weight: name for name, weights in zip(names, shards) for weight in weights},
        }
        paths.insert(0, folder / target.index_name)
        paths[0].write_text(json.dumps(index, indent=2, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    check_written(FORMATS[paths[0].name](paths[0]), layouts)
    return paths


def usual_dtype(file: ArrayFile) -> str | None:
    """The floating-point dtype that most weights are stored in; None where none is."""
    found = Counter(dtype for name in file if (dtype := file.stored_dtype(name)) in FLOATS)
    return found.most_common(1)[0][0] if found else None


def target_layouts(file: ArrayFile, dtype: str | None) -> dict[str, Layout]:
    """What each weight will be stored as."""
    stored = {name: file.stored_dtype(name) for name in file}
    numbers = {name for name, kind in stored.items() if kind in FLOATS}
    if isinstance(file, Int8File):
        numbers |= file.int8_weights
    return {
        name: Layout(dtype if dtype is not None and name in numbers else kind, tuple(file.shape(name)))
        for name, kind in stored.items()
    }


def convert_array(array: np.ndarray, dtype: str, name: str) -> np.ndarray:
    """The array as it is written: in the dtype, little-endian, in C order; bfloat16 as uint16.

    Raises:
        ValueError: a value would become infinite.
    """
    with np.errstate(over="ignore"):
        if dtype == "bfloat16":
            result = to_bfloat16(array)
            values = bfloat16_to_float32(result)
        else:
            result = values = array.astype(np.dtype(dtype).newbyteorder("<"), copy=False)
    if array.dtype.kind == "f" and values.dtype != array.dtype:
        lost = np.isfinite(array) & ~np.isfinite(values)
        if lost.any():
            worst = np.abs(array[lost]).max()
            raise ValueError(f"{name} has the value {worst:.3g}, which is infinite in {dtype}: choose another dtype")
    return np.asarray(result, order="C")


def check_written(file: ArrayFile, layouts: dict[str, Layout]) -> None:
    """Open what was written as whoever loads it will. Raises RuntimeError where it is not what was to be written."""
    found = {name: Layout(file.stored_dtype(name), tuple(file.shape(name))) for name in file}
    if found != layouts:
        wrong = sorted(name for name in {*found, *layouts} if found.get(name) != layouts.get(name))
        raise RuntimeError(f"{file.path} does not hold what was written to it: {', '.join(wrong[:8])}")
