"""Archives as folders, with a kind of archive that is a text: when one is opened, what stays, what goes."""

import os
import subprocess
import sys

import pytest

from npconformer.storage import archives
from npconformer.storage.archives import Kind, archive_at, opened_folder, source_of, weights_of

OPENED = []


def write(path, folder):
    text = path.read_text()
    (folder / "config.json").write_text(text)
    OPENED.append(folder)
    if text == "damaged":
        raise ValueError(f"{path} is damaged")


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    OPENED.clear()
    monkeypatch.setitem(archives.KINDS, ".arc", Kind(write, lambda path: f"weights of {path.name}"))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a.arc").write_text("{}")
    return tmp_path / "a.arc"


def test_it_is_opened_once(path, tmp_path):
    folder = opened_folder(path)
    assert (folder / "config.json").read_text() == "{}"
    assert opened_folder(path) == folder == opened_folder(tmp_path)  # which holds it alone
    assert OPENED == [folder]
    assert source_of(folder) == path and source_of(str(folder)) == path and source_of(tmp_path) is None
    assert weights_of(folder) == "weights of a.arc" and weights_of(tmp_path) is None
    if os.name != "nt":
        assert folder.stat().st_mode & 0o777 == 0o700


def test_another_content_is_opened_anew(path):
    folder = opened_folder(path)
    path.write_text("{ }")
    os.utime(path, ns=(1, 1))
    assert opened_folder(path) != folder
    (opened_folder(path) / "config.json").unlink()
    opened_folder(path).rmdir()  # by somebody who tidies up
    assert (opened_folder(path) / "config.json").is_file()


def test_nothing_is_left_of_a_damaged_one(path):
    path.write_text("damaged")
    with pytest.raises(ValueError, match=r"a\.arc is damaged"):
        opened_folder(path)
    assert not OPENED[0].exists()


def test_other_paths(path, tmp_path):
    (tmp_path / "b.txt").write_text("")
    for other in (tmp_path / "b.txt", tmp_path / "none.arc", tmp_path / "none"):
        assert opened_folder(other) == other
    (tmp_path / "config.json").write_text("{}")
    assert archive_at(tmp_path) is None  # a checkpoint, whatever lies beside
    assert archive_at(path) == path
    assert not OPENED


def test_several_in_a_folder(path, tmp_path):
    (tmp_path / "b.ARC").write_text("{}")
    with pytest.raises(ValueError, match=r"holds 2 archives and no config\.json: name one of a\.arc, b\.ARC"):
        opened_folder(tmp_path)


PROGRAM = """
import os, sys
from pathlib import Path
from npconformer.storage import archives
archives.KINDS[".arc"] = archives.Kind(lambda path, folder: (folder / "x").write_text(""), None)
folder = archives.opened_folder(Path(sys.argv[1]))
if hasattr(os, "fork"):
    if (child := os.fork()) == 0:
        sys.exit()
    os.waitpid(child, 0)
assert (folder / "x").is_file()
print(folder)
"""


def test_the_folder_goes_with_the_process(path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() and not os.path.exists(done.stdout.strip())
