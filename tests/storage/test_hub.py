"""Files of a repository at the hub become a folder in the cache, and nothing is fetched that is not asked for."""

import pytest
from hub_server import Hub

from npconformer.storage.hub import is_repository, local_folder
from npconformer.storage.hub_options import HubOptions

try:
    import huggingface_hub
except ImportError:
    RESUMES_BY_ITSELF = True
else:  # older ones resume when they are called again
    RESUMES_BY_ITSELF = int(huggingface_hub.__version__.split(".")[0]) >= 2

NAME = "owner/name"
FILES = {"config.json": b'{"a": 1}', "vocab.json": b"{}", "model.safetensors": bytes(range(256)) * 100}


@pytest.fixture
def hub(hub: Hub) -> Hub:
    hub.add(NAME, FILES)
    return hub


def fetch(needed=("config.json",), optional=(), name=NAME, **options):
    return local_folder(name, HubOptions(**options), needed, optional)


@pytest.mark.parametrize("name", ["owner/name", "facebook/w2v-bert-2.0", "a/b", "A_1/b.c-d", "0/1"])
def test_names_of_repositories(name):
    assert is_repository(name)


@pytest.mark.parametrize(
    "name",
    ["name", "/a/b", "./a", "../a", "a/..", "a/b/c", "a/", "~/a", "a\\b", "a//b", "a b/c", "-a/b", "a/b-", "a/b--c"]
    + ["a/b..c", "a/b.git", "conf/config.json", "a/b\n", "ä/b", "", "a/" + "b" * 95],
)
def test_names_of_folders_alone(name):
    assert not is_repository(name)


def test_a_path_is_no_repository_and_needs_no_hub(tmp_path):
    assert not is_repository(tmp_path / "owner")
    assert local_folder(tmp_path, HubOptions(), ["config.json"]) == tmp_path
    assert local_folder(str(tmp_path), HubOptions(subfolder="a/b")) == tmp_path / "a" / "b"


def test_what_has_that_name_here_comes_first(hub, tmp_path, monkeypatch):
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert fetch().resolve() == tmp_path / "owner" / "name"
    assert hub.requests == []


def test_only_what_is_asked_for_is_downloaded(hub, tmp_path):
    folder = fetch(optional=["vocab.json", "added_tokens.json"])
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "vocab.json"]
    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    assert folder.parent == tmp_path / "cache" / "models--owner--name" / "snapshots"
    assert hub.requests == [
        "HEAD config.json",
        "GET config.json",
        "HEAD vocab.json",
        "GET vocab.json",
        "HEAD added_tokens.json",
    ]


def test_the_second_time_only_the_revision_is_asked_for(hub):
    first = fetch(optional=["vocab.json", "added_tokens.json"])
    hub.requests.clear()
    assert fetch(optional=["vocab.json", "added_tokens.json"]) == first
    assert hub.requests == ["HEAD config.json"]


def test_of_a_commit_nothing_is_asked_twice(hub):
    commit = hub.commit(NAME, "main")
    first = fetch(optional=["added_tokens.json"], revision=commit)
    hub.requests.clear()
    assert fetch(optional=["added_tokens.json"], revision=commit) == first
    assert hub.requests == []


def test_all_files_are_of_one_commit(hub):
    fetch(optional=["vocab.json", "added_tokens.json"])
    commit = hub.commit(NAME, "main")
    assert hub.revisions == ["main", "main", commit, commit, commit]


def test_what_a_branch_has_now_is_loaded(hub):
    assert "vocab.json" not in [path.name for path in fetch(optional=["chat.json"]).iterdir()]
    hub.add(NAME, {**FILES, "config.json": b'{"a": 2}', "chat.json": b"[]"})
    folder = fetch(optional=["chat.json"])
    assert (folder / "config.json").read_bytes() == b'{"a": 2}'
    assert (folder / "chat.json").read_bytes() == b"[]"


@pytest.mark.parametrize("revision", ["refs/pr/3", "v1.0", "feature/faster"])
def test_revisions(hub, revision):
    hub.add(NAME, {"config.json": b'{"b": 2}'}, revision)
    assert (fetch(revision=revision) / "config.json").read_bytes() == b'{"b": 2}'
    assert (fetch() / "config.json").read_bytes() == FILES["config.json"]


def test_a_commit_is_a_revision(hub):
    first = hub.commit(NAME, "main")
    hub.add(NAME, {"config.json": b"{}"})
    assert (fetch(revision=first) / "config.json").read_bytes() == FILES["config.json"]


def test_subfolders(hub):
    hub.add(NAME, {"config.json": b"{}", "large/v2/config.json": b'{"c": 3}'})
    folder = fetch(subfolder="large/v2", optional=["vocab.json"])
    assert (folder / "config.json").read_bytes() == b'{"c": 3}'
    hub.requests.clear()
    assert fetch(subfolder="large/v2", optional=["vocab.json"]) == folder
    assert hub.requests == ["HEAD large/v2/config.json"]


def test_another_cache(hub, tmp_path):
    folder = fetch(cache_dir=tmp_path / "elsewhere")
    assert folder.is_relative_to(tmp_path / "elsewhere")
    assert not (tmp_path / "cache").exists()


def test_forced_downloads(hub):
    fetch()
    hub.requests.clear()
    fetch(force_download=True)
    assert hub.requests == ["HEAD config.json", "GET config.json"]


def test_large_files_come_from_the_storage(hub):
    folder = fetch(["model.safetensors"])
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert hub.requests[-1] == "GET model.safetensors (storage)"


def test_a_cut_connection_is_resumed(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100)  # what is kept comes in such pieces
    hub.cuts["model.safetensors"] = [10_000, 500]
    if not RESUMES_BY_ITSELF:
        for _ in range(2):
            with pytest.raises(ConnectionError, match="Try again"):
                fetch(["model.safetensors"])
    folder = fetch(["model.safetensors"])
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    starts = [one.removeprefix("model.safetensors bytes=") for one in hub.ranges]
    assert starts == ["10000-", "10500-"]


def test_what_never_arrives_whole_gets_no_name_and_can_be_tried_again(hub, tmp_path):
    hub.cuts["model.safetensors"] = [1000] + [0] * 20
    with pytest.raises(OSError, match=r"model\.safetensors of owner/name"):
        fetch(["config.json", "model.safetensors"])
    cache = tmp_path / "cache"
    assert not list(cache.rglob("model.safetensors"))
    assert [path.suffix for path in cache.rglob("blobs/*") if path.stat().st_size == 1000] in ([], [".incomplete"])
    hub.cuts.clear()
    folder = fetch(["config.json", "model.safetensors"])
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]


@pytest.mark.parametrize("length", [0, 100, 30_000])
def test_another_size_than_announced(hub, tmp_path, length):
    hub.stand_ins["model.safetensors"] = b"x" * length
    with pytest.raises(ConnectionError, match=r"model\.safetensors of owner/name did not arrive whole"):
        fetch(["model.safetensors"])
    assert not list((tmp_path / "cache").rglob("model.safetensors"))


def test_offline_with_what_is_in_the_cache(hub, monkeypatch):
    folder = fetch(optional=["vocab.json", "added_tokens.json"])
    hub.requests.clear()
    assert fetch(optional=["vocab.json", "added_tokens.json"], local_files_only=True) == folder
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetch(optional=["vocab.json", "added_tokens.json"]) == folder
    assert hub.requests == []


def test_offline_without_it(hub, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cache holds no config\.json of owner/name.*Load it once with a conn"):
        fetch(local_files_only=True)
    with pytest.raises(FileNotFoundError, match=r"holds none of a\.json, b\.json of owner/name"):
        fetch([], ["a.json", "b.json"], local_files_only=True)
    assert hub.requests == []


def test_the_cache_answers_while_the_hub_is_down(hub):
    folder = fetch(optional=["vocab.json", "added_tokens.json"])
    hub.status = 503
    assert fetch(optional=["vocab.json", "added_tokens.json"]) == folder
