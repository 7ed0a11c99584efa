"""How far a long recording is, on a terminal."""

from __future__ import annotations

import os
import sys
from typing import Any

BAR = "{desc} {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of audio [{elapsed}<{remaining}]"


class SecondsBar:
    """A bar of the seconds of the recording that is being run in chunks; an AudioPipeline's `progress`.

    note: said once, at the first such recording, with {name} replaced. hidden: show no bar.
    """

    def __init__(self, hidden: bool, note: str | None = None) -> None:
        self.hidden = hidden
        self.note = note
        self.bar: Any = None

    def __call__(self, recording: Any, done_s: float, total_s: float) -> None:
        from tqdm import tqdm

        from npconformer.commands.arguments import one_message, say

        if self.note is not None:
            with tqdm.external_write_mode(file=sys.stderr):
                say(self.note.format(name=os.fspath(recording)))
            self.note = None
        if self.bar is None:
            name = one_message(os.path.basename(recording))
            self.bar = tqdm(total=total_s, desc=name, bar_format=BAR, file=sys.stderr, disable=self.hidden, leave=False)
        self.bar.update(done_s - self.bar.n)

    def close(self) -> None:
        """Take the bar away: the recording is done."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
