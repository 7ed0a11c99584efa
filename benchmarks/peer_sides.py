"""Every program that is measured beside npconformer: what it needs, what it cannot run, how it is loaded and called.

Each is a process of its own that loads this program's libraries and no other's, which `measure` makes sure of: another
library's memory would be measured too, and so would its threads, which still spin after their last product.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import CONFIGS
from benchmarks.memory import peak_bytes
from benchmarks.sides import OURS, THEIRS, forward, load, set_threads
from benchmarks.timing import WARM_UP, timed_passes

ONNXRUNTIME, CTRANSLATE2, FLOOR = "onnxruntime", "ctranslate2", "floor"


@dataclass(frozen=True)
class Peer:
    """libraries: what it imports. checked: whether its logits have to be npconformer's for it to be timed."""

    libraries: tuple[str, ...]
    checked: bool


# CTranslate2 4 does not give transformers' numbers for Wav2Vec2-BERT, while npconformer does: its difference is printed
# and nothing is refused for it. The floor, the model's matrix products with nothing between them, has no logits.
PEERS = {
    OURS: Peer(("npconformer",), checked=True),
    THEIRS: Peer(("torch", "transformers"), checked=True),
    ONNXRUNTIME: Peer(("onnxruntime",), checked=True),
    CTRANSLATE2: Peer(("ctranslate2",), checked=False),
    FLOOR: Peer((), checked=False),
}
LIBRARIES = tuple(dict.fromkeys(library for peer in PEERS.values() for library in peer.libraries))


def why_not(side: str, model: str) -> str | None:
    """Why a side cannot run a model, or None where nothing is known against it."""
    missing = [library for library in PEERS[side].libraries if importlib.util.find_spec(library) is None]
    if missing:
        return f"{' and '.join(missing)} not installed"
    config = CONFIGS.get(model, {})
    if side == CTRANSLATE2 and not config.get("add_adapter"):
        return "its converter takes Wav2Vec2-BERT with an adapter only"
    return None


def ready(side: str, folder: Path, values: np.ndarray, threads: int) -> Callable[[], np.ndarray | None]:
    """A function without arguments that runs the batch and returns the logits (B, T, V); the floor's returns None.

    folder: the checkpoint, for onnxruntime and CTranslate2 the converted model.
    """
    if side == ONNXRUNTIME:
        from benchmarks.conversions import onnx_session

        session = onnx_session(folder, threads)
        return lambda: session(values)
    if side == CTRANSLATE2:
        return _ready_ctranslate2(folder, values, threads)
    if side == FLOOR:
        from benchmarks.floor import Floor
        from benchmarks.products import forward_products

        config = json.loads((folder / "config.json").read_text())
        return Floor(forward_products(config, values.shape[1], values.shape[0]), np)
    set_threads(side, threads)
    return forward(side, load(side, folder), values)


def _ready_ctranslate2(folder: Path, values: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    import ctranslate2

    model = ctranslate2.models.Wav2Vec2Bert(str(folder), compute_type="float32", intra_threads=threads)

    def run() -> np.ndarray:
        return np.array(model.encode(ctranslate2.StorageView.from_array(values), to_cpu=True))

    return run


def strangers(side: str, modules: Any = sys.modules) -> list[str]:
    """Libraries of other sides that this process has loaded."""
    return [library for library in LIBRARIES if library in modules and library not in PEERS[side].libraries]


def measure(
    side: str, folder: str, input_file: str, logits_file: str | None, threads: int, warm_up: int = WARM_UP
) -> dict[str, Any]:
    """A job: loads, makes passes that are not timed, and the timed ones.

    warm_up: how many npconformer makes before; the others make one. The logits of the last go to a file if it is named.

    Returns:
        "seconds", the median pass; "passes"; "peak", in bytes.
    """
    run = ready(side, Path(folder), np.load(input_file), threads)
    for _ in range(warm_up if side == OURS else 1):
        logits = run()
    if logits_file is not None and logits is not None:
        np.save(logits_file, logits)
    del logits
    times = timed_passes(run)
    if strangers(side):
        raise RuntimeError(f"{', '.join(strangers(side))} loaded in the process of {side}")
    return {"seconds": statistics.median(times), "passes": len(times), "peak": peak_bytes()}
