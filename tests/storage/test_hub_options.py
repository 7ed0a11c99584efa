"""The arguments about the hub are taken out of a call's others, checked, and never show a token."""

from pathlib import Path

import pytest

from npconformer.storage.hub_options import HubOptions, without_secrets

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_they_are_taken_out_of_the_others():
    settings = {"revision": "v1", "token": "t", "resume_download": True, "trust_remote_code": False, "pad_token": "_"}
    assert HubOptions.take(settings) == HubOptions(revision="v1", token="t")
    assert settings == {"pad_token": "_"}
    assert HubOptions.take({}) == HubOptions()
    assert HubOptions.take({"subfolder": None, "revision": None}) == HubOptions()


def test_no_code_is_run():
    with pytest.raises(ValueError, match=r"trust_remote_code=True: code .* is never run"):
        HubOptions.take({"trust_remote_code": True})


def test_the_former_name_of_the_token():
    settings = {"use_auth_token": "old"}
    assert HubOptions.take(settings).token == "old"
    assert settings == {}
    assert HubOptions.take({"use_auth_token": "old", "token": "new"}).token == "new"
    assert HubOptions.take({"use_auth_token": None}).token is None


def test_they_can_be_handed_on():
    options = HubOptions("v1", "t", "a/b", Path("c"), False, True)
    assert HubOptions.take(options.arguments()) == options
    assert options.elsewhere() == HubOptions(None, "t", "", Path("c"), False, True)


def test_pinning():
    folder = Path("/c/models--a--b/snapshots", COMMIT)
    for place in (folder, folder / "sub", folder / "snapshots" / ("f" * 40)):
        assert HubOptions("main").pinned_to(place).revision == COMMIT
    for place in (Path("/c"), Path("/c/snapshots", COMMIT), Path("/c/models--a--b/snapshots/main")):
        assert HubOptions("main").pinned_to(place).revision == "main"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("revision", text) for text in ("", "a b", "../a", "a..b", "/a", "a/", "a\\b", "c:d", "a\n", 3)),
        *(("subfolder", text) for text in ("/a", "..", "a/../b", ".", "a//b", "a/", "a\\b", "c:", "a\0", 3, "a/..")),
        ("cache_dir", 3),
        ("force_download", "yes"),
        ("local_files_only", None),
    ],
)
def test_what_cannot_be_is_named(name, wrong):
    with pytest.raises(ValueError, match=name):
        HubOptions(**{name: wrong})


@pytest.mark.parametrize("wrong", ["SECRET\n", "SECRET and more", "SECRÉT", "", 3, b"SECRET"])
def test_a_wrong_token_is_not_shown(wrong):
    with pytest.raises(ValueError, match="token") as caught:
        HubOptions(token=wrong)
    assert "SECR" not in str(caught.value)


def test_a_token_is_not_shown():
    assert "SECRET" not in repr(HubOptions(token="SECRET"))


def test_contradictions_and_what_is_not_offered():
    with pytest.raises(ValueError, match="contradict"):
        HubOptions(force_download=True, local_files_only=True)
    with pytest.raises(ValueError, match="HTTPS_PROXY") as caught:
        HubOptions.take({"proxies": {"https": "http://user:SECRET@host"}})
    assert "SECRET" not in str(caught.value)


def test_settings_without_secrets():
    assert without_secrets({"token": "t", "use_auth_token": True, "pad_token": "_"}) == {"pad_token": "_"}
