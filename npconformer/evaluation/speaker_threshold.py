"""The similarity from which on two recordings are of one speaker, kept beside the weights that it was measured with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from npconformer.storage.files import read_json_object, write_json_atomically
from npconformer.storage.messages import shown

THRESHOLD_FILE = "speaker_threshold.json"


class SpeakerThreshold(NamedTuple):
    """A threshold and where it comes from.

    threshold: of the cosine, where as many pairs of one speaker lie below it as pairs of two speakers above. data: what
    it was measured on. The rest is as in the summary of `SpeakerScorer`.
    """

    threshold: float
    equal_error_rate: float
    trials: int
    trials_of_one_speaker: int
    speakers: int
    data: list[str]

    @property
    def origin(self) -> str:
        """In words."""
        return (
            f"equal error rate {100 * self.equal_error_rate:.2f} % on {self.trials} pairs of {self.speakers} speakers "
            f"in {', '.join(self.data)}"
        )


def save_threshold(folder: str | os.PathLike, summary: dict[str, Any], data: list[str]) -> Path:
    """Write what `SpeakerScorer.summary` says of `data` into the model's folder; returns the path."""
    path = Path(folder, THRESHOLD_FILE)
    measured = {name: summary[name] for name in SpeakerThreshold._fields if name != "data"}
    write_json_atomically(path, SpeakerThreshold(**measured, data=data)._asdict())
    return path


def read_threshold(folder: str | os.PathLike) -> SpeakerThreshold | None:
    """The threshold kept in a model's folder; None where there is none. Raises ValueError for a damaged file."""
    path = Path(folder, THRESHOLD_FILE)
    if not path.is_file():
        return None
    values = read_json_object(path)

    def number(name: str, least: float, most: float) -> Any:
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"{path}: {name}: expected a number from {least:g} to {most:g}, got {shown(value)}")
        return value

    data = values.get("data")
    if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
        raise ValueError(f"{path}: data: expected a list of names, got {shown(data)}")
    counts = [int(number(name, 0, 2**53)) for name in ("trials", "trials_of_one_speaker", "speakers")]
    return SpeakerThreshold(number("threshold", -1, 1), number("equal_error_rate", 0, 1), *counts, data)
