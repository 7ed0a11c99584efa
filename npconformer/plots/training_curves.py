"""The curves of a training, from the log that it keeps in its folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from npconformer.plots.canvas import LINE_COLOURS, name_axes, new_figure
from npconformer.storage.files import atomic_path
from npconformer.storage.step_log import read_log

LOG = "log.csv"  # in a training's folder


def training_curves(trainings: Any, columns: Sequence[str] | str | None = None, ax: Any = None) -> Any:
    """Draw the columns of a training's log over the steps: losses, measures of the evaluations, the learning rate.

        plots.training_curves("out")
        plots.training_curves(["small", "large"], columns="eval_wer")

    Args:
        trainings: a folder that `npconformer train` writes, or its log.csv; or a list of them, to compare.
        columns: which of the log's; None: the losses in one panel, then each measure and the learning rate.
        ax: axes to draw on, for one column.

    Returns: the matplotlib Figure.

    Raises:
        FileNotFoundError: there is no log. ValueError: a column that no log has; more than one for `ax`.
        ImportError: matplotlib is missing.
    """
    several = isinstance(trainings, list | tuple)
    logs = [_log_of(one) for one in (trainings if several else [trainings])]
    names = [log.parent.name if log.name == LOG else log.name for log in logs] if several else [""]
    rows = [read_log(log) for log in logs]
    known = list(dict.fromkeys(name for of_one in rows for row in of_one for name in row if name != "step"))
    panels = _panels(known, [columns] if isinstance(columns, str) else columns)
    if ax is not None and len(panels) > 1:
        raise ValueError(f"ax: takes one panel, and there would be {len(panels)}; choose one of columns: {known}")
    if ax is None:
        all_axes = new_figure(7, 2.2 * len(panels)).subplots(len(panels), squeeze=False, sharex=True)[:, 0]
    else:
        all_axes = [ax]

    for axes, panel in zip(all_axes, panels):
        lines = [(name, column, of_one) for name, of_one in zip(names, rows) for column in panel]
        for colour, (name, column, of_one) in zip(LINE_COLOURS * len(lines), lines):
            points = [(row["step"], row[column]) for row in of_one if column in row]
            marker = "." if column.startswith("eval_") else ""
            label = " ".join(part for part in (name, column) if part)
            axes.plot(*zip(*points) if points else ([], []), marker=marker, color=colour, label=label)
        name_axes(axes, "", panel[0].removeprefix("eval_").replace("_", " "))
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize=8)
    all_axes[-1].set_xlabel("step", fontsize=9)
    return all_axes[-1].figure


def write_training_curves(training: str | os.PathLike, picture: str | os.PathLike) -> None:
    """Draw a training's curves into a PNG, written whole or not at all; errors as of `training_curves`."""
    figure = training_curves(training)
    with atomic_path(Path(picture)) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _log_of(training: str | os.PathLike) -> Path:
    path = Path(training)
    path = path / LOG if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no log of a training is there")
    return path


def _panels(known: list[str], columns: Sequence[str] | None) -> list[list[str]]:
    """The columns that share a panel: those asked for each in its own, else the losses in one and the rest below."""
    if columns is not None:
        missing = [name for name in columns if name not in known]
        if missing or not columns:
            raise ValueError(f"columns: expected some of {', '.join(known)}, got {', '.join(columns) or 'none'}")
        return [[name] for name in columns]
    measures = [name for name in known if name.startswith("eval_") and name != "eval_loss"]
    panels = [["loss", "eval_loss"], *([name] for name in measures), ["learning_rate"]]
    panels = [[name for name in panel if name in known] for panel in panels]
    return [panel for panel in panels if panel] or [["loss"]]
