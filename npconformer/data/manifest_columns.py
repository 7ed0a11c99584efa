"""The names that others give to the columns of a manifest.

    ours    Hugging Face's metadata.csv    NeMo's manifests
    path    file_name                      audio_filepath
    text    transcription                  text
    start                                  offset
    end                                    offset + duration
    rttm                                   rttm_filepath

Where a row has our name, it counts, and the others are passed over. A `duration` is a stretch's only where NeMo's
reader would take it for one: with `audio_filepath` or beside an `offset`. In other tables it is how long the recording
is, and passed over.
"""

from __future__ import annotations

from typing import Any

NAMES = {
    "path": ("file_name", "audio_filepath"),
    "text": ("transcription",),
    "start": ("offset",),
    "rttm": ("rttm_filepath",),
}
PATH_NAMES = {"path", *NAMES["path"]}
OF_NEMO = "audio_filepath"


def with_our_names(values: dict[str, Any]) -> dict[str, Any]:
    """A row's values under our names; "duration" is there only where it says the end of a stretch.

    Raises ValueError for two columns that both say the same, neither of them by our name.
    """
    ours = dict(values)
    for name, others in NAMES.items():
        there = [other for other in others if _has(values, other)]
        if _has(values, name) or not there:
            continue
        if len(there) > 1:
            raise ValueError(f"{' and '.join(there)} both say the {name}; leave one, or name it {name}")
        ours[name] = values[there[0]]
    of_nemo = not _has(values, "path") and _has(values, OF_NEMO)
    beside_offset = "start" not in values and _has(values, "offset")
    if not (of_nemo or beside_offset):
        ours.pop("duration", None)
    return ours


def _has(values: dict[str, Any], name: str) -> bool:
    """Whether a row has a column; None, JSON's null, is no value."""
    return values.get(name) is not None
