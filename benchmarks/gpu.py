"""Forward time on a GPU: CuPy beside torch, each in a process of its own, in turns.

A process loads the model, makes passes that are not timed (kernels get compiled, algorithms chosen, memory pools
filled), then passes for a second, whose median is its time. Every pass ends with the device synchronised, so that it
holds the whole work. Input and logits stay on the device. Three modes:

    float32         TF32 off in both, in torch's convolutions too, where it is on by default
    float32, TF32   on in both
    float16         weights and activations in float16 on both sides
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.floor import Floor
from benchmarks.forward import FLOOR
from benchmarks.models import folder_of, make_input
from benchmarks.products import forward_products
from benchmarks.sides import OURS, THEIRS
from benchmarks.timing import WARM_UP, timed_passes

# name: (dtype, TF32, how far outputs may be apart)
MODES: dict[str, tuple[str, bool, float]] = {
    "float32": ("float32", False, 2e-4),
    "float32, TF32": ("float32", True, 3e-2),
    "float16": ("float16", False, 3e-2),
}
SIDES = (OURS, THEIRS, FLOOR)
ROUNDS = 3  # processes of each side: most of what one takes is its start


def variables(mode: str) -> dict[str, str]:
    """Environment variables that the mode's process has to start with: CuPy reads its switch when it multiplies."""
    return {"CUPY_TF32": str(int(MODES[mode][1]))}


def measure(
    model: str,
    seconds: float,
    batch: int,
    models_folder: str,
    mode: str,
    side: str,
    outputs: str | None = None,
    device: str = "cuda",
) -> dict[str, float]:
    """A job: what one pass takes and how many bytes the side's memory pool holds. The logits go into `outputs`."""
    case, (dtype, tf32, _) = Case(model, seconds, batch), MODES[mode]
    make = {OURS: _ours, THEIRS: _theirs, FLOOR: _floor}[side]
    run, to_host, memory = make(case, models_folder, dtype, tf32, device)
    for _ in range(WARM_UP):
        logits = run()
    if outputs is not None:
        np.save(outputs, to_host(logits))
    return {"seconds": statistics.median(timed_passes(run)), "memory": memory()}


Side = tuple[Callable[[], Any], Callable[[Any], np.ndarray], Callable[[], float]]  # a pass, to the host, bytes held


def _ours(case: Case, models_folder: str, dtype: str, tf32: bool, device: str) -> Side:
    import npconformer
    from npconformer.arrays.device import device_backend

    backend = device_backend(device)
    model = npconformer.AutoModelForCTC.from_pretrained(
        folder_of(case.model, models_folder), dtype=dtype, device=device
    )
    values = backend.from_host(make_input(case).astype(dtype))

    def run() -> Any:
        with npconformer.no_grad():
            logits = model(values).logits.data
        _wait(backend.xp)
        return logits

    return run, backend.to_host, lambda: _pool(backend.xp)


def _theirs(case: Case, models_folder: str, dtype: str, tf32: bool, device: str) -> Side:
    import torch
    from transformers import AutoModelForCTC

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    model = AutoModelForCTC.from_pretrained(folder_of(case.model, models_folder), dtype=getattr(torch, dtype))
    model = model.eval().to(device)
    values = torch.from_numpy(make_input(case).astype(dtype)).to(device)

    def run() -> Any:
        with torch.inference_mode():
            logits = model(values).logits
        if device == "cuda":
            torch.cuda.synchronize()
        return logits

    memory = torch.cuda.max_memory_reserved if device == "cuda" else lambda: 0.0
    return run, lambda logits: logits.cpu().numpy(), memory


def _floor(case: Case, models_folder: str, dtype: str, tf32: bool, device: str) -> Side:
    """The same matrix products with nothing between them, by CuPy."""
    from npconformer.arrays.device import device_backend

    xp = device_backend(device).xp
    config = json.loads((folder_of(case.model, models_folder) / "config.json").read_text())
    floor = Floor(forward_products(config, make_input(case).shape[1], case.batch), xp, dtype)

    def run() -> None:
        floor()
        _wait(xp)

    return run, np.asarray, lambda: _pool(xp)


def _wait(xp: Any) -> None:
    if xp is not np:
        xp.cuda.Device().synchronize()


def _pool(xp: Any) -> float:
    return float(xp.get_default_memory_pool().total_bytes()) if xp is not np else 0.0
