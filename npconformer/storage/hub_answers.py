"""What a hub may answer: names that huggingface_hub gives to files come from the server, and must stay in the cache.

The package stores a file under its ETag, in a folder named after the commit, both as the server sends them. A server
that answers with `ETag: "../../.bashrc"`, which whoever sets HF_ENDPOINT can make it do, would have it write anywhere.
So each answer is looked at before huggingface_hub sees it: `session` hooks of httpx (and of requests, before
huggingface_hub 1) are called for every answer, redirects and repeated requests included.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

_NAMING = ("ETag", "X-Linked-Etag", "X-Repo-Commit", "X-Xet-Hash")
_PLAIN_NAME = re.compile(r'(W/)?"?(?!\.)[\w.:+=-]{1,200}"?|""|', re.ASCII)
_FACTORIES = (  # the setter, and the module's name for what was set: from 1.0 on, and before
    ("set_client_factory", "_GLOBAL_CLIENT_FACTORY"),
    ("configure_http_backend", "_GLOBAL_BACKEND_FACTORY"),
)
_OFFICIAL = "https://huggingface.co"
_lock = threading.Lock()


class UnsafeAnswer(ConnectionError):
    """A server's answer names a file in a way that could lead out of the cache."""


def check_answer(response: Any, *_: Any, **__: Any) -> None:
    """Refuses an answer that would name a file or folder with anything but letters, digits and `.:+=_-`.

    Raises:
        UnsafeAnswer: it has such a header. Only answers to HEAD name files: others' ETags go nowhere.
    """
    if response.request.method != "HEAD":
        return
    for header in _NAMING:
        value = response.headers.get(header, "")
        if not _PLAIN_NAME.fullmatch(value):
            raise UnsafeAnswer(
                f"the server {response.request.url} answered with {header}: {value[:80]!r}, which becomes a file's "
                "name in the cache and may lead out of it; nothing was written. Is HF_ENDPOINT a hub that you trust?"
            )


def guard(hub: ModuleType) -> None:
    """Has every session that huggingface_hub makes from now on call `check_answer`; a user's own factory is kept.

    Raises:
        ConnectionError: this version offers no place for the check, and HF_ENDPOINT is another than huggingface.co.
    """
    http = hub.utils._http
    with _lock:
        for setter, kept_as in _FACTORIES:
            factory = getattr(http, kept_as, None)
            if factory is not None and hasattr(http, setter):
                if not getattr(factory, "answers_are_checked", False):
                    getattr(http, setter)(_checked(factory))
                return
    if hub.constants.ENDPOINT != _OFFICIAL:
        raise ConnectionError(
            f"the answers of {hub.constants.ENDPOINT} (HF_ENDPOINT) cannot be checked with huggingface_hub "
            f"{hub.__version__}: install one from 0.30 to 2.4 or unset HF_ENDPOINT"
        )


def _checked(factory: Callable[[], Any]) -> Callable[[], Any]:
    def make_session() -> Any:
        session = factory()
        if hasattr(session, "event_hooks"):  # httpx
            hooks = session.event_hooks
            session.event_hooks = {**hooks, "response": [*hooks.get("response", []), check_answer]}
        else:
            session.hooks["response"].append(check_answer)
        return session

    make_session.answers_are_checked = True  # type: ignore[attr-defined]
    return make_session
