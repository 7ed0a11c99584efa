"""save_pretrained in several files: which weights go where, and never a mixture of two saves."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from small_checkpoints import assert_same_state, small_model

from npconformer import Wav2Vec2ConformerForCTC
from npconformer.checkpoints import pretrained
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.checkpoints.shards import parse_size, plan_shards, shard_names

SMALL = 6_000  # bytes; makes several shards of the small model


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def model():
    return small_model()


def changed(model):
    """Every weight another than before."""
    for parameter in model.parameters():
        parameter.data = parameter.data + 1
    return model


def state_of(model):
    return {name: np.array(array) for name, array in model.state_dict().items()}


@pytest.mark.parametrize(
    ("given", "size"),
    [(1, 1), (5_000, 5_000), ("5GB", 5e9), ("1.5 MB", 1.5e6), (" 200kb ", 2e5), ("2TB", 2e12), ("0.0005MB", 500)],
)
def test_sizes(given, size):
    assert parse_size(given) == size


@pytest.mark.parametrize("given", [0, -1, 1.5, None, True, "5", "GB", "5GiB", "-5GB", "5 G", "1e3MB", "0GB", "", []])
def test_no_sizes(tmp_path, model, given):
    with pytest.raises(
        ValueError, match=re.escape(f"max_shard_size is {given!r}; expected a number of bytes or a size")
    ):
        model.save_pretrained(tmp_path / "new", max_shard_size=given)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("sizes", "shards"),
    [
        ({}, [[]]),
        ({"a": 3, "b": 3, "c": 4}, [["a", "b", "c"]]),
        ({"a": 3, "b": 3, "c": 5}, [["a", "b"], ["c"]]),
        ({"a": 20, "b": 3, "c": 30, "d": 0, "e": 10}, [["a"], ["b"], ["c"], ["d", "e"]]),
    ],
)
def test_the_plan(sizes, shards):
    assert plan_shards(sizes, 10) == shards


def test_names():
    assert shard_names(1) == ["model.safetensors"]
    assert shard_names(2) == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    with pytest.raises(ValueError, match="makes 100000 shards; expected a size that makes at most 99999"):
        shard_names(100_000)


def test_round_trip(tmp_path, model):
    model.save_pretrained(tmp_path, max_shard_size=SMALL)
    names = [name for name in files_of(tmp_path) if re.fullmatch(r"model-0000\d-of-0000\d.safetensors", name)]
    assert len(names) > 3 and files_of(tmp_path) == sorted(["config.json", "model.safetensors.index.json", *names])
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    state = model.state_dict()
    assert index["metadata"] == {"total_size": sum(array.nbytes for array in state.values())}
    assert set(index["weight_map"]) == set(state) and set(index["weight_map"].values()) == set(names)
    for name in names:
        file = SafetensorsFile(tmp_path / name)
        assert file.metadata == {"format": "pt"}
        assert len(file) == 1 or sum(file.read(weight).nbytes for weight in file) <= SMALL
    again, report = Wav2Vec2ConformerForCTC.from_pretrained(tmp_path, output_loading_info=True)
    assert report.path.endswith("model.safetensors.index.json") and not report.missing
    assert_same_state(again.state_dict(), state)


def test_as_large_as_the_limit_is_one_file(tmp_path, model):
    model.save_pretrained(tmp_path, max_shard_size=sum(array.nbytes for array in model.state_dict().values()))
    assert files_of(tmp_path) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("first", ["5GB", SMALL, 3 * SMALL])
@pytest.mark.parametrize("second", ["5GB", SMALL, 3 * SMALL])
def test_an_earlier_save_is_replaced(tmp_path, model, first, second):
    model.save_pretrained(tmp_path / "once", max_shard_size=second)
    model.save_pretrained(tmp_path / "twice", max_shard_size=first)
    others = ["notes.txt", "adapter-00001-of-00002.safetensors", "pytorch_model.bin", "tokenizer.json"]
    for name in others:
        (tmp_path / "twice" / name).write_text("kept")
    changed(model).save_pretrained(tmp_path / "twice", max_shard_size=second)
    assert files_of(tmp_path / "twice") == sorted([*files_of(tmp_path / "once"), *others])
    assert_same_state(Wav2Vec2ConformerForCTC.from_pretrained(tmp_path / "twice").state_dict(), model.state_dict())


def test_a_model_may_be_saved_over_its_own_shards(tmp_path, model):
    model.save_pretrained(tmp_path, max_shard_size=SMALL)
    loaded = changed(Wav2Vec2ConformerForCTC.from_pretrained(tmp_path))
    before = state_of(loaded)
    loaded.save_pretrained(tmp_path, max_shard_size=SMALL)
    assert_same_state(loaded.state_dict(), before)
    assert_same_state(Wav2Vec2ConformerForCTC.from_pretrained(tmp_path).state_dict(), before)


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("first", ["5GB", SMALL, 3 * SMALL])
@pytest.mark.parametrize("second", ["5GB", SMALL, 3 * SMALL])
def test_killed_at_any_step(tmp_path, model, monkeypatch, first, second):
    """After each rename and each removal: the old weights, the new ones, or a message, and never some of each."""
    old, new = state_of(model), state_of(changed(model))
    seen, steps, finished = [], 0, False
    while not finished:
        folder = tmp_path / str(steps)
        set_state(model, old)
        model.save_pretrained(folder, max_shard_size=first)
        set_state(model, new)
        with monkeypatch.context() as patch:
            kill_after(steps, patch)
            try:
                model.save_pretrained(folder, max_shard_size=second)
                finished = True
            except KilledError:
                pass
        seen.append(what_is_in(folder, old, new))
        steps += 1
    assert seen[0] == "old" and seen[-1] == "new" and steps < 30
    assert seen == sorted(seen, key=["old", "refused", "new"].index)  # never back again
    assert ("refused" in seen) == (first == second != "5GB")


def kill_after(steps, patch):
    """Renames and removals of anything but temporary files work so many times."""
    replace, unlink = os.replace, Path.unlink
    left = [steps]

    def count(path):
        if not Path(path).name.startswith("."):
            if left[0] == 0:
                raise KilledError
            left[0] -= 1

    def counted_unlink(path, missing_ok=False):
        if path.exists():
            count(path)
        unlink(path, missing_ok)

    patch.setattr(os, "replace", lambda source, target: (count(target), replace(source, target)))
    patch.setattr(Path, "unlink", counted_unlink)


def what_is_in(folder, old, new):
    try:
        loaded = Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict()
    except FileNotFoundError as error:
        assert "and no index of them: a download or a save that did not finish" in str(error)
        return "refused"
    same = [all(np.array_equal(loaded[name], state[name]) for name in state) for state in (old, new)]
    assert sorted(same) == [False, True]
    return "old" if same[0] else "new"


def set_state(model, state):
    for name, parameter in model.named_parameters():
        parameter.data = state[name]


def test_a_failed_save_leaves_everything(tmp_path, model, monkeypatch):
    model.save_pretrained(tmp_path, max_shard_size=SMALL)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write, calls = pretrained.write_safetensors_stream, []

    def fail(path, layouts, read):
        calls.append(path)
        if len(calls) == 3:
            raise OSError("disk full")
        write(path, layouts, read)

    monkeypatch.setattr(pretrained, "write_safetensors_stream", fail)
    for size in (SMALL, 3 * SMALL):
        calls.clear()
        with pytest.raises(OSError, match="disk full"):
            changed(model).save_pretrained(tmp_path, max_shard_size=size)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_all_files_are_complete_before_any_gets_its_name(tmp_path, model, monkeypatch):
    order, rename = [], os.replace

    def look(source, target):
        if not os.path.basename(target).startswith("."):
            order.append(os.path.basename(target))
            for part in tmp_path.glob(".*.part.safetensors"):
                SafetensorsFile(part)
        rename(source, target)

    monkeypatch.setattr(os, "replace", look)
    model.save_pretrained(tmp_path, max_shard_size=SMALL)
    shards = [name for name in files_of(tmp_path) if "-of-" in name]
    assert order == ["config.json", *shards, "model.safetensors.index.json"]
