"""The weights of a repository at the hub: the one file, or the index and its shards, that would be loaded."""

from __future__ import annotations

import os
import re
from pathlib import Path

from npconformer.checkpoints.array_file import FORMATS
from npconformer.storage.files import read_json_object
from npconformer.storage.hub import Repository, is_repository
from npconformer.storage.hub_options import HubOptions

INDEX = ".index.json"  # how the names of indices end
_SHARD = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)  # a plain name, in the same folder


def weights_folder(name: str | os.PathLike, options: HubOptions) -> Path:
    """The folder that holds the weights of a checkpoint, downloaded where need be; see `storage.hub.local_folder`.

    Of a repository's weights only the first kind that can be read is taken, in the order of `FORMATS`: safetensors
    before others.

    Raises as `local_folder` does, and ValueError for an index that is damaged or names files elsewhere.
    """
    if not is_repository(name):
        return Path(name, options.subfolder)
    repository = Repository(str(name), options)
    path = repository.first_of(list(FORMATS))
    if path.name.endswith(INDEX):
        repository.folder(_shards_in(path))
    return path.parent


def _shards_in(index: Path) -> list[str]:
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{index} is no index of shards: expected an object with a weight_map that names some")
    for shard in weight_map.values():
        if not isinstance(shard, str) or not _SHARD.fullmatch(shard):
            raise ValueError(f"{index} names the shard {str(shard)[:80]!r}; expected a file in the same folder")
    return sorted(set(weight_map.values()))
