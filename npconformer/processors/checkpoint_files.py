"""Which files of a checkpoint are looked for, and, of a repository at the hub, downloaded: a processor's, or all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from npconformer.audio.extractor_files import PROCESSOR_FILE, SETTINGS_FILE
from npconformer.checkpoints.hub_weights import weights_folder
from npconformer.models.configuration import CONFIG_NAME
from npconformer.storage.archives import opened_folder, source_of
from npconformer.storage.files import existing_folder
from npconformer.storage.hub import is_repository, local_folder
from npconformer.storage.hub_options import HubOptions
from npconformer.text import tokenizer_files

EXTRACTOR_FILES = (PROCESSOR_FILE, SETTINGS_FILE)
SETTINGS_OF_TOKENIZER = (
    tokenizer_files.SETTINGS_FILE,
    tokenizer_files.SPECIAL_TOKENS_FILE,
    tokenizer_files.ADDED_TOKENS_FILE,
    tokenizer_files.SENTENCEPIECE_FILE,
)


def processor_folder(name: str | os.PathLike, hub: HubOptions, also: Sequence[str] = ()) -> Path:
    """The folder with a processor's files. also: others that are taken where there are any.

    Raises FileNotFoundError where there is no such folder, and what `storage.hub.local_folder` raises.
    """
    needed, optional = [tokenizer_files.VOCABULARY_FILE], (*EXTRACTOR_FILES, *SETTINGS_OF_TOKENIZER, *also)
    return existing_folder(
        local_folder(name, hub, needed, optional), f"the processor's files, such as {tokenizer_files.VOCABULARY_FILE}"
    )


def checkpoint_folder(name: str | os.PathLike, hub: HubOptions) -> Path:
    """The folder with all of a checkpoint: its configuration, a processor's files as far as there are, its weights.

    What is no repository is given back as it is, an archive as the folder that stands for it. Raises what
    `storage.hub.local_folder` raises.
    """
    if not is_repository(name):
        return opened_folder(Path(name, hub.subfolder))
    optional = (*EXTRACTOR_FILES, tokenizer_files.VOCABULARY_FILE, *SETTINGS_OF_TOKENIZER)
    folder = local_folder(name, hub, [CONFIG_NAME], optional)
    if source_of(folder) is not None:  # weights and all
        return folder
    weights_folder(name, hub.pinned_to(folder))
    return folder
