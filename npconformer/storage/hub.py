"""A checkpoint by the name of a repository at the Hugging Face hub: its files in the usual cache, as a folder.

>>> local_folder("owner/name", HubOptions(revision="main"), needed=["config.json"])
PosixPath('.../models--owner--name/snapshots/5f1c...')

A local folder of that name comes first, so that everything else works on folders and knows nothing of the hub.
The package huggingface_hub does the downloading: it has the cache's layout, resumes what was cut off, gives files their
names only when they are whole, and obeys HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE. It is
imported when a repository is asked for and not before.

Only what is asked for is downloaded. Once one file has come, all others are taken from the same commit, so that
nobody gets a config of yesterday with the weights of today; and what is in the cache of a commit needs no request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from npconformer import __version__
from npconformer.storage.archives import opened_folder
from npconformer.storage.hub_answers import UnsafeAnswer, guard
from npconformer.storage.hub_archives import find_archives
from npconformer.storage.hub_errors import by_hand, explain
from npconformer.storage.hub_options import COMMIT, HubOptions

# One slash; letters, digits and -_. on both sides of it, with no mark at an end and no -- or .. inside.
_REPOSITORY = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_]([\w.-]*\w)?/[A-Za-z0-9_]([\w.-]*\w)?", re.ASCII)
LONGEST_NAME = 96
_NO_REPOSITORY = (".git", ".json", ".nemo")  # the hub refuses the first; others are files, their names misspelt


def is_repository(name: Any) -> bool:
    """Whether a name can only be that of a repository: "owner/name", with nothing of that name here."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME or name.endswith(_NO_REPOSITORY):
        return False
    return _REPOSITORY.fullmatch(name) is not None and not os.path.lexists(name)


def local_folder(
    name: str | os.PathLike, options: HubOptions, needed: Sequence[str] = (), optional: Sequence[str] = ()
) -> Path:
    """The folder that holds a checkpoint's files, downloaded where need be.

    Args:
        name: a folder, or "owner/name" of a repository at the hub. Whatever has that name here comes first.
        options: which revision of a repository, and how.
        needed: files that a repository must have.
        optional: files that are taken where a repository has them; at least one, where none is needed.

    Returns:
        For a repository, the folder in the cache with these files. Else `name` with the subfolder; whether it exists,
        and what it has, is for the caller to see. Where there is an archive in their place, here or in the repository,
        the folder that stands for it (`storage.archives`).

    Raises:
        FileNotFoundError: there is no such repository, revision or file, or no huggingface_hub to ask for them.
        PermissionError: the repository is not open to who asks. ConnectionError: the hub cannot be reached.
    """
    if not is_repository(name):
        return opened_folder(Path(name, options.subfolder))
    repository = Repository(str(name), options)
    try:
        return repository.folder(needed, optional)
    except FileNotFoundError as error:
        return repository.opened_archive(error)


class Repository:
    """A repository at the hub. Once a file has come, `options` name the commit that it came from."""

    def __init__(self, name: str, options: HubOptions) -> None:
        self.name = name
        self._hub = _huggingface_hub(name)
        self._offline = options.local_files_only or bool(self._hub.constants.HF_HUB_OFFLINE)
        self._asked = options.revision or "main"  # for messages
        self.options = options
        if self._offline and options.force_download:
            raise ValueError(f"force_download: {name} cannot be downloaded while HF_HUB_OFFLINE forbids it")

    def folder(self, needed: Sequence[str], optional: Sequence[str] = ()) -> Path:
        """The folder in the cache with these files, in which optional ones may be missing; see `local_folder`."""
        found = [self._needed(file) for file in needed]
        found += [path for file in optional if (path := self.file(file)) is not None]
        if not found:
            raise self._lacks(optional)
        return found[0].parent

    def first_of(self, files: Sequence[str]) -> Path:
        """The first of these files that there is. Raises as `local_folder` does where there is none."""
        for file in files:
            if (path := self.file(file)) is not None:
                return path
        raise self._lacks(files)

    def opened_archive(self, error: FileNotFoundError) -> Path:
        """The folder that stands for the one archive in the repository; raises `error` where there is none, or more."""
        names = find_archives(self._hub, self.name, self.options, self._offline)
        if len(names) > 1:
            raise FileNotFoundError(f"{error}, and several archives: {', '.join(names[:8])}. Download one, and name it")
        path = self.file(names[0]) if names else None
        if path is None:
            raise error
        return opened_folder(path)

    def file(self, file: str) -> Path | None:
        """A file, in the cache; None where the repository has none, or, offline, where the cache has none."""
        if self._is_known_to_be_missing(file):
            return None
        guard(self._hub)
        try:
            path = self._hub.hf_hub_download(
                self.name,
                file,
                subfolder=self.options.subfolder or None,
                revision=self.options.revision,
                token=self.options.token,
                cache_dir=self.options.cache_dir,
                force_download=self.options.force_download,
                local_files_only=self._offline,
                library_name="npconformer",
                library_version=__version__,
            )
        except UnsafeAnswer:
            raise
        except Exception as error:  # of any HTTP library that huggingface_hub may use
            if self._says_missing(error):
                return None
            # `from None`: what others say of a request may hold the token that went with it
            raise explain(error, self.name, self._asked, file, self._hub, self.options.token) from None
        path = Path(path)
        self.options = self.options.pinned_to(path)
        return path

    def _needed(self, file: str) -> Path:
        path = self.file(file)
        if path is None:
            raise self._lacks([file])
        return path

    def _is_known_to_be_missing(self, file: str) -> bool:
        """Whether it is noted in the cache that a commit has no such file; a branch may have got it since."""
        revision = self.options.revision
        if revision is None or not COMMIT.fullmatch(revision) or self.options.force_download:
            return False
        place = f"{self.options.subfolder}/{file}".lstrip("/")
        cached = self._hub.try_to_load_from_cache(self.name, place, self.options.cache_dir, revision)
        return cached is self._hub._CACHED_NO_EXIST

    def _says_missing(self, error: Exception) -> bool:
        errors = self._hub.errors
        if isinstance(error, errors.LocalEntryNotFoundError):  # the hub was not asked, or did not answer
            return self._offline
        return isinstance(error, errors.EntryNotFoundError)

    def _lacks(self, files: Sequence[str]) -> FileNotFoundError:
        what = files[0] if len(files) == 1 else f"none of {', '.join(files)}"
        where = f" in {self.options.subfolder}" if self.options.subfolder else ""
        if self._offline:
            cache = self.options.cache_dir or self._hub.constants.HF_HUB_CACHE
            what = f"no {what}" if len(files) == 1 else what
            return FileNotFoundError(
                f"the cache {cache} holds {what} of {self.name} (revision {self._asked}){where}, and nothing is "
                "downloaded: local_files_only or HF_HUB_OFFLINE is set. Load it once with a connection"
            )
        what = f"no {what}" if len(files) == 1 else what
        return FileNotFoundError(f"the repository {self.name} (revision {self._asked}) has {what}{where}")


def _huggingface_hub(name: str) -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise FileNotFoundError(by_hand(name)) from None
    return huggingface_hub
