"""What is said when a recording is cut that nobody asked to cut."""

from __future__ import annotations

from typing import Any

NOTE = (
    "{name} is longer than five minutes: transcribed in overlapping chunks of 30 seconds "
    "(--chunk-length-s 0: as a whole)"
)
NOTE_AT_PAUSES = (
    "{name} is longer than 30 seconds: transcribed in utterances, cut at pauses (--chunk-length-s 0: as a whole)"
)


def note_on_cutting(pipeline: Any) -> str | None:
    """What to say, with {name} replaced, of the first recording that this pipeline cuts by itself."""
    if pipeline.options.get("chunk_length_s") != "auto":
        return None
    return NOTE_AT_PAUSES if pipeline.chunking(pipeline.options).shortest else NOTE
