"""A server's answers cannot name a file outside the cache, at whatever request they come."""

import importlib
from pathlib import Path

import pytest
from hub_server import Hub

from npconformer.storage.hub import local_folder
from npconformer.storage.hub_answers import UnsafeAnswer
from npconformer.storage.hub_options import HubOptions

NAME = "owner/name"
HONEST: dict[str, str] = {}
OUTSIDE = ["../../outside", '"../../outside"', 'W/"../../../outside"', "/tmp/outside", "a/../../b", "..", ".", "a\\b"]


@pytest.fixture
def hub(hub: Hub) -> Hub:
    hub.add(NAME, {"config.json": b"{}", "model.safetensors": b"weights"})
    return hub


def fetch(file: str = "config.json") -> Path:
    return local_folder(NAME, HubOptions(), [file]) / file


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit", "X-Xet-Hash"])
def test_a_name_that_leads_out_is_refused_and_nothing_is_written(hub, tmp_path, header, name):
    hub.lies["config.json"] = [{header: name}]
    with pytest.raises(UnsafeAnswer, match=rf"{header}: .*HF_ENDPOINT"):
        fetch()
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("header", ["ETag", "X-Repo-Commit"])
def test_a_server_that_lies_only_the_second_time(hub, tmp_path, header):
    hub.lies["config.json"] = [HONEST, {header: "../../outside"}]
    try:
        fetch()  # whichever request is the second, it names no file or is refused
    except UnsafeAnswer:
        pass
    assert all(file.startswith("cache/") for file in files_below(tmp_path))


def test_what_is_said_of_a_missing_file_is_an_answer_too(hub, tmp_path):
    hub.lies["absent.json"] = [{"X-Repo-Commit": "../../outside"}]
    with pytest.raises(UnsafeAnswer):
        fetch("absent.json")
    assert files_below(tmp_path) == []


def test_a_session_that_is_made_anew_is_checked_too(hub, tmp_path):
    """huggingface_hub closes its session after some errors, and goes on with a new one."""
    fetch()
    kept = files_below(tmp_path)
    http = importlib.import_module("huggingface_hub.utils._http")
    getattr(http, "close_session", getattr(http, "reset_sessions", None))()
    hub.lies["model.safetensors"] = [{"X-Linked-Etag": "../../outside"}]
    with pytest.raises(UnsafeAnswer):
        fetch("model.safetensors")
    assert files_below(tmp_path) == kept


def test_of_a_redirected_file_both_answers_are_looked_at(hub, tmp_path):
    hub.lies["model.safetensors"] = [{"X-Linked-Etag": "../../outside"}]
    with pytest.raises(UnsafeAnswer):
        fetch("model.safetensors")
    assert files_below(tmp_path) == []


def test_the_etags_that_servers_send(hub):
    for etag in ['"686897696a7c876b7e"', 'W/"686897696a7c"', "0x8DA-5:a_b=", '"abc-12"']:
        hub.lies["config.json"] = [{"ETag": etag}]
        assert fetch().read_bytes() == b"{}"


def test_a_users_own_way_of_making_sessions_is_kept(hub, monkeypatch):
    http = importlib.import_module("huggingface_hub.utils._http")
    setter, kept_as = ("set_client_factory", "_GLOBAL_CLIENT_FACTORY")
    if not hasattr(http, setter):
        setter, kept_as = ("configure_http_backend", "_GLOBAL_BACKEND_FACTORY")
    default, made = getattr(http, kept_as), []

    def own():
        made.append(True)
        return default()

    getattr(http, setter)(own)
    try:
        fetch()
        hub.lies["model.safetensors"] = [{"ETag": "../x"}]
        with pytest.raises(UnsafeAnswer):
            fetch("model.safetensors")
    finally:
        getattr(http, setter)(default)
    assert made
