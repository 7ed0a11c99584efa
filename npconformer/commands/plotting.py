"""The option --plot: a picture of what a recogniser hears, in a PNG or made of letters."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from npconformer.commands.arguments import check_can_hold
from npconformer.commands.standard_output import write_out

ON_THE_TERMINAL = "-"
NARROWEST, WIDEST = 60, 100  # columns of a picture made of letters


class PlottedRecogniser:
    """A recogniser that keeps what the picture of its last recording shows, so that the model runs only once.

    In place of the pipeline for `Recordings.answers`; recordings are cut as the recogniser cuts them.
    """

    def __init__(self, recognise: Any) -> None:
        from npconformer.pipelines.logits import LogitsPipeline

        self.recognise = recognise
        self.logits = LogitsPipeline.of(recognise)
        self._heard: tuple[Any, Any] | None = None

    def stream(self, recordings: Iterable[Any], return_errors: bool, progress: Any, **options: Any) -> Iterator[Any]:
        """The results of the recordings, or their errors."""
        for recording in recordings:
            try:
                waveform, logits = self.logits.hear(recording, progress=progress)
                result = self.recognise.decode(logits.rows, logits.seams, **options)
            except (ValueError, OSError) as error:
                if not return_errors:
                    raise
                yield error
                continue
            self._heard = waveform, logits
            yield result

    def recognition(self) -> Any:
        """What a picture shows of the last recording that did not fail."""
        from npconformer.plots import Recognition

        waveform, logits = self._heard
        recogniser = self.recognise
        return Recognition.from_logits(
            waveform, logits.rows, recogniser.processor, recogniser.samples_per_frame, seams=logits.seams
        )


def check_plot(arguments: argparse.Namespace, recordings: list[str]) -> None:
    """Refuse, before any work is done, a --plot that cannot be written or drawn."""
    from npconformer.plots import require_matplotlib

    if arguments.plot in (None, ON_THE_TERMINAL):
        return
    if not arguments.plot.lower().endswith(".png"):
        arguments.parser.error(f"--plot {arguments.plot}: the picture is a PNG; name a file that ends in .png")
    check_can_hold(arguments, recordings, option="plot")
    try:
        require_matplotlib()
    except ImportError as error:
        arguments.parser.error(f"--plot {arguments.plot}: {error}; --plot - draws with letters, without it")


def write_plot(recognition: Any, path: str, title: str) -> None:
    """Write the PNG; a link stays a link, its target is what is written."""
    from npconformer.plots import write_picture

    write_picture(recognition, os.path.realpath(path) if os.path.islink(path) else path, title)


def print_plot(recognition: Any) -> None:
    """Print the picture made of letters, as wide as the terminal, within reason, and in signs that it can show."""
    from npconformer.plots import text_picture

    columns = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    text = text_picture(recognition, columns)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text_picture(recognition, columns, ascii=True).encode(encoding, "replace").decode(encoding)
    write_out(text)
