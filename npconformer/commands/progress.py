"""How far a long recording is, on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BAR = "{desc} {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of audio [{elapsed}<{remaining}]"


@contextmanager
def without_bars() -> Iterator[None]:
    """Within the block bars are away, so that lines can be written. Where nobody has imported tqdm there are none."""
    library = sys.modules.get("tqdm")
    if library is None:
        yield
        return
    with library.tqdm.external_write_mode(file=sys.stderr):
        yield


class SecondsBar:
    """A bar of the seconds of the recording that is being run in chunks; an AudioPipeline's `progress`.

    note: said once, at the first such recording, with {name} replaced. hidden: show no bar.
    """

    def __init__(self, hidden: bool, note: str | None = None) -> None:
        self.hidden = hidden
        self.note = note
        self.bar: Any = None

    def __call__(self, recording: Any, done_s: float, total_s: float) -> None:
        from npconformer.commands.arguments import one_message, say

        if self.note is not None:
            with without_bars():
                say(self.note.format(name=os.fspath(recording)))
            self.note = None
        if self.hidden:
            return
        if self.bar is None:
            from tqdm import tqdm

            name = one_message(os.path.basename(recording))
            self.bar = tqdm(total=total_s, desc=name, bar_format=BAR, file=sys.stderr, leave=False)
        self.bar.update(done_s - self.bar.n)

    def close(self) -> None:
        """Take the bar away: the recording is done."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
