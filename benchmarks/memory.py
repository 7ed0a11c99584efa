"""Peak resident memory and load time, of one side alone in a process of its own."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import TRAINED, Case
from benchmarks.models import WEIGHTS, folder_of, make_input
from benchmarks.residency import read_into_cache
from benchmarks.sides import forward, import_libraries, load, set_threads

STATUS = Path("/proc/self/status")  # Linux


def peak_bytes() -> int:
    """The most memory of this process so far that was in RAM at once, mapped files included.

    Linux's ru_maxrss starts with the peak of the process that started this one; VmHWM is this program's own.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024  # the file counts KiB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, others KiB


def measure(side: str, model: str, seconds: float, batch: int, models_folder: str, threads: int) -> dict[str, Any]:
    """A job: imports, loads, runs one batch once.

    Returns:
        "imported" and "peak" in bytes; "load" and "first" (the first result after loading) in seconds.
    """
    import_libraries(side)
    set_threads(side, threads)
    imported = peak_bytes()
    values = make_input(Case(model, seconds, batch))
    read_into_cache(folder_of(model, models_folder) / WEIGHTS)  # the disk is not what is measured
    start = time.perf_counter()
    loaded = load(side, folder_of(model, models_folder))
    load_seconds = time.perf_counter() - start
    start = time.perf_counter()
    forward(side, loaded, values)()
    first_seconds = time.perf_counter() - start
    return {"imported": imported, "peak": peak_bytes(), "load": load_seconds, "first": first_seconds}


def measure_training(side: str, models_folder: str, threads: int) -> dict[str, Any]:
    """A job: loads, makes two training steps. The second starts with what the first left behind."""
    from benchmarks.training import make_batch, training_step

    import_libraries(side)
    set_threads(side, threads)
    imported = peak_bytes()
    loaded = load(side, folder_of(TRAINED, models_folder)).train()
    step = training_step(side, loaded, *make_batch())
    step()
    step()
    return {"imported": imported, "peak": peak_bytes()}
