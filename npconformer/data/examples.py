"""What is learnt from: one utterance with what is known about it, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One utterance: a recording, or the stretch of it from `start` to `end`, and what is known about it.

    path: the recording. text: what is said. label: its class. speaker: who says it. start, end: in seconds;
    None means the recording's own. rttm: a file that says who speaks when. source: where this was read, such
    as "train.csv, line 3".
    """

    path: str
    text: str | None = None
    label: str | None = None
    speaker: str | None = None
    start: float | None = None
    end: float | None = None
    rttm: str | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """The path, and the stretch if it is not the whole recording: "talk.wav [1.5 to 3 s]"."""
        if not self.is_stretch:
            return self.path
        end = "end" if self.end is None else f"{self.end:g} s"
        return f"{self.path} [{self.start or 0:g} to {end}]"

    @property
    def is_stretch(self) -> bool:
        """Whether it is a part of a recording."""
        return self.start is not None or self.end is not None


class UnknownToModel(ValueError):
    """What an example says is none of the model's labels, speakers or letters."""


@dataclass(frozen=True)
class LeftOut:
    """An utterance that cannot be used: its recording, and why.

    source: as in Example. unknown: whether it is because the model lacks its label, speaker or letters.
    """

    path: str
    reason: str
    source: str = ""
    unknown: bool = False

    def __str__(self) -> str:
        where = f" ({self.source})" if self.source else ""
        return f"{self.path}: {self.reason}{where}"


def left_out(example: Example, reason: str | Exception) -> LeftOut:
    """What to say of an example that cannot be used; a reason that starts with its name is not named twice."""
    unknown = isinstance(reason, UnknownToModel)
    reason = str(reason)
    for name in (example.name, example.path):
        if reason.startswith(name):
            reason = reason[len(name) :].lstrip(": ")
            break
    return LeftOut(example.name, reason, example.source, unknown)
