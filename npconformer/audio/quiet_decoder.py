"""Keeping libmpg123's lines, which name no file, away from standard error.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator

DECODERS_LINE = re.compile(rb"(Note|Warning|Error|WARNING|ERROR): |\[?(src/)?libmpg123/|.*\[(src/)?libmpg123/|\s*\Z")
STANDARD_ERROR = 2

_lock = threading.Lock()


@contextlib.contextmanager
def quiet_decoder() -> Iterator[list[str]]:
    """Within the block what C code writes to standard error is kept; a list that holds the decoder's lines after it.

    The descriptor belongs to the whole process: what other threads write meanwhile comes after the block.
    """
    lines: list[str] = []
    with _lock:
        try:
            kept = os.dup(STANDARD_ERROR)
        except OSError:  # there is none
            yield lines
            return
        try:
            with tempfile.TemporaryFile() as file:
                os.dup2(file.fileno(), STANDARD_ERROR)
                try:
                    yield lines
                finally:
                    os.dup2(kept, STANDARD_ERROR)
                    if file.seek(0, os.SEEK_END):
                        file.seek(0)
                        lines += _sort(file.read(), kept)
        finally:
            os.close(kept)


def _sort(written: bytes, standard_error: int) -> list[str]:
    """The decoder's lines; what others wrote goes where it was meant to go."""
    lines = written.splitlines(keepends=True)
    others = b"".join(line for line in lines if not DECODERS_LINE.match(line))
    if others:
        with contextlib.suppress(OSError):
            os.write(standard_error, others)
    return [line.decode(errors="replace").strip() for line in lines if DECODERS_LINE.match(line) and line.strip()]
