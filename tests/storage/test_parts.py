"""Parts of files: held while they grow, removed when their process is dead."""

import os
import signal
import subprocess
import sys
import time

import pytest

from npconformer.storage import parts
from npconformer.storage.files import atomic_path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs locks on files")

HOLDER = """
import os, sys, time
from pathlib import Path
from npconformer.storage.files import atomic_path
with atomic_path(Path(sys.argv[1])) as part:
    part.write_text("half")
    print(part.name, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that writes a file and does not come to its end; the name of its part."""
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_a_part_lives_as_long_as_its_process(tmp_path, holder):
    process, name = holder
    assert name.startswith(f".a.{process.pid}-") and name.endswith(".part.txt")
    parts.remove_dead_parts(tmp_path)
    assert os.listdir(tmp_path) == [name]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in parts.dead_parts(tmp_path)] == [name]
    parts.remove_dead_parts(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_part_of_this_process_is_held(tmp_path):
    with atomic_path(tmp_path / "a.txt") as part:
        parts.remove_dead_parts(tmp_path)
        assert part.exists()


def test_a_part_that_another_process_has_just_made_is_not_dead(tmp_path):
    """Its number runs, though it does not hold the part yet; hours later the number is somebody else's."""
    path = tmp_path / f".a.{os.getppid()}-0123abcd.part.txt"
    path.write_text("")
    assert not list(parts.dead_parts(tmp_path))
    os.utime(path, (time.time() - 4000,) * 2)
    assert list(parts.dead_parts(tmp_path)) == [path]


@pytest.mark.parametrize(
    "name", ["a.txt", ".a.txt", ".a.99999999-0123abcd.kept.txt", ".a.x-0123abcd.part", ".a.99999999-0123abcd.party"]
)
def test_only_parts_are_removed(tmp_path, name):
    (tmp_path / name).write_text("")
    parts.remove_dead_parts(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_links_and_folders_that_look_like_parts_stay(tmp_path):
    (tmp_path / ".a.99999999-0123abcd.part").mkdir()
    (tmp_path / ".b.99999999-0123abcd.part").symlink_to("gone")
    parts.remove_dead_parts(tmp_path)
    assert len(os.listdir(tmp_path)) == 2
    parts.remove_dead_parts(tmp_path / "no folder")
