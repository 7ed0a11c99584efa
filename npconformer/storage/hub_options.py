"""The arguments of `from_pretrained` that say where at the hub a checkpoint is, and who asks; names of transformers.

They are taken out of a call's other arguments first, because settings that are not known otherwise are kept with a
tokenizer or a feature extractor and saved again, and a token must never be written to a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from npconformer.storage.archives import source_of

SECRETS = ("token", "use_auth_token")
# Downloads are always resumed; of each tokenizer there is one; code beside a checkpoint is never run, whatever it is.
WITHOUT_EFFECT = ("resume_download", "use_fast", "code_revision")
OF_UPLOADS = (*SECRETS, "repo_id", "commit_message", "create_pr", "private", "tags")

COMMIT = re.compile(r"[0-9a-f]{40}")
_NO_REVISION = re.compile(r"\.\.|[\s~^:?*\[\\\x00-\x1f\x7f]|^/|/$|^$")  # what git refuses in the names of branches
_PART = r"(?!\.\.?(/|$))[^/\\:\x00]+"  # of a path; neither . nor ..
_BELOW = re.compile(rf"({_PART}(/{_PART})*)?")
_NO_TOKEN = re.compile(r"[^\x21-\x7e]|^$")


@dataclass(frozen=True)
class HubOptions:
    """Where at the hub, and how.

    Attributes:
        revision: a branch, a tag, a commit, or "refs/pr/3" for a pull request's; None is the branch main.
        token: for private and gated repositories. None takes HF_TOKEN or what `hf auth login` has stored, False none
            at all, True insists on one.
        subfolder: where in the repository, or in the local folder, the files are.
        cache_dir: the cache's folder; None is what HF_HUB_CACHE or HF_HOME says.
        force_download: download even what is in the cache.
        local_files_only: ask nobody, use what is in the cache; so does HF_HUB_OFFLINE=1.

    Raises:
        ValueError: a value that cannot be one of these. The message does not show a token.
    """

    revision: str | None = None
    token: str | bool | None = field(default=None, repr=False)
    subfolder: str = ""
    cache_dir: str | os.PathLike | None = None
    force_download: bool = False
    local_files_only: bool = False

    def __post_init__(self) -> None:
        if self.revision is not None and (not isinstance(self.revision, str) or _NO_REVISION.search(self.revision)):
            expected = "expected a branch, a tag, a commit, or a pull request's refs/pr/NUMBER"
            raise ValueError(f"revision is {self.revision!r}; {expected}")
        if isinstance(self.token, str):
            if _NO_TOKEN.search(self.token):
                raise ValueError(
                    "token (not shown here) is empty or holds a space, a line end or a letter that no token has"
                )
        elif not isinstance(self.token, bool | None):
            raise ValueError(f"token must be a string, True, False or None, got a {type(self.token).__name__}")
        if not isinstance(self.subfolder, str) or not _BELOW.fullmatch(self.subfolder):
            raise ValueError(
                f"subfolder is {self.subfolder!r}; expected a folder inside the checkpoint's, such as 'a/b'"
            )
        if not isinstance(self.cache_dir, str | os.PathLike | None):
            raise ValueError(f"cache_dir must be a folder's path or None, got {self.cache_dir!r}")
        for name in ("force_download", "local_files_only"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.force_download and self.local_files_only:
            raise ValueError("force_download and local_files_only contradict each other: give one of the two")

    @classmethod
    def take(cls, settings: dict[str, Any]) -> HubOptions:
        """The options among the arguments of a call, which are taken out of them."""
        for name in WITHOUT_EFFECT:
            settings.pop(name, None)
        if settings.pop("proxies", None) is not None:
            raise ValueError("proxies is not offered: set HTTPS_PROXY in the environment")
        if settings.pop("trust_remote_code", None):
            raise ValueError("trust_remote_code=True: code that lies beside a checkpoint is never run; leave it out")
        former = settings.pop("use_auth_token", None)  # token's name in transformers 4
        if settings.get("token") is None and former is not None:
            settings["token"] = former
        given = {one.name: settings.pop(one.name) for one in fields(cls) if one.name in settings}
        if given.get("subfolder", "") is None:
            given["subfolder"] = ""
        return cls(**given)

    def arguments(self) -> dict[str, Any]:
        """The same as arguments for another `from_pretrained`."""
        return asdict(self)

    def pinned_to(self, folder: Path) -> HubOptions:
        """The same at the very commit that a folder in the cache is of, so that all files come from one."""
        folder = source_of(folder) or folder
        for place in (folder, *folder.parents):
            in_cache = place.parent.name == "snapshots" and place.parent.parent.name.startswith("models--")
            if in_cache and COMMIT.fullmatch(place.name):
                return replace(self, revision=place.name)
        return self

    def elsewhere(self) -> HubOptions:
        """The same for another repository, which has its own revisions and folders."""
        return replace(self, revision=None, subfolder="")


AS_USUAL = HubOptions()  # main, for everybody, through the usual cache


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that may hold a token, which earlier programs have written into their files."""
    return {name: value for name, value in settings.items() if name not in SECRETS}


def refuse_upload(push_to_hub: Any, options: dict[str, Any]) -> None:
    """Checks the arguments of a `save_pretrained` that it has no use for.

    options: those that it does not name; what says how to upload is let go, as it says nothing without push_to_hub.
    Raises ValueError where it is asked to upload, TypeError for an argument of any other name.
    """
    if push_to_hub:
        raise ValueError("push_to_hub: npconformer uploads nothing; save into a folder, then run `hf upload` on it")
    for name in options:
        if name not in OF_UPLOADS:
            raise TypeError(f"{name!r} is no argument of save_pretrained")
