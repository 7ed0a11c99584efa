"""What went wrong with a repository at the hub, in words that say what to do; no message holds a token."""

from __future__ import annotations

import os
import re
from types import ModuleType
from typing import Any

INSTALL = 'pip install "huggingface_hub>=0.30" (the extra "hub" of npconformer)'
_TOKEN = re.compile(r"\bhf_\w+|(?<=Bearer )[^\s'\"]+")
_SIGNATURE = re.compile(r"\?[^\s'\"]+")
LOG_IN = "run `hf auth login`, set HF_TOKEN or pass token="


def by_hand(name: str) -> str:
    """What to do about a repository where huggingface_hub is not installed."""
    return (
        f"{name!r} is no folder here, and loading a repository of that name from the hub needs a package that is not "
        f"installed: {INSTALL}. Or download it by hand into a folder of your own and name that: open "
        f'https://huggingface.co/{name}, choose "Files and versions" and take config.json, the weights '
        "(model.safetensors, else pytorch_model.bin) and, as far as they are there, preprocessor_config.json, "
        "processor_config.json, tokenizer_config.json, vocab.json, special_tokens_map.json, added_tokens.json and "
        "tokenizer.model. "
        f"A file's address is https://huggingface.co/{name}/resolve/main/ and its name"
    )


def explain(
    error: BaseException, name: str, revision: str, file: str, hub: ModuleType, token: str | bool | None
) -> BaseException:
    """The error to raise in place of what huggingface_hub raised when a file of a repository was asked for.

    Args:
        error: what it raised.
        name: of the repository.
        revision: as it was asked for.
        file: its name.
        hub: the module huggingface_hub.
        token: as it was given; it is taken out of whatever text is passed on.
    """
    errors = hub.errors
    if isinstance(error, errors.LocalEntryNotFoundError) or type(error) is ValueError:
        error = error.__cause__ or error  # it says itself only that the file is not in the cache either
    page = f"{hub.constants.ENDPOINT}/{name}"
    if isinstance(error, errors.GatedRepoError):  # a RepositoryNotFoundError too
        return PermissionError(f"{name} is gated: ask for access at {page}, then {LOG_IN}")
    if isinstance(error, errors.RepositoryNotFoundError):
        return FileNotFoundError(
            f"there is no folder {name!r} here and no repository {name} at {hub.constants.ENDPOINT}, or a private one: "
            f"check the spelling; for a private one {LOG_IN}, of somebody who may read it"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return FileNotFoundError(
            f"the repository {name} has no revision {revision!r}; expected a branch, a tag, a commit, or a pull "
            f"request's refs/pr/NUMBER: see {page}/tree/main"
        )
    if isinstance(error, errors.DisabledRepoError):
        return PermissionError(f"the hub has disabled the repository {name}: see {page}")
    if isinstance(error, errors.HfHubHTTPError):
        return _of_status(error, name, file, page)
    if isinstance(error, errors.LocalTokenNotFoundError):
        return PermissionError(f"token=True asks {name} for a stored token, and there is none: {LOG_IN}")
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return error  # the disk is full, the cache is closed: the system's own words name the file
    what = f"{type(error).__name__}: {_without_secrets(str(error), token)}"
    if "Consistency check failed" in what:
        return ConnectionError(f"{file} of {name} did not arrive whole and was not kept; try again ({what})")
    return ConnectionError(
        f"{file} of {name} could not be had from {hub.constants.ENDPOINT}, and the cache does not hold it ({what}). "
        "Try again, which goes on where it stopped; with HF_HUB_OFFLINE=1 only the cache is used"
    )


def _of_status(error: Any, name: str, file: str, page: str) -> Exception:
    """For an answer of the hub that is none of the known refusals."""
    status = error.response.status_code
    if status == 401:
        return PermissionError(f"the hub does not know the token that was sent for {name}: {LOG_IN}, a valid one")
    if status == 403:
        return PermissionError(f"the token has no right to read {name}: give it that right, or {LOG_IN}; see {page}")
    if status == 429:
        return ConnectionError(f"the hub has had too many requests and refuses {file} of {name}: try again later")
    return ConnectionError(f"the hub answered with status {status} when asked for {file} of {name}: try again later")


def _without_secrets(text: str, token: str | bool | None) -> str:
    """A text without tokens, and without what signs the address of a file."""
    for secret in (token, os.environ.get("HF_TOKEN"), os.environ.get("HUGGING_FACE_HUB_TOKEN")):
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return _SIGNATURE.sub("?***", _TOKEN.sub("***", text))
