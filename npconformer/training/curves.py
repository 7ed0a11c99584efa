"""The curves of a training as a picture, from its log."""

from __future__ import annotations

import os
from pathlib import Path

from npconformer.storage.files import atomic_path
from npconformer.training.log import read_log


def draw_curves(log: str | os.PathLike, picture: str | os.PathLike) -> None:
    """Draws the columns of a log over the steps: the losses, each measure of the evaluations, and the learning rate.

    Args:
        log: the CSV file. picture: a PNG, written whole or not at all.

    Raises:
        ImportError: matplotlib is missing; the message has the command that installs it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('curves need matplotlib: pip install "npconformer[plots]"') from error

    rows = read_log(log)
    columns = dict.fromkeys(name for row in rows for name in row)
    measures = [n.removeprefix("eval_") for n in columns if n.startswith("eval_") and n != "eval_loss"]
    panels = [["loss", "eval_loss"], *([f"eval_{name}"] for name in measures), ["learning_rate"]]
    panels = [[name for name in panel if name in columns] for panel in panels]
    panels = [panel for panel in panels if panel] or [["loss"]]

    figure = Figure(figsize=(7, 2.2 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, names in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points) if points else ([], []), marker="." if name.startswith("eval_") else "", label=name)
        axes.set_ylabel(names[0].removeprefix("eval_").replace("_", " "))
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    axes.set_xlabel("step")
    with atomic_path(Path(picture)) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
