"""What `npconformer train` says of its data: what is used, what cannot be and why, and what is there twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npconformer.commands.arguments import say
from npconformer.commands.cells import csv_lines

if TYPE_CHECKING:
    from npconformer.data import Example, Selection

LEFT_OUT = "left_out.csv"
SHOWN = 20  # lines about what was left out


def tell_what_is_used(output: Path, train: Selection, evaluation: Selection | None, task: str | None) -> None:
    """Say it at the terminal, and put all that is left out into a table in the output folder.

    task: what is learnt, for what to do about labels and letters that the model does not know; None: its head was
    made for these data, so that nothing is to be done.

    Raises ValueError when there is nothing to learn from, or nothing to measure on.
    """
    _tell_left_out(output, "train", train)
    if evaluation is not None:
        _tell_left_out(output, "eval", evaluation)
    _tell_repeated(train.examples, evaluation.examples if evaluation else [])
    unknown = sum(one.unknown for one in train.left_out)
    if unknown and task is not None:
        what = f"train: {unknown} of those left out have labels or letters that the model does not know"
        say(f"{what}; {_remedy(task)}")
    if not train or (evaluation is not None and not evaluation):
        which = "--train" if not train else "--eval"
        raise ValueError(f"{which}: nothing in it can be used; {output / LEFT_OUT} says why")


def _tell_left_out(output: Path, part: str, selection: Selection) -> None:
    """Names what cannot be used, the first few at the terminal and all of it in a table."""
    from npconformer.storage.files import write_bytes_atomically

    path, used, left_out = output / LEFT_OUT, len(selection), selection.left_out
    if part == "train":
        write_bytes_atomically(path, b"part,path,reason,source\n")
    say(f"{part}: {used} recording{'s' * (used != 1)}" + (f", {len(left_out)} left out:" if left_out else ""))
    for one in left_out[:SHOWN]:
        say(f"  {one}")
    if len(left_out) > SHOWN:
        say(f"  and {len(left_out) - SHOWN} more, see {path}")
    table = csv_lines([part, one.path, one.reason, one.source] for one in left_out)
    rows = table.encode("utf-8", "surrogateescape")  # names of files need not be UTF-8
    write_bytes_atomically(path, path.read_bytes() + rows)


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


def _sound_of(example: Example) -> tuple[Any, ...]:
    return os.path.realpath(example.path), example.start, example.end


def _remedy(task: str) -> str:
    if task == "frame":
        return "--new-head --set num_labels=N makes a head for N speakers"
    return "--new-head makes a head for those of the data"
