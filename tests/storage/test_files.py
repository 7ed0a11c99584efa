"""Files are written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from npconformer.storage import umask
from npconformer.storage.files import (
    atomic_path,
    existing_folder,
    make_folder,
    read_json_object,
    write_bytes_atomically,
    write_json_atomically,
    write_text_atomically,
)


def test_text_and_bytes_are_written_as_given(tmp_path):
    write_text_atomically(tmp_path / "a.txt", "zwölf\nBoxkämpfer\n")
    write_bytes_atomically(tmp_path / "b.bin", b"\x00\xff")
    assert (tmp_path / "a.txt").read_bytes() == "zwölf\nBoxkämpfer\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.bin"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "weights.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="disk on fire"):
        with atomic_path(target) as temporary:
            assert temporary.parent == tmp_path and temporary.suffix == ".bin"
            temporary.write_bytes(b"half of the new")
            raise RuntimeError("disk on fire")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.bin"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file modes")
def test_modes_are_those_of_an_ordinary_write(tmp_path):
    (tmp_path / "ordinary").write_text("x")
    write_text_atomically(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    os.chmod(tmp_path / "ours", 0o640)
    write_text_atomically(tmp_path / "ours", "y")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file modes")
def test_the_umask_is_never_set_where_the_kernel_tells_it(tmp_path, monkeypatch):
    if b"\nUmask:" not in Path(umask.STATUS).read_bytes():
        pytest.skip("this kernel does not tell it")
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", lambda mask: pytest.fail("set for a moment"))
            write_text_atomically(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_elsewhere_the_umask_is_set_once_to_what_lets_nobody_in(monkeypatch):
    asked = []
    monkeypatch.setattr(umask, "STATUS", os.devnull)
    monkeypatch.setattr(os, "umask", lambda mask: asked.append(mask) or 0o022)
    umask._by_setting.cache_clear()
    try:
        assert [umask.ordinary_mode(), umask.ordinary_mode()] == [0o644, 0o644]
    finally:
        umask._by_setting.cache_clear()
    assert asked == [0o077, 0o022]


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")
def test_a_link_is_replaced_and_what_it_names_stays(tmp_path):
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "secret").chmod(0o600)
    for target in ("secret", "nowhere", "."):
        (tmp_path / "a.txt").unlink(missing_ok=True)
        (tmp_path / "a.txt").symlink_to(target)
        write_text_atomically(tmp_path / "a.txt", "new")
        assert not (tmp_path / "a.txt").is_symlink() and (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "secret").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "secret"]


def test_json_round_trip(tmp_path):
    write_json_atomically(tmp_path / "c.json", {"b": [1, None], "a": "ü"})
    assert read_json_object(tmp_path / "c.json") == {"a": "ü", "b": [1, None]}
    with pytest.raises(FileNotFoundError):
        read_json_object(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b'{"a": "\xff"}', "line 1: not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is UTF-16, not UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        (b'{"a":' * 100_000, "is not valid JSON"),
        (b"[1]", "must hold a JSON object, got a list"),
        (b"7", "must hold a JSON object, got a number"),
        (b"null", "must hold a JSON object, got null"),
        (b"true", "must hold a JSON object, got true or false"),
        (b'"a"', "must hold a JSON object, got a string"),
    ],
)
def test_damaged_json_is_named(tmp_path, content, words):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.json (is not valid JSON: (it )?)?{words}"):
        read_json_object(tmp_path / "bad.json")


@pytest.mark.parametrize("name", ["a" * 255, "a" * 240 + ".wav", "a." + "b" * 253, "ü" * 127, "\udcff.txt"])
def test_names_of_every_length_and_kind(tmp_path, name):
    write_text_atomically(tmp_path / name, "x")
    assert os.listdir(tmp_path) == [name]


def test_the_temporary_file_keeps_the_extension(tmp_path):
    with atomic_path(tmp_path / ("a" * 240 + ".flac")) as temporary:
        assert temporary.suffix == ".flac"


@pytest.mark.parametrize(
    ("name", "number"),
    [("a" * 256, errno.ENAMETOOLONG), ("none/a", errno.ENOENT), ("folder", errno.EISDIR), ("file/a", errno.ENOTDIR)],
)
def test_what_cannot_be_written_is_named_before_any_work(tmp_path, name, number):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError) as raised, atomic_path(tmp_path / name):
        pytest.fail("the work has been started")
    assert (raised.value.errno, raised.value.filename) == (number, str(tmp_path / name))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_full_disk_is_an_error_of_the_target(tmp_path):
    with pytest.raises(OSError) as raised, atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.filename == str(tmp_path / "a")
    with pytest.raises(OSError) as raised, atomic_path(tmp_path / "a"):
        open(tmp_path / "another")
    assert raised.value.filename == str(tmp_path / "another")


def test_folders(tmp_path):
    (tmp_path / "file").write_text("")
    assert existing_folder(str(tmp_path), "files") == tmp_path == make_folder(tmp_path)
    assert make_folder(tmp_path / "a" / "b").is_dir()
    with pytest.raises(FileNotFoundError, match="file' is a file; expected a folder with letters"):
        existing_folder(tmp_path / "file", "letters")
    with pytest.raises(FileNotFoundError, match="none' does not exist; expected a folder with letters"):
        existing_folder(tmp_path / "none", "letters")
    with pytest.raises(ValueError, match="file is a file"):
        make_folder(tmp_path / "file" / "a")


def test_json_of_a_name_that_is_not_utf8(tmp_path):
    value = {"train": "r\udce9c/é", "other": "ü"}
    write_json_atomically(tmp_path / "a.json", value)
    assert read_json_object(tmp_path / "a.json", python=True) == value
    write_json_atomically(tmp_path / "b.json", {"other": "ü"})
    assert "ü" in (tmp_path / "b.json").read_text(encoding="utf-8")
