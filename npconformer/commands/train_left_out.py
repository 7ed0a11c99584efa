"""What `npconformer train` says of its data: what is used, what cannot be and why, and what is there twice."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npconformer.commands.arguments import say
from npconformer.commands.cells import csv_lines, safe_cell

if TYPE_CHECKING:
    from npconformer.data import Example, Selection

LEFT_OUT = "left_out.csv"
COLUMNS = ("part", "path", "reason", "source")
SHOWN = 20  # lines about what was left out


def tell_what_is_used(output: Path, train: Selection, evaluation: Selection | None, task: str | None) -> bytes:
    """Say it at the terminal; returns the table of all that is left out, for the output folder.

    What an earlier run has named in that table, or `train` before `evaluation`, is counted and not named again.
    task: what is learnt, for what to do about labels and letters that the model does not know; None: its head was
    made for these data, so that nothing is to be done.

    Raises ValueError when there is nothing to learn from, or nothing to measure on; the table is then written.
    """
    from npconformer.storage.files import write_bytes_atomically

    path = output / LEFT_OUT
    named = _named_before(path)
    table = csv_lines([COLUMNS])
    for part, selection in (("train", train), ("eval", evaluation)):
        if selection is not None:
            _tell_left_out(path, part, selection, named)
            table += csv_lines([part, one.path, one.reason, one.source] for one in selection.left_out)
    encoded = table.encode("utf-8", "surrogateescape")  # names of files need not be UTF-8
    _tell_repeated(train.examples, evaluation.examples if evaluation else [])
    if evaluation is not None:
        _tell_unheard(evaluation)
    unknown = sum(one.unknown for one in train.left_out)
    if unknown and task is not None:
        what = f"train: {unknown} of those left out have labels or letters that the model does not know"
        say(f"{what}; {_remedy(task)}")
    if not train or (evaluation is not None and not evaluation):
        which = "--train" if not train else "--eval"
        write_bytes_atomically(path, encoded)
        raise ValueError(f"{which}: nothing in it can be used; {path} says why")
    return encoded


def _tell_left_out(path: Path, part: str, selection: Selection, named: set[tuple[str, str]]) -> None:
    """Names what cannot be used and has not been `named`, to which it is added: the first few."""
    used, left_out = len(selection), selection.left_out
    new = [one for one in left_out if _told(one) not in named]
    known = len(left_out) - len(new)
    before = f" ({known} of them named before, see {path})" if known else ""
    counted = f", {len(left_out)} left out{before}{':' * bool(new)}" if left_out else ""
    say(f"{part}: {used} recording{'s' * (used != 1)}{counted}")
    for one in new[:SHOWN]:
        say(f"  {one}")
    if len(new) > SHOWN:
        say(f"  and {len(new) - SHOWN} more, see {path}")
    named.update(map(_told, new))


def _told(left_out: Any) -> tuple[str, str]:
    """A recording and why it is left out, as the table has them."""
    return safe_cell(left_out.path), safe_cell(left_out.reason)


def _named_before(path: Path) -> set[tuple[str, str]]:
    """What the table of an earlier run names, in the same folder; a damaged one names nothing."""
    try:
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8", "surrogateescape"), newline="")))
    except (OSError, csv.Error):
        return set()
    return {(row[1], row[2]) for row in rows[1:] if len(row) == len(COLUMNS)} if rows[:1] == [list(COLUMNS)] else set()


def _tell_repeated(train: list[Example], evaluation: list[Example]) -> None:
    """Says which recordings are learnt from more than once, which is allowed, and which are measured on as well."""
    said: dict[Any, list[Any]] = {}
    for one in train:
        said.setdefault(_sound_of(one), []).append((one.text, one.label, one.speaker, one.rttm))
    if repeated := [what for what in said.values() if len(what) > 1]:
        differ = sum(len(set(what)) > 1 for what in repeated)
        note = f" ({differ} of them with different texts or labels)" if differ else ""
        say(
            f"train: {len(repeated)} recording{'s' * (len(repeated) != 1)} named more than once{note}: each time counts"
        )
    if shared := len(said.keys() & set(map(_sound_of, evaluation))):
        say(f"eval: {shared} of the recordings {'is' if shared == 1 else 'are'} in --train, too")


def _tell_unheard(evaluation: Selection) -> None:
    """Says how many recordings are of speakers who are none of the model's: of `AnySpeakerTargets`."""
    from npconformer.losses.class_labels import IGNORED

    encoded = [one for one in evaluation.encoded if isinstance(one, tuple)]
    if unheard := sum(label == IGNORED for label, _ in encoded):
        what = f"{unheard} of the recordings {'is' if unheard == 1 else 'are'} of speakers that training never heard"
        say(f"eval: {what}: they count for the error rate, and not for the loss")


def _sound_of(example: Example) -> tuple[Any, ...]:
    return os.path.realpath(example.path), example.start, example.end


def _remedy(task: str) -> str:
    order = ", and --speakers order one for whoever speaks first, second, ..." if task == "frame" else ""
    return f"--new-head makes a head for those of the data{order}"
