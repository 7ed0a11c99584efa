"""The weights of a repository at the hub: the one file, or the index and its shards, that would be loaded.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import os
from pathlib import Path

from npconformer.checkpoints.array_file import accepted_formats
from npconformer.checkpoints.sharded_file import read_index
from npconformer.storage.archives import opened_folder
from npconformer.storage.hub import Repository, is_repository
from npconformer.storage.hub_options import HubOptions

INDEX = ".index.json"  # how the names of indices end


def weights_folder(name: str | os.PathLike, options: HubOptions, use_safetensors: bool | None = None) -> Path:
    """The folder that holds the weights of a checkpoint, downloaded where need be; see `storage.hub.local_folder`.

    Of a repository's weights only the first kind that can be read is taken, in the order of `accepted_formats`:
    safetensors before others, unless use_safetensors excludes one of the two.

    Raises as `local_folder` does, and ValueError for an index that is damaged or names files elsewhere.
    """
    if not is_repository(name):
        return opened_folder(Path(name, options.subfolder))
    repository = Repository(str(name), options)
    try:
        path = repository.first_of(accepted_formats(use_safetensors))
    except FileNotFoundError as error:
        return repository.opened_archive(error)
    if path.name.endswith(INDEX):
        repository.folder(sorted(set(read_index(path).values())))
    return path.parent
