"""Which archives a repository at the hub holds, for those that have one in the place of a checkpoint's files."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from types import ModuleType

from npconformer.storage.archives import KINDS
from npconformer.storage.hub_answers import guard
from npconformer.storage.hub_options import HubOptions

_PLAIN = re.compile(r"(?!\.)[\w. +=-]{1,200}")  # a name that leads nowhere


def find_archives(hub: ModuleType, name: str, options: HubOptions, offline: bool) -> list[str]:
    """The names of archives in a repository, or, offline, of those in the cache; none where nobody can tell.

    hub: the module huggingface_hub.
    """
    try:
        names = _in_cache(hub, name, options) if offline else _at_the_hub(hub, name, options)
    except Exception:  # of any HTTP library; what is missing was said of another file
        return []
    return sorted(one for one in names if _PLAIN.fullmatch(one) and one.lower().endswith(tuple(KINDS)))


def _at_the_hub(hub: ModuleType, name: str, options: HubOptions) -> list[str]:
    guard(hub)
    paths = hub.HfApi(token=options.token).list_repo_files(name, revision=options.revision)
    return [posixpath.basename(path) for path in paths if posixpath.dirname(path) == options.subfolder]


def _in_cache(hub: ModuleType, name: str, options: HubOptions) -> list[str]:
    folder = hub.snapshot_download(
        name, revision=options.revision, cache_dir=options.cache_dir, local_files_only=True, allow_patterns="*"
    )
    return [path.name for path in Path(folder, options.subfolder).iterdir() if path.is_file()]
