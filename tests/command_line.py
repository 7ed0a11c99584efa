"""The command `npconformer` called from a test, in this process."""

from __future__ import annotations

from typing import Any

from npconformer.cli import main


def run(capsys: Any, *argv: Any) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of main(argv)."""
    try:
        status = main([str(argument) for argument in argv])
    except SystemExit as exit:  # argparse's way out
        status = exit.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err
