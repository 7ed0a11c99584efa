"""Formats that libsndfile does not read (MP4, WebM, AAC, WMA, ...), where the program ffmpeg is installed.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import PurePath
from typing import BinaryIO

from npconformer.storage.messages import printable

LONGEST_WORDS = 300  # characters of what ffmpeg says


def convert(data: BinaryIO, name: str, what: str) -> tuple[BinaryIO, str]:
    """The first sound of a file as a temporary WAV file, and what ffmpeg complained of, if it gave a part only.

    data: the open file. name, what: the recording and its format, for messages.

    Raises ValueError where the program is not installed, with the command that would convert the file, and where it
    cannot read it.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        command = f"ffmpeg -i {shlex.quote(name)} {shlex.quote(str(PurePath(name).with_suffix('.wav')))}"
        raise ValueError(
            f"{name}: {what} is read through the program ffmpeg, and that is not installed here; "
            f"install it, or convert the file where it is: {command}"
        )
    file = tempfile.TemporaryFile()
    path = getattr(data, "name", None)
    if not isinstance(path, str | bytes):  # a temporary file, or bytes in memory
        with tempfile.NamedTemporaryFile() as copy:
            data.seek(0)
            shutil.copyfileobj(data, copy)
            copy.flush()
            return _run(program, copy.name, file, name)
    return _run(program, path, file, name)


def _run(program: str, path: str | bytes, file: BinaryIO, name: str) -> tuple[BinaryIO, str]:
    command_line = [
        *(program, "-nostdin", "-hide_banner", "-loglevel", "error"),
        *("-protocol_whitelist", "file,pipe"),  # a playlist must not make it ask a server
        *(
            "-i",
            b"file:" + os.fsencode(os.path.abspath(path)),
            "-map",
            "0:a:0",
            "-c:a",
            "pcm_f32le",
            "-f",
            "wav",
            "pipe:1",
        ),
    ]
    try:
        done = subprocess.run(command_line, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        file.close()
        raise ValueError(f"{name} cannot be read through {program}: {error.strerror}") from error
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    words = printable(lines[-1])[-LONGEST_WORDS:] if lines else f"exit status {done.returncode}"
    if file.seek(0, os.SEEK_END) <= 100:  # no more than a header
        file.close()
        raise ValueError(f"{name} cannot be read through ffmpeg: {words}")
    file.seek(0)
    return file, words if done.returncode else ""
