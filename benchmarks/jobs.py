"""Runs one function of this folder in a process of its own, with a fixed number of threads.

A new process, because the number of threads of NumPy's matrix products is read when NumPy is imported, and because peak
memory, load time and start belong to a process. The process that starts the others imports nothing larger than NumPy.

    jobs.run("benchmarks.models:build", {"model": "base", "models_folder": "/tmp/models"}, threads=2)
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cases import ROOT

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class JobError(RuntimeError):
    """A measurement failed; the message is the last line that its process wrote."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int, **more: str) -> dict[str, str]:
    """This process's environment with the number of threads set, the checkout importable, and no downloads."""
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        **more,
    }


def run(function: str, arguments: dict[str, Any], threads: int, variables: dict[str, str] | None = None) -> Any:
    """What `module:name` returns for the arguments; both have to be values that JSON can hold.

    Raises:
        JobError: the process did not end well.
    """
    with tempfile.TemporaryDirectory(prefix="npconformer-benchmark-") as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.jobs", function, json.dumps(arguments), str(result)]
        process = subprocess.run(
            command, env=environment(threads, **(variables or {})), stderr=subprocess.PIPE, text=True, errors="replace"
        )
        if process.returncode != 0:
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            killed = (
                f"ended by signal {-process.returncode}, is there memory enough? " if process.returncode < 0 else ""
            )
            raise JobError(killed + last)
        return json.loads(result.read_text())


def main() -> None:
    import numpy  # noqa: F401  (before npconformer, as people do)

    function, arguments, result = sys.argv[1:]
    module, name = function.split(":")
    value = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    Path(result).write_text(json.dumps(value))


if __name__ == "__main__":
    main()
