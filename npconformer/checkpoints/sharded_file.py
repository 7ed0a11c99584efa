"""Weights in several files ("shards") with an index, as transformers saves large models.

The index is `model.safetensors.index.json` or `pytorch_model.bin.index.json`:

    {"metadata": {"total_size": 2474564128},
     "weight_map": {"lm_head.weight": "model-00001-of-00003.safetensors", ...}}

It comes with the weights from wherever they come from, so that the names in it are not believed: a shard is a file
beside the index and nothing else, and each shard holds what the index says, no less and no more.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.checkpoints.broken_download import check_download
from npconformer.checkpoints.report import shorten
from npconformer.storage.messages import shown
from npconformer.storage.strict_json import LONGEST_JSON, parse_json
from npconformer.storage.text_files import read_regular_file

LONGEST_NAME = 200  # characters
MOST_SHARDS = 512  # each takes a file handle for as long as the weights are used


class ShardedFile:
    """Named arrays in several files, as if they were in one.

    Args:
        path: the index.
        open_shard: what opens a shard as an `ArrayFile`, such as `SafetensorsFile`.

    Raises:
        FileNotFoundError: a shard is missing; the message names it.
        ValueError: the index or a shard is damaged, they contradict each other, or a shard would be elsewhere.
    """

    def __init__(self, path: str | os.PathLike, open_shard: Callable[[Path], Any]) -> None:
        self.path = Path(path)
        weight_map = read_index(self.path)
        self.shards: dict[str, Any] = {}
        for name, shard in _find_shards(self.path, sorted(set(weight_map.values()))).items():
            self.shards[name] = open_shard(shard)
            listed = {weight for weight, place in weight_map.items() if place == name}
            _compare(self.path, shard, listed, set(self.shards[name]))
        self._file_of = {weight: self.shards[name] for weight, name in weight_map.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._file_of)

    def __len__(self) -> int:
        return len(self._file_of)

    def __contains__(self, name: str) -> bool:
        return name in self._file_of

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of array ``name``, without reading it."""
        return self._file_of[name].shape(name)

    def stored_dtype(self, name: str) -> str:
        """Dtype that array ``name`` is stored in, without reading it."""
        return self._file_of[name].stored_dtype(name)

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """Array ``name``, as its shard gives it."""
        return self._file_of[name].read(name, dtype)

    def read_bits(self, name: str) -> np.ndarray:
        """Array ``name`` as it is stored, bfloat16 as uint16."""
        return self._file_of[name].read_bits(name)


def read_index(path: Path) -> dict[str, str]:
    """The shard of each weight, by name. Raises ValueError for an index that is damaged or names files elsewhere."""
    text = read_regular_file(path, LONGEST_JSON)
    if not text.lstrip().startswith(b"{"):
        check_download(path)
    try:
        index = parse_json(text)
    except ValueError as error:
        raise ValueError(f"{path} is no index of shards: it is not the expected JSON ({error})") from None
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{path} is no index of shards: expected an object with a weight_map that names some")
    for weight, shard in weight_map.items():
        if not isinstance(shard, str) or not _is_plain_name(shard):
            raise ValueError(
                f"{path} puts {shown(weight)} in {shown(shard)}; expected the name of a file in the same folder"
            )
    shards = len(set(weight_map.values()))
    if shards > MOST_SHARDS:
        raise ValueError(f"{path} names {shards} shards; expected at most {MOST_SHARDS}")
    return weight_map


def _is_plain_name(name: str) -> bool:
    """Whether a name can only be that of a file in the same folder, on any system."""
    unsafe = any(character in '/\\:*?"<>|' for character in name)
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and not unsafe and not name.startswith(".")


def _find_shards(index: Path, names: list[str]) -> dict[str, Path]:
    """The shards' paths by name.

    A link may lead to a file beside the index, or beside the file that the index is itself a link to: the hub's cache
    has its folders full of links to one folder of files. It may not lead anywhere else.
    """
    paths = {name: index.parent / name for name in names}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{index.parent} lacks {len(missing)} of the {len(names)} shards that {index.name} names: "
            f"{shorten(missing)}. Download them too"
        )
    homes = {index.parent.resolve(), index.resolve().parent}
    for path in paths.values():
        if path.resolve().parent not in homes:
            raise ValueError(f"{path} is a link to {path.resolve()}; expected a file in the same folder")
    return paths


def _compare(index: Path, shard: Path, listed: set[str], held: set[str]) -> None:
    """The shard holds what the index says, no less and no more."""
    if listed - held:
        lacking = sorted(listed - held)
        raise ValueError(f"{shard} lacks {len(lacking)} weights that {index.name} puts there: {shorten(lacking)}")
    if held - listed:
        extra = sorted(held - listed)
        raise ValueError(
            f"{shard} holds {len(extra)} weights that {index.name} does not put there: {shorten(extra)}. Shards of "
            "several models in one folder? Download all of them again"
        )
