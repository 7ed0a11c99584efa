"""Forward time: the same input through both programs and the matrix-product floor, in alternation, in one process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.agreement import largest_difference
from benchmarks.cases import Case
from benchmarks.models import folder_of, make_input
from benchmarks.products import forward_products
from benchmarks.residency import disk_faults, lock_memory
from benchmarks.sides import OURS, SIDES, THEIRS, forward, import_libraries, load, set_threads
from benchmarks.timing import WARM_UP, alternate

FLOOR = "floor"


def measure(
    model: str, seconds: float, batch: int, models_folder: str, threads: int, rounds: int, budget: float
) -> dict[str, Any]:
    """A job: what follows, ready for a table.

    Returns:
        "samples": {side: seconds of each pass}; "disk faults": {side: in all passes}; "locked": whether the weights
        were locked in memory; "difference" of the logits; "seconds" of audio; "attention" of the reference.
    """
    import numpy as np

    from benchmarks.floor import Floor

    case = Case(model, seconds, batch)
    folder = folder_of(model, models_folder)
    values = make_input(case)
    functions, attention = {}, ""
    for side in SIDES:
        import_libraries(side)
        set_threads(side, threads)
        loaded = load(side, folder)
        functions[side] = forward(side, loaded, values)
        if side == THEIRS:
            attention = loaded.config._attn_implementation
    difference = largest_difference(functions[OURS](), functions[THEIRS]())
    for _ in range(WARM_UP):
        functions[OURS]()
    config = json.loads((folder / "config.json").read_text())
    products = forward_products(config, values.shape[1], batch)
    functions[FLOOR] = Floor(products, np)
    locked = lock_memory()
    faults = dict.fromkeys(functions, 0)
    watched = {name: _watched(name, function, faults) for name, function in functions.items()}
    return {
        "samples": alternate(watched, rounds, budget),
        "disk faults": faults,
        "locked": locked,
        "difference": difference,
        "seconds": values.shape[1] / 16000 if values.ndim == 2 else case.seconds,
        "attention": attention,
    }


def _watched(name: str, function: Callable[[], Any], faults: dict[str, int]) -> Callable[[], None]:
    """The function, counting under its name the page faults in it that read from a disk."""

    def run() -> None:
        before = disk_faults()
        function()
        faults[name] += disk_faults() - before

    return run
