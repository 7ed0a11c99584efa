"""Weights in shards: found, compared with their index, and never looked for elsewhere."""

import json
import os

import numpy as np
import pytest
from pickle_programs import write_state_dict
from small_checkpoints import assert_same_state

from npconformer import Wav2Vec2ConformerForCTC
from npconformer.checkpoints.array_file import open_weights
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.checkpoints.sharded_file import ShardedFile

ARRAYS = {name: np.full((2, i + 1), i, np.float32) for i, name in enumerate("abcde")}
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def write_index(folder, weight_map, name="model.safetensors.index.json", **more):
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map, **more}))
    return folder / name


@pytest.fixture
def shards(tmp_path):
    """A folder with two shards and their index."""
    folder = tmp_path / "folder"
    folder.mkdir()
    write_safetensors(folder / FIRST, {name: ARRAYS[name] for name in "abc"})
    write_safetensors(folder / SECOND, {name: ARRAYS[name] for name in "de"})
    write_index(folder, {**dict.fromkeys("abc", FIRST), **dict.fromkeys("de", SECOND)})
    return folder


def change(folder, **changes):
    path = folder / "model.safetensors.index.json"
    return write_index(folder, json.loads(path.read_text())["weight_map"] | changes)


def test_it_is_a_file_of_arrays(shards):
    file = open_weights(shards)
    assert isinstance(file, ShardedFile) and file.path == shards / "model.safetensors.index.json"
    assert list(file) == list(ARRAYS) and len(file) == 5 and "d" in file and "f" not in file
    for name, array in ARRAYS.items():
        assert file.shape(name) == array.shape
        np.testing.assert_array_equal(file.read(name), array, strict=True)
        np.testing.assert_array_equal(file.read(name, np.float64), array.astype(float), strict=True)
    base = file.read("d")
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)


def test_one_file_goes_before_shards(shards):
    write_safetensors(shards / "model.safetensors", {"a": ARRAYS["a"]})
    assert isinstance(open_weights(shards), SafetensorsFile)


def as_bin_shards(folder, parts=3):
    file = SafetensorsFile(folder / "model.safetensors")
    arrays = {name: np.ascontiguousarray(file.read(name)).reshape(file.shape(name)) for name in file}
    weight_map = {}
    for part in range(parts):
        name = f"pytorch_model-{part + 1:05d}-of-{parts:05d}.bin"
        chosen = {key: array for i, (key, array) in enumerate(arrays.items()) if i % parts == part}
        write_state_dict(folder / name, chosen)
        weight_map |= dict.fromkeys(chosen, name)
    write_index(folder, weight_map, "pytorch_model.bin.index.json")


def test_shards_of_torch_files(folder):
    expected = Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict()
    as_bin_shards(folder)
    (folder / "model.safetensors").unlink()
    model, report = Wav2Vec2ConformerForCTC.from_pretrained(folder, output_loading_info=True)
    assert_same_state(model.state_dict(), expected)
    assert report.path.endswith("pytorch_model.bin.index.json") and not report.missing


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards_without_an_index(shards, kind):
    (shards / "model.safetensors.index.json").unlink()
    if kind == "bin":
        (shards / FIRST).rename(shards / "pytorch_model-00001-of-00002.bin")
        (shards / SECOND).unlink()
    name = "model.safetensors" if kind == "safetensors" else "pytorch_model.bin"
    message = (
        rf"shards of weights, such as .*00001-of-00002\.{kind}, and no index of them.*Expected {name}\.index\.json"
    )
    with pytest.raises(FileNotFoundError, match=message):
        open_weights(shards)


def test_missing_shards_are_named(shards):
    (shards / SECOND).unlink()
    message = rf"lacks 1 of the 2 shards that model\.safetensors\.index\.json names: {SECOND}\. Download them too"
    with pytest.raises(FileNotFoundError, match=message):
        open_weights(shards)


def test_a_shard_that_lacks_a_weight(shards):
    change(shards, f=SECOND, g=SECOND)
    with pytest.raises(ValueError, match=rf"{SECOND} lacks 2 weights that model.*index\.json puts there: f, g"):
        open_weights(shards)


def test_a_shard_with_more_than_the_index_says(shards):
    write_safetensors(shards / SECOND, {name: ARRAYS[name] for name in "ade"})  # "a" is in the first as well
    with pytest.raises(
        ValueError, match=rf"{SECOND} holds 1 weights that model.*does not put there: a\. Shards of several"
    ):
        open_weights(shards)


def test_a_damaged_shard(shards):
    (shards / SECOND).write_bytes((shards / SECOND).read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"{SECOND} is truncated"):
        open_weights(shards)


OUTSIDE = [
    "../secret.safetensors",
    "/etc/passwd",
    "..",
    ".",
    "",
    "sub/x.safetensors",
    "sub\\x.safetensors",
    "C:x.safetensors",
    ".hidden",
    "a\0b",
    "a\nb",
    "\ud800",
    "x" * 300,
    "*",
    7,
    None,
    ["x"],
]


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: repr(name)[:20])
def test_a_shard_is_a_file_beside_the_index(shards, name):
    write_safetensors(shards.parent / "secret.safetensors", {"a": ARRAYS["a"]})
    change(shards, a=name)
    with pytest.raises(
        ValueError, match=r"puts 'a' in .*; expected the name of a file in the same folder|half a letter"
    ):
        open_weights(shards)


def test_a_folder_is_no_shard(shards):
    (shards / "x").mkdir()
    change(shards, a="x")
    with pytest.raises(FileNotFoundError, match="lacks 1 of the 3 shards"):
        open_weights(shards)


needs_links = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")


@needs_links
def test_a_link_that_leads_elsewhere(shards):
    (shards / SECOND).rename(shards.parent / "elsewhere")
    (shards / SECOND).symlink_to(shards.parent / "elsewhere")
    with pytest.raises(ValueError, match=rf"{SECOND} is a link to .*elsewhere; expected a file in the same folder"):
        open_weights(shards)


@needs_links
def test_links_within_the_folder_and_to_it(shards):
    (shards / SECOND).rename(shards / "x")
    (shards / SECOND).symlink_to("x")
    (shards.parent / "alias").symlink_to(shards)
    assert len(open_weights(shards)) == len(open_weights(shards.parent / "alias")) == 5


@needs_links
def test_the_cache_of_the_hub(shards):
    """Its folders hold links into one folder of files that have checksums for names."""
    blobs, snapshot = shards.parent / "blobs", shards.parent / "snapshots" / "1234"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(shards.iterdir())):
        path.rename(blobs / f"{number:064x}")
        (snapshot / path.name).symlink_to(f"../../blobs/{number:064x}")
    assert len(open_weights(snapshot)) == 5
    (snapshot / SECOND).unlink()
    (snapshot / SECOND).symlink_to(shards.parent / "secret")
    (shards.parent / "secret").write_bytes(b"x")
    with pytest.raises(ValueError, match="is a link to"):
        open_weights(snapshot)


@needs_links
def test_a_link_to_itself(shards):
    (shards / SECOND).unlink()
    (shards / SECOND).symlink_to(SECOND)
    with pytest.raises((FileNotFoundError, ValueError), match=r"lacks 1 of the 2 shards|link"):
        open_weights(shards)


BAD_INDEXES = {
    "no json": (b"{oops", "is not the expected JSON"),
    "not UTF-8": (b'{"a": "\xff"}', "is not the expected JSON"),
    "deep": (b'{"a":' + b"[" * 200_000, "is not the expected JSON"),
    "a list": (b'[{"weight_map": {}}]', "expected an object with a weight_map"),
    "no map": (b'{"metadata": {}}', "expected an object with a weight_map"),
    "empty map": (b'{"weight_map": {}}', "expected an object with a weight_map that names some"),
    "map is a list": (b'{"weight_map": ["a"]}', "expected an object with a weight_map"),
    "weight twice": (b'{"weight_map": {"a": "x", "a": "y"}}', "the name 'a' occurs twice"),
    "map twice": (b'{"weight_map": {"a": "x"}, "weight_map": {"a": "x"}}', "the name 'weight_map' occurs twice"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\nsize 5\n", "is a Git LFS pointer"),
    "page": (b"<!doctype html>", "is a web page"),
    "message": (b"Entry not found", "is text, not weights: 'Entry not found'"),
    "empty": (b"", "is truncated: it is empty"),
}


@pytest.mark.parametrize("case", BAD_INDEXES)
def test_bad_indexes(shards, case):
    content, message = BAD_INDEXES[case]
    (shards / "model.safetensors.index.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"index\.json .*" + message):
        open_weights(shards)


def test_limits(shards, monkeypatch):
    write_index(shards, {f"w{i}": f"x{i}" for i in range(600)})
    with pytest.raises(ValueError, match="names 600 shards; expected at most 512"):
        open_weights(shards)
    monkeypatch.setattr("npconformer.checkpoints.sharded_file.LONGEST_JSON", 10)
    with pytest.raises(ValueError, match="has more than 10 bytes"):
        open_weights(shards)
