"""Files are written whole or not at all."""

import os
import stat

import pytest

from npconformer.files import (
    atomic_path,
    read_json,
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


def test_json_round_trip_and_bad_json(tmp_path):
    write_json_atomically(tmp_path / "c.json", {"b": [1, None], "a": "ü"})
    assert read_json(tmp_path / "c.json") == {"a": "ü", "b": [1, None]}
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json"):
        read_json(tmp_path / "bad.json")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")
