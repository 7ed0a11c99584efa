"""A hub on 127.0.0.1: the little of huggingface.co's protocol that downloading asks for, and the faults it may have.

Small files are sent from where they are asked for. Large ones (`LARGE`) are redirected, as the hub does it, to a
second server, which is no part of the hub and must never see a token.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

LARGE = (".safetensors", ".bin", ".nemo")
LISTING = r"/api/models/([^/]+/[^/]+)/tree/([^/?]+)\?.*"


@dataclass
class Hub:
    """What the hub holds and how it fails; tests fill it in, and read what was asked.

    Attributes:
        files: by repository and revision, the contents of each file by its path.
        readers: of private repositories, the token that opens each.
        gated: of those, the repositories that say that they exist.
        requests: "HEAD config.json" and so on, in order; `revisions` are what these asked of the hub for.
        ranges: parts of files that were asked for.
        tokens: that came with requests to the hub; `leaked` are those that came to the second server.
        cuts: for a file, after how many bytes the connection breaks, once each.
        stand_ins: for a file, what is sent in place of its content.
        status: what everything is answered with, if not None.
        lies: for a file, headers that replace those of each answer in turn, the last one for ever.
        lists: it tells which files a repository has.
    """

    files: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    readers: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    revisions: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    leaked: set[str] = field(default_factory=set)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    stand_ins: dict[str, bytes] = field(default_factory=dict)
    status: int | None = None
    lies: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    lists: bool = False
    url: str = ""
    storage_url: str = ""

    def add(self, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Puts a repository's files at a revision; returns the commit, which is a revision too."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.files.setdefault(name, {}).update({revision: files, commit: files})
        return commit

    def commit(self, name: str, revision: str) -> str:
        """The commit of a revision."""
        files = self.files[name][revision]
        return next(key for key, value in self.files[name].items() if value is files and len(key) == 40)


@contextmanager
def serve() -> Iterator[Hub]:
    """A running hub."""
    hub = Hub()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in (_handler(hub), _storage_handler(hub))]
    hub.url = f"http://127.0.0.1:{servers[0].server_port}"
    hub.storage_url = f"http://localhost:{servers[1].server_port}"  # another host, as it is to the hub
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def ask_here(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets huggingface_hub, which reads its variables when it is imported, ask this hub and keep files there."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import _http

    addresses = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    for module in (constants, file_download):
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", addresses, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # it waits before it asks again
    for name in ("reset_sessions", "close_session"):  # one that was made offline stays so
        getattr(_http, name, lambda: None)()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""

    def empty(self, status: int, **headers: str) -> None:
        """An answer without content; X_Error_Code becomes X-Error-Code."""
        self.send_response(status)
        self.send_headers({name.replace("_", "-"): value for name, value in {**headers, "Content_Length": "0"}.items()})

    def send_headers(self, headers: dict[str, str]) -> None:
        """Sends them, or the lies that are planned."""
        lies = next((lies for path, lies in self.hub.lies.items() if f"/{path}" in self.path), [])
        planned = lies.pop(0) if len(lies) > 1 else lies[0] if lies else {}
        for name, value in {**headers, **planned}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_file(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        """The content, or the part of it that is asked for, and whatever fault is planned."""
        content, start = self.hub.stand_ins.get(path, content), 0
        asked = self.headers.get("Range")
        if asked is not None:
            self.hub.ranges.append(f"{path} {asked}")
            start = int(asked.removeprefix("bytes=").split("-")[0])
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self.send_response(200 if asked is None else 206)
        self.send_headers({**headers, "Content-Length": str(len(content) - start)})
        if self.command == "GET":
            cuts = self.hub.cuts.get(path)
            self.wfile.write(content[start : start + cuts.pop(0)] if cuts else content[start:])
            self.close_connection = cuts is not None or self.close_connection


def _handler(hub: Hub) -> type[_Handler]:
    class Handler(_Handler):
        def answer(self) -> None:
            if self.path.startswith("/api/"):  # newer versions ask what else there is
                return self.list_files(*re.fullmatch(LISTING, self.path).groups()) if hub.lists else self.empty(404)
            name, _, rest = self.path.lstrip("/").partition("/resolve/")
            revision, _, path = map(unquote, rest.partition("/"))
            hub.requests.append(f"{self.command} {path}")
            hub.revisions.append(revision)
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            if token:
                hub.tokens.add(token)
            if hub.status is not None:
                return self.empty(hub.status)
            if name not in hub.files or (name in hub.readers and hub.readers[name] != token):
                if name in hub.gated:
                    return self.empty(403 if token else 401, X_Error_Code="GatedRepo")
                if token and token not in hub.readers.values():
                    return self.empty(401, X_Error_Message="Invalid credentials in Authorization header")
                return self.empty(404 if token else 401, X_Error_Code="RepoNotFound")
            if revision not in hub.files[name]:
                return self.empty(404, X_Error_Code="RevisionNotFound")
            commit = hub.commit(name, revision)
            content = hub.files[name][revision].get(path)
            if content is None:
                return self.empty(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
            sha = hashlib.sha256(content).hexdigest()
            if path.endswith(LARGE):
                return self.empty(
                    302,
                    X_Repo_Commit=commit,
                    X_Linked_Etag=f'"{sha}"',
                    X_Linked_Size=str(len(content)),
                    ETag='"of-the-pointer"',
                    Location=f"{hub.storage_url}/{name}/{commit}/{path}?signature=secret",
                )
            self.send_file(path, content, {"ETag": f'"{sha}"', "X-Repo-Commit": commit})

        def list_files(self, name: str, revision: str) -> None:
            """What is in a repository, as huggingface_hub's `list_repo_files` asks for it."""
            hub.requests.append("LIST")
            files = hub.files.get(name, {}).get(unquote(revision))
            if files is None:
                return self.empty(404, X_Error_Code="RepoNotFound")
            entries = [{"type": "file", "path": path, "size": len(files[path]), "oid": "0" * 40} for path in files]
            self.send_file("", json.dumps(entries).encode(), {"Content-Type": "application/json"})

    Handler.hub = hub
    return Handler


def _storage_handler(hub: Hub) -> type[_Handler]:
    class Handler(_Handler):
        def answer(self) -> None:
            owner, repository, commit, path = self.path.partition("?")[0].lstrip("/").split("/", 3)
            hub.requests.append(f"{self.command} {path} (storage)")
            if self.headers.get("Authorization"):
                hub.leaked.add(self.headers["Authorization"])
            self.send_file(path, hub.files[f"{owner}/{repository}"][commit][path], {})

    Handler.hub = hub
    return Handler
