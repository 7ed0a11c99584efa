"""Damaged, truncated and half-written checkpoints, and a full disk: the one before is used, with a message."""

import errno
import os
import shutil
import subprocess

import numpy as np
import pytest
from tiny_training import digest, tiny_trainer

from npconformer.checkpoints import safetensors_file
from npconformer.storage.checksums import find_damage
from npconformer.storage.folders import remove_leftovers, whole_folder
from npconformer.training import CheckpointStore, DamagedCheckpointError, OutOfSpaceError, average_checkpoints
from npconformer.training import state as state_module


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    tiny_trainer(folder, keep=2).train()
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A training of 12 steps with checkpoints of steps 8 and 12, to be damaged."""
    return shutil.copytree(trained, tmp_path / "copy")


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def empty(path):
    os.truncate(path, 0)


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, remove])
def test_every_damage_is_found(damage, copy):
    names = [path.name for path in (copy / "checkpoint-12").iterdir()]
    assert {"model.safetensors", "optimizer.safetensors", "training.json", "vocab.json", "SHA256SUMS"} < set(names)
    for name in names:
        folder = shutil.copytree(copy / "checkpoint-12", copy / f"damaged-{name}")
        damage(folder / name)
        found = find_damage(folder)
        assert found is not None and (name in found or name == "SHA256SUMS")


@pytest.mark.parametrize("name", ["model.safetensors", "training.json"])
def test_the_one_before_is_used(name, copy, trained):
    truncate(copy / "checkpoint-12" / name)
    trainer = tiny_trainer(copy, keep=2)
    trainer.train(resume=True)
    said = "\n".join(trainer.lines)
    assert f"checkpoint-12 is damaged ({name}" in said and "using checkpoint-8" in said
    assert "going on from step 8" in said
    assert digest(copy / "checkpoint-12") == digest(trained / "checkpoint-12")
    assert (copy / "damaged-checkpoint-12").is_dir()


def test_a_file_too_many_is_damage(copy):
    (copy / "checkpoint-12/other").touch()
    assert "other" in find_damage(copy / "checkpoint-12")
    assert find_damage(copy / "checkpoint-8") is None


def test_all_are_damaged(copy):
    for step in (8, 12):
        truncate(copy / f"checkpoint-{step}/model.safetensors")
    with pytest.raises(DamagedCheckpointError, match=r"every checkpoint is damaged.*checkpoint-12.*checkpoint-8"):
        tiny_trainer(copy).train(resume=True)
    assert CheckpointStore(copy).steps() == [8, 12]  # nothing is thrown away


def test_the_checksums_are_those_of_sha256sum(copy):
    if shutil.which("sha256sum") is None:
        pytest.skip("needs sha256sum")
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=copy / "checkpoint-12").returncode == 0


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def quota(*_, **__):
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def no_space_in_rust(*_, **__):
    from safetensors import SafetensorError

    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    ("failure", "place"),
    [
        *((failure, place) for failure in (no_space, quota) for place in ("model", "optimizer", "fsync")),
        (no_space_in_rust, "model"),
    ],
)
def test_a_full_disk(failure, place, tmp_path, monkeypatch):
    trainer = tiny_trainer(tmp_path)
    save = trainer._save

    def save_to_a_full_disk():
        if trainer.progress.step == 8:
            if failure is no_space_in_rust:
                monkeypatch.setattr("safetensors.numpy.save_file", failure)
            elif place == "model":
                monkeypatch.setattr("npconformer.checkpoints.pretrained.write_safetensors_stream", failure)
            elif place == "optimizer":
                monkeypatch.setattr(state_module, "write_safetensors", failure)
            else:
                monkeypatch.setattr(os, "fsync", failure)
        save()

    trainer._save = save_to_a_full_disk
    with pytest.raises(OutOfSpaceError, match=r"no space left to save step 8.*checkpoint of step 4 is intact"):
        trainer.train()
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "checkpoint-4", "log.csv"]
    again = tiny_trainer(tmp_path)
    assert again.train(resume=True).step == 12
    assert "going on from step 4" in "\n".join(again.lines)


def test_a_disk_that_is_really_full(tmp_path):
    """A file system of 100 KiB, where the system lets us make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        with pytest.raises(OutOfSpaceError, match=r"checkpoint of step 2 is intact"):
            tiny_trainer(disk, save_every=2, keep=9, log_every=100).train()
        steps = CheckpointStore(disk).steps()
        assert steps and all(find_damage(disk / f"checkpoint-{step}") is None for step in steps)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    store = CheckpointStore(tmp_path)

    def write(folder):
        (folder / "part").touch()
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        store.save(1, write)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_go_and_the_rest_stays(copy, trained):
    before = digest(copy / "checkpoint-12")
    (copy / ".checkpoint-16.new").mkdir()
    (copy / ".checkpoint-16.new/model.safetensors").write_bytes(b"half")
    (copy / ".checkpoint-4.old").mkdir()
    (copy / ".hidden").mkdir()
    trainer = tiny_trainer(copy, keep=2)
    trainer.train(resume=True)
    assert [path.name for path in remove_leftovers(copy)] == []
    assert (copy / ".hidden").is_dir() and not (copy / ".checkpoint-16.new").exists()
    assert "removed .checkpoint-16.new" in "\n".join(trainer.lines)
    assert digest(copy / "checkpoint-12") == before


def test_a_folder_that_was_moved_away_comes_back(tmp_path):
    """Killed between the two renames of a replacement."""
    with whole_folder(tmp_path / "best") as folder:
        (folder / "file").write_text("old")
    os.rename(tmp_path / "best", tmp_path / ".best.old")
    (tmp_path / ".best.new").mkdir()
    remove_leftovers(tmp_path)
    assert (tmp_path / "best/file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_replacing_a_folder(tmp_path):
    for text in ("one", "two"):
        with whole_folder(tmp_path / "best") as folder:
            (folder / text).touch()
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["two"]
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "best"):
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["two"]


def test_only_the_last_are_kept(tmp_path):
    store = CheckpointStore(tmp_path, keep=2)
    (tmp_path / "checkpoint-x").mkdir()
    (tmp_path / "checkpoint-007").mkdir()
    for step in (5, 10, 100):
        store.save(step, lambda folder: (folder / "file").touch())
    assert store.steps() == [10, 100]
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint-10",
        "checkpoint-100",
        "checkpoint-x",
        "checkpoint-007",
    }
    with pytest.raises(ValueError, match="keep"):
        CheckpointStore(tmp_path, keep=0)


def test_average_of_checkpoints(copy, tmp_path):
    folders = [copy / "checkpoint-8", copy / "checkpoint-12"]
    average_checkpoints(folders, tmp_path / "mean")
    first, second, mean = (
        safetensors_file.SafetensorsFile(folder / "model.safetensors") for folder in (*folders, tmp_path / "mean")
    )
    for name in mean:
        a, b, c = first.read(name), second.read(name), mean.read(name)
        assert c.dtype == a.dtype
        np.testing.assert_allclose(c, b if c.dtype.kind != "f" else (a.astype(float) + b) / 2, rtol=1e-6, atol=1e-9)
    names = {path.name for path in (tmp_path / "mean").iterdir()}
    assert {"config.json", "vocab.json"} <= names and not {"optimizer.safetensors", "training.json"} & names
    with pytest.raises(ValueError, match="no checkpoints"):
        average_checkpoints([], tmp_path / "other")
