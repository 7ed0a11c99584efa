"""What can be wrong with a repository is said in words that name it and what to do, and never with a token in them."""

import sys
import traceback

import pytest
from hub_server import Hub

from npconformer.storage.hub import local_folder
from npconformer.storage.hub_errors import explain
from npconformer.storage.hub_options import HubOptions

NAME, SECRET = "owner/name", "hf_SECRET"


@pytest.fixture
def hub(hub: Hub) -> Hub:
    hub.add(NAME, {"config.json": b"{}", "model.safetensors": b"weights"})
    return hub


def fetch(needed=("config.json",), optional=(), name=NAME, **options):
    return local_folder(name, HubOptions(**options), needed, optional)


def refusal(kind, *files, **options):
    """The message of the error of that kind; nothing of a token is in it, nor in a traceback."""
    with pytest.raises(kind) as caught:
        fetch(*([files] if files else []), **options)
    assert type(caught.value) is kind
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_no_such_repository(hub):
    message = refusal(FileNotFoundError, name="owner/nmae")
    assert "no folder 'owner/nmae' here and no repository owner/nmae at " + hub.url in message
    assert "check the spelling" in message
    assert "HF_TOKEN" in message


def test_no_such_revision(hub):
    message = refusal(FileNotFoundError, revision="v2")
    assert message.startswith("the repository owner/name has no revision 'v2'; expected a branch")


def test_no_such_file(hub):
    assert refusal(FileNotFoundError, "vocab.json") == "the repository owner/name (revision main) has no vocab.json"
    message = refusal(FileNotFoundError, "vocab.json", revision="main", optional=["config.json"])
    assert message.endswith("has no vocab.json")
    with pytest.raises(FileNotFoundError, match=r"has none of a\.json, b\.json"):
        fetch([], ["a.json", "b.json"])


def test_a_private_repository(hub):
    hub.readers[NAME] = SECRET
    for wrong in (None, False):
        assert "or a private one" in refusal(FileNotFoundError, token=wrong)
    message = refusal(PermissionError, token="hf_WRONG_SECRET")
    assert message.startswith("the hub does not know the token that was sent for owner/name: run `hf auth login`")
    assert (fetch(["config.json", "model.safetensors"], token=SECRET) / "model.safetensors").is_file()
    assert hub.tokens == {"hf_WRONG_SECRET", SECRET}
    assert hub.leaked == set()  # what stores the files is no part of the hub


def test_the_environments_token(hub, monkeypatch):
    hub.readers[NAME] = SECRET
    monkeypatch.setenv("HF_TOKEN", SECRET)
    assert (fetch() / "config.json").is_file()
    assert "private one" in refusal(FileNotFoundError, token=False, force_download=True)


def test_a_gated_repository(hub):
    hub.readers[NAME] = SECRET
    hub.gated.add(NAME)
    for token in (None, "hf_OTHER_SECRET"):
        message = refusal(PermissionError, token=token)
        assert message.startswith(f"owner/name is gated: ask for access at {hub.url}/owner/name, then")


def test_a_token_is_asked_for_and_there_is_none(hub):
    assert "token=True asks owner/name for a stored token" in refusal(PermissionError, token=True)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, PermissionError, "the token has no right to read owner/name"),
        (429, ConnectionError, "the hub has had too many requests and refuses config.json of owner/name"),
        (500, ConnectionError, "the hub answered with status 500 when asked for config.json of owner/name"),
        (503, ConnectionError, "the hub answered with status 503"),
    ],
)
@pytest.mark.parametrize("force_download", [False, True])
def test_other_answers(hub, status, kind, said, force_download):
    hub.status = status
    assert said in refusal(kind, token=SECRET, force_download=force_download)


def test_no_connection(hub, monkeypatch):
    url = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    for module in ("constants", "file_download"):
        monkeypatch.setattr(f"huggingface_hub.{module}.HUGGINGFACE_CO_URL_TEMPLATE", url, raising=False)
    message = refusal(ConnectionError, token=SECRET)
    assert message.startswith("config.json of owner/name could not be had from")
    assert "HF_HUB_OFFLINE=1" in message


def test_what_is_no_hub(hub):
    hub.status = 200
    assert "config.json of owner/name could not be had" in refusal(ConnectionError)


def test_a_cache_that_cannot_be_written(hub, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError) as caught:
        fetch(cache_dir=tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


def test_force_download_while_offline(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="force_download: owner/name cannot be downloaded while HF_HUB_OFFLINE"):
        fetch(force_download=True)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    message = refusal(FileNotFoundError)
    assert message.startswith("'owner/name' is no folder here")
    for part in ('pip install "huggingface_hub', "Files and versions", "preprocessor_config.json", "pytorch_model.bin"):
        assert part in message
    assert "https://huggingface.co/owner/name/resolve/main/" in message


@pytest.mark.parametrize(
    "text",
    [
        "Illegal header value b'Bearer hf_SECRET\\n'",
        "for url https://cdn.example/file?X-Signature=SECRET&b=1",
        "{'authorization': 'Bearer SECRET'}",
    ],
)
def test_what_others_say_is_passed_on_without_tokens(hub, monkeypatch, text):
    huggingface_hub = sys.modules["huggingface_hub"]
    message = str(explain(RuntimeError(text), NAME, "main", "config.json", huggingface_hub, "hf_SECRET"))
    assert "***" in message
    assert "SECRET" not in message
    monkeypatch.setenv("HF_TOKEN", "SECRET-of-another-form")
    error = RuntimeError("sent SECRET-of-another-form")
    assert "SECRET" not in str(explain(error, NAME, "main", "config.json", huggingface_hub, None))
