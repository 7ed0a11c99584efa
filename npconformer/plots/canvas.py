"""What all pictures share: matplotlib where it is needed and not before, the axes to draw on, the colours.

Figures have a canvas of their own: no window is opened, and nothing of pyplot's is touched. A notebook shows a figure
that is a cell's last value. `ax=`, where a function takes it, draws on axes of yours instead, and returns their figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

# Eight colours that people who see no red or no green can tell apart (Okabe and Ito, "Color universal design", 2008).
BLACK, ORANGE, SKY_BLUE, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7",
)  # fmt: skip
LINE_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK, YELLOW)  # in the order in which they are used
GREY = "#d9d9d9"  # padding, and what is not there


def require_matplotlib() -> None:
    """Raises ImportError when matplotlib is missing, with the command that installs it, or broken."""
    try:
        import matplotlib.figure  # noqa: F401
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError('pictures need matplotlib: pip install "npconformer[plots]"') from error
    except Exception as error:  # such as its ValueError for an MPLBACKEND that it does not know
        raise ImportError(f"pictures need matplotlib, and importing it fails: {error}") from error


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib Figure of so many inches, whose layout keeps labels apart."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white", dpi=100)
    FigureCanvasAgg(figure)
    return figure


def axes_for(ax: Any, width: float, height: float) -> Any:
    """The axes given, or those of a new figure of so many inches."""
    return new_figure(width, height).subplots() if ax is None else ax


def array_of(values: Any, name: str, axes: tuple[str, ...]) -> np.ndarray:
    """A tensor, or an array of either library, on the host.

    Raises ValueError, which calls it `name`, where it does not have these axes, or none of one, or is not of numbers.
    """
    data = values.data if isinstance(values, Tensor) else values
    array = to_host(data)
    if array.ndim != len(axes) or not array.size or array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected numbers ({', '.join(axes)}), got {array.dtype} {array.shape}")
    return array


def frame_axis(frames: int, seconds_per_frame: float | None) -> tuple[float, str]:
    """(where the axis of so many frames ends, its label): in seconds where it is known how long a frame is.

    Raises ValueError for a time that is not positive.
    """
    if seconds_per_frame is None:
        return float(frames), "frame"
    if not seconds_per_frame > 0:
        raise ValueError(f"seconds_per_frame: expected a positive number, got {seconds_per_frame!r}")
    return frames * seconds_per_frame, "time (s)"


def add_bar(image: Any, axes: Any, label: str) -> None:
    """A colour bar beside the axes, which says what a colour means."""
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def name_axes(axes: Any, x: str, y: str, title: str = "") -> None:
    """Labels, and a title that may hold any letters."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    if title:
        axes.set_title(title, fontsize=10, parse_math=False)
