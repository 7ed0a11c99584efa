"""Import time and cold start: from a new process to the end, the interpreter's own start measured beside them.

The programs are the files in `programs/`: shortest ways from a recording to its text with the embedded digits model.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.agreement import DisagreementError
from benchmarks.cases import DIGITS, RECORDING
from benchmarks.jobs import JobError, environment
from benchmarks.sides import OURS, SIDES, THEIRS
from benchmarks.timing import alternate

PROGRAMS = Path(__file__).parent / "programs"
BARE = "python alone"
IMPORTS = {
    BARE: "pass",
    "import npconformer": "import npconformer",
    "npconformer's CTC model": "from npconformer import Wav2Vec2ConformerForCTC",
    "transformers' CTC model": "import torch; from transformers import Wav2Vec2ConformerForCTC",
}


def _process(arguments: list[str], threads: int) -> Callable[[], str]:
    """A function that runs Python to the end and returns what it printed."""

    def run() -> str:
        command = [sys.executable, *arguments]
        process = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise JobError(f"{' '.join(arguments)}: {process.stderr.strip().splitlines()[-1]}")
        return process.stdout.strip()

    return run


def measure_imports(threads: int, rounds: int) -> dict[str, list[float]]:
    """Samples of whole processes that import something and end, by the names of `IMPORTS`."""
    return alternate({name: _process(["-c", code], threads) for name, code in IMPORTS.items()}, rounds)


def measure_cold_start(threads: int, rounds: int) -> tuple[dict[str, list[float]], str]:
    """Samples of whole processes that print the recording's text, by side, and that text.

    Raises:
        DisagreementError: the two texts differ.
    """
    programs = {
        side: _process([str(PROGRAMS / f"transcribe_with_{side}.py"), str(DIGITS), str(RECORDING)], threads)
        for side in SIDES
    }
    texts = {side: program() for side, program in programs.items()}
    if texts[OURS] != texts[THEIRS] or not texts[OURS]:
        raise DisagreementError(f"the texts differ: {texts}")
    return alternate(programs, rounds), texts[OURS]
