"""TextGrid files, which Praat and those who work with it read: tiers of intervals that cover the whole recording.

The long text format of Praat's manual, "TextGrid file formats". Between what is said lie intervals with an empty text.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Interval = tuple[float, float, str]  # start and end in seconds, and the text


def to_textgrid(tiers: Mapping[str, Iterable[Interval]], duration: float) -> str:
    """Tiers of intervals in order as the text of a .TextGrid file.

    An interval that starts before the one before it has ended starts where that ends, and is left out where nothing
    remains of it. Raises ValueError for a time that is no number or for a duration that is not above 0.
    """
    if not 0 < duration < float("inf"):
        raise ValueError(f"duration: expected seconds above 0, got {duration!r}")
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {duration:.6f}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, given) in enumerate(tiers.items(), start=1):
        intervals = _covering(given, duration)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {duration:.6f}", f"        intervals: size = {len(intervals)}"]
        for place, (start, end, text) in enumerate(intervals, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start:.6f}"]
            lines += [f"            xmax = {end:.6f}", f"            text = {_quoted(text)}"]
    return "\n".join(lines) + "\n"


def _covering(intervals: Iterable[Interval], duration: float) -> list[Interval]:
    """The intervals with empty ones between them, from 0 to the duration."""
    whole: list[Interval] = []
    at = 0.0
    for start, end, text in intervals:
        if not 0 <= start <= end < float("inf"):
            raise ValueError(f"expected times from 0 on, the start before the end, got {start!r} and {end!r}")
        start, end = max(round(start, 6), at), min(round(end, 6), duration)
        if start >= end:
            continue
        if start > at:
            whole.append((at, start, ""))
        whole.append((start, end, text))
        at = end
    if at < duration or not whole:
        whole.append((at, duration, ""))
    return whole


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
