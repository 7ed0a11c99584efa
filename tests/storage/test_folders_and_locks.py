"""Links in the places that folders and locks take: they are taken away, and what they name stays as it was."""

import os

import pytest

from npconformer.storage.folders import NEW, OLD, whole_folder
from npconformer.storage.locks import only_one

pytestmark = pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "file").write_text("mine")
    return folder


@pytest.mark.parametrize("name", ["model", f".model{NEW}", f".model{OLD}"])
def test_a_link_in_place_of_a_folder(tmp_path, elsewhere, name):
    (tmp_path / "out").mkdir()
    if name != "model":
        (tmp_path / "out" / "model").mkdir()
    (tmp_path / "out" / name).symlink_to(elsewhere)
    for _ in range(2):
        with whole_folder(tmp_path / "out" / "model") as folder:
            (folder / "file").write_text("new")
    assert os.listdir(tmp_path / "out") == ["model"]
    assert not (tmp_path / "out" / "model").is_symlink()
    assert ((tmp_path / "out" / "model" / "file").read_text(), (elsewhere / "file").read_text()) == ("new", "mine")


def test_a_link_in_place_of_the_lock(tmp_path, elsewhere):
    (tmp_path / ".lock").symlink_to(elsewhere / "file")
    with only_one(tmp_path):
        pass
    assert (elsewhere / "file").read_text() == "mine"
    assert not (tmp_path / ".lock").is_symlink()
