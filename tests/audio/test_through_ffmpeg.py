"""M4A and others go through the program ffmpeg; a stand-in shows how it is called and what becomes of its answers."""

import io
import json
import os
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import soundfile

from npconformer.audio import AudioSource, AudioWarning, duration_of, read_audio, stream_audio
from npconformer.audio.opening import read_once

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
RATE = 22050
SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)
M4A = b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(1000)
PROGRAM = """#!{python}
import json, os, sys
json.dump(sys.argv[1:], open({calls!r}, "a")); open({calls!r}, "a").write("\\n")
sys.stderr.write({words!r})
name = sys.argv[sys.argv.index("-i") + 1]
assert name.startswith("file:") and open(name[5:], "rb").read()
data = bytearray(open({wav!r}, "rb").read())
data[4:8] = data[data.index(b"data") + 4 : data.index(b"data") + 8] = b"\\xff" * 4  # as to a pipe
sys.stdout.buffer.write(data[:{size}])
sys.exit({status})
"""


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """ffmpeg(...) puts the stand-in on the PATH, and gives the arguments of its calls so far."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    calls = tmp_path / "calls"

    def install(size=10**9, status=0, words=""):
        soundfile.write(tmp_path / "sound.wav", SOUND, RATE, subtype="FLOAT")
        facts = dict(calls=str(calls), wav=str(tmp_path / "sound.wav"), size=size, status=status, words=words)
        program = folder / "ffmpeg"
        program.write_text(PROGRAM.format(python=sys.executable, **facts))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return lambda: [json.loads(line) for line in calls.read_text().splitlines()]

    return install


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4", "b.webm", "c.aac", "d.WMA", "really m4a.wav", "-i; rm x.m4a"])
def test_what_ffmpeg_makes_is_read(tmp_path, monkeypatch, ffmpeg, name):
    calls = ffmpeg()
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(M4A)
    np.testing.assert_array_equal(read_audio(name, None), SOUND.mean(axis=1))
    (arguments,) = calls()
    assert f"file:{tmp_path / name}" in arguments  # one argument, whatever letters it has: no shell
    assert duration_of(name) == pytest.approx(len(SOUND) / RATE)


def test_what_came_by_a_pipe(ffmpeg):
    calls = ffmpeg()
    with tempfile.TemporaryFile() as file:
        file.write(M4A)
        for content in (file, io.BytesIO(M4A)):
            np.testing.assert_array_equal(read_audio(AudioSource("-", content=content), None), SOUND.mean(axis=1))
    assert len(calls()) == 2


def test_once_for_all_readings(tmp_path, ffmpeg):
    calls = ffmpeg()
    (tmp_path / "a.m4a").write_bytes(M4A)
    recording = read_once(tmp_path / "a.m4a")
    assert os.fspath(recording) == str(tmp_path / "a.m4a")
    duration_of(recording)
    assert sum(map(len, stream_audio(recording, None))) == len(read_audio(recording, None)) == len(SOUND)
    assert len(calls()) == 1


def test_where_it_is_not_installed_the_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a b.m4a").write_bytes(M4A)
    with pytest.raises(
        ValueError, match=r"a b\.m4a: MP4 audio is read .* not installed .*: ffmpeg -i '.*a b\.m4a' '.*a b"
    ):
        read_audio(tmp_path / "a b.m4a")
    (tmp_path / "a.wma").write_bytes(b"anything else")
    with pytest.raises(ValueError, match=r"a\.wma: \.wma audio is read through"):
        duration_of(tmp_path / "a.wma")


def test_what_it_complains_of(tmp_path, ffmpeg):
    (tmp_path / "a.m4a").write_bytes(M4A)
    ffmpeg(size=0, status=1, words="first line\n\x1b[31mInvalid data found\n")
    with pytest.raises(ValueError, match=r"a\.m4a cannot be read through ffmpeg: \\x1b\[31mInvalid data found$"):
        read_audio(tmp_path / "a.m4a")
    ffmpeg(size=30_000, status=1, words="partial file\n")
    with pytest.warns(AudioWarning, match=r"a\.m4a: ffmpeg could read a part only: partial file"):
        assert 3000 < len(read_audio(tmp_path / "a.m4a", None)) < 5000


def test_a_wav_named_m4a_needs_no_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    soundfile.write(tmp_path / "a.m4a", SOUND, RATE, format="WAV", subtype="FLOAT")
    assert len(read_audio(tmp_path / "a.m4a", None)) == len(SOUND)


@pytest.mark.skipif(
    not any(os.path.exists(os.path.join(folder, "ffmpeg")) for folder in os.get_exec_path()), reason="needs ffmpeg"
)
def test_the_real_program(tmp_path):
    soundfile.write(tmp_path / "a.wav", SOUND, RATE)
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", tmp_path / "a.wav", tmp_path / "a.m4a"], check=True)
    assert duration_of(tmp_path / "a.m4a") == pytest.approx(len(SOUND) / RATE, abs=0.1)
