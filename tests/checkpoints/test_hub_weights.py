"""Of a repository's weights one kind is downloaded: the first that can be read."""

import json

import pytest
from hub_server import Hub

from npconformer.checkpoints.array_file import FORMATS
from npconformer.checkpoints.hub_weights import weights_folder
from npconformer.storage.hub_options import HubOptions

NAME = "owner/name"
ALL = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def index(*shards: str) -> bytes:
    return json.dumps({"weight_map": {f"weight.{i}": shard for i, shard in enumerate(shards)}}).encode()


def downloaded(hub: Hub, **files: bytes) -> list[str]:
    """What of the repository's files is in the cache when its weights are."""
    hub.add(NAME, {name: b"..." for name in ("config.json", *ALL)} | files if not files else files)
    return sorted(path.name for path in weights_folder(NAME, HubOptions()).iterdir())


def test_a_folder_is_left_as_it_is(tmp_path):
    assert weights_folder(tmp_path, HubOptions()) == tmp_path
    assert weights_folder(tmp_path, HubOptions(subfolder="a")) == tmp_path / "a"


def test_safetensors_come_first_and_alone(hub):
    assert downloaded(hub) == ["model.safetensors"]


def test_bin_where_there_is_nothing_better(hub):
    assert downloaded(hub, **{"pytorch_model.bin": b"...", "flax_model.msgpack": b"..."}) == ["pytorch_model.bin"]


@pytest.mark.parametrize("name", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
def test_an_index_and_its_shards(hub, name):
    shards = [shard.replace("model", name.split(".")[0]) for shard in SHARDS]
    files = {name: index(shards[1], shards[0], shards[1]), **dict.fromkeys(shards, b"..."), "other.safetensors": b""}
    assert downloaded(hub, **files) == sorted([*shards, name])


def test_shards_are_of_the_commit_of_their_index(hub):
    downloaded(hub, **{ALL[1]: index(*SHARDS), **dict.fromkeys(SHARDS, b"...")})
    commit = hub.commit(NAME, "main")
    assert {r for r, asked in zip(hub.revisions, hub.requests) if SHARDS[0] in asked} <= {commit, "main"}
    assert commit in hub.revisions


def test_a_missing_shard_is_named(hub):
    with pytest.raises(FileNotFoundError, match=rf"owner/name \(revision main\) has no {SHARDS[1]}"):
        downloaded(hub, **{ALL[1]: index(*SHARDS), SHARDS[0]: b"..."})


@pytest.mark.parametrize("evil", ["../../config", "/etc/passwd", "a/b", "a\\b", "c:x", "..", "", ".hidden", 7])
def test_shards_elsewhere_are_refused_before_anything_is_asked_for(hub, evil):
    hub.add(NAME, {ALL[1]: index(evil)})
    with pytest.raises(ValueError, match=r"expected the name of a file in the same folder"):
        weights_folder(NAME, HubOptions())
    assert hub.requests[-1] == f"GET {ALL[1]}"


def test_more_shards_than_anybody_has(hub):
    with pytest.raises(ValueError, match="names 600 shards"):
        downloaded(hub, **{ALL[1]: index(*(f"{i}.safetensors" for i in range(600)))})
    assert hub.requests[-1] == f"GET {ALL[1]}"


@pytest.mark.parametrize("wrong", [b"{}", b"[]", b'{"weight_map": []}', b'{"weight_map": {}}', b"<html>"])
def test_a_damaged_index(hub, wrong):
    with pytest.raises(ValueError, match=r"model\.safetensors\.index\.json"):
        downloaded(hub, **{ALL[1]: wrong})


def test_no_weights_at_all(hub):
    with pytest.raises(FileNotFoundError, match=r"owner/name \(revision main\) has none of model\.safetensors, "):
        downloaded(hub, **{"config.json": b"{}"})


def test_what_can_be_read_is_looked_for():
    assert next(iter(FORMATS)) == "model.safetensors"
    assert list(FORMATS) == list(ALL)
