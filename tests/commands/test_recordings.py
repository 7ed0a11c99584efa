"""Finding recordings: one that cannot be reached, or a folder that cannot be read, never stops the others."""

import os
import shutil

import pytest
from command_line import run

from npconformer.commands.demo import RECORDING
from npconformer.commands.recordings import Recordings


@pytest.fixture
def deny(monkeypatch):
    """deny(path): from now on nobody may list that folder, look into it or open that file, as root may anyway."""
    denied = []

    def guard(function):
        def guarded(path, *arguments, **options):
            if isinstance(path, str | os.PathLike) and any(one in (os.fspath(path) + "/") for one in denied):
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return function(path, *arguments, **options)

        return guarded

    for name in ("scandir", "stat"):
        monkeypatch.setattr(os, name, guard(getattr(os, name)))
    monkeypatch.setattr("builtins.open", guard(open))
    return lambda path: denied.append(f"{path}/")


def transcribe(capsys, *names):
    status, out, err = run(capsys, "transcribe", *names)
    return status, out, err.splitlines()[1:]  # after the note on the embedded recogniser


@pytest.mark.parametrize("name", ["file.txt/a.wav", "x" * 300 + ".wav", "loop/a.wav", "loop"])
def test_what_cannot_be_reached_is_named_and_the_others_go_on(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("not a folder")
    (tmp_path / "loop").symlink_to("loop")
    status, out, complaints = transcribe(capsys, name, RECORDING)
    assert status == 1
    assert out.startswith(f"{RECORDING}: THREE ONE")
    (complaint,) = complaints
    assert complaint.startswith(f"npconformer: {name} cannot be read: ")


def test_a_closed_folder_and_what_is_in_it(capsys, tmp_path, deny):
    closed = tmp_path / "closed"
    closed.mkdir()
    shutil.copy(RECORDING, tmp_path / "open.flac")
    deny(closed)
    status, out, complaints = transcribe(capsys, closed / "a.flac", tmp_path)
    assert (status, out.count("\n")) == (1, 1)
    assert complaints == [
        f"npconformer: {closed}: Permission denied",
        f"npconformer: {closed / 'a.flac'} cannot be read: Permission denied",
    ]


def test_a_closed_file(capsys, tmp_path, deny):
    shutil.copy(RECORDING, tmp_path / "b.flac")
    deny(tmp_path / "b.flac")
    status, _, complaints = transcribe(capsys, tmp_path / "b.flac", RECORDING)
    assert status == 1
    assert complaints == [f"npconformer: {tmp_path / 'b.flac'} cannot be read: Permission denied"]


def test_a_link_to_nothing_in_a_folder_is_a_recording_that_fails(capsys, tmp_path):
    (tmp_path / "a.wav").symlink_to("gone.wav")
    status, _, complaints = transcribe(capsys, tmp_path)
    assert (status, complaints) == (1, [f"npconformer: {tmp_path / 'a.wav'}: no such file"])


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf_8(capsys, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.flac")
    shutil.copy(RECORDING, name)
    status, out, _ = transcribe(capsys, name)
    assert (status, out) == (0, "THREE ONE FOUR ONE FIVE NINE TWO SIX\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(capsys, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    status, _, complaints = transcribe(capsys, tmp_path)
    assert status == 1
    assert "is a pipe or a device" in complaints[0]


def test_a_missing_recording_is_named_once_as_it_was_given(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert transcribe(capsys, "./a.wav")[2] == ["npconformer: ./a.wav: no such file"]


def test_recordings_of_a_folder_are_in_the_order_of_their_paths(tmp_path):
    for name in ("b.wav", "a/c.wav", "a.wav", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert Recordings([str(tmp_path)]).names == [str(tmp_path / name) for name in ("a/c.wav", "a.wav", "b.wav")]


def test_a_folder_is_opened_in_the_order_of_its_numbers(tmp_path):
    for name in ("part10.wav", "part2.wav", "disc10/a.wav", "disc2/b.wav", "part1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [os.path.relpath(name, tmp_path) for name in Recordings([str(tmp_path)]).names]
    assert names == ["disc2/b.wav", "disc10/a.wav", "part1.wav", "part2.wav", "part10.wav"]
