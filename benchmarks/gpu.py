"""Forward time on a GPU: CuPy against torch, both with their own memory pools, in alternation, in one process.

Every call ends with the device synchronised, so a sample holds the whole work. Input and logits stay on the device.
Three modes, each in a process of its own because CuPy reads its switch when it first multiplies:

    float32         TF32 off in both, in torch's convolutions too, where it is on by default
    float32, TF32   on in both
    float16         weights and activations in float16 on both sides
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.agreement import largest_difference
from benchmarks.cases import Case
from benchmarks.forward import FLOOR
from benchmarks.models import folder_of, make_input
from benchmarks.products import forward_products
from benchmarks.sides import OURS, THEIRS
from benchmarks.timing import alternate

# name: (dtype, TF32, how far outputs may be apart)
MODES: dict[str, tuple[str, bool, float]] = {
    "float32": ("float32", False, 2e-4),
    "float32, TF32": ("float32", True, 3e-2),
    "float16": ("float16", False, 3e-2),
}
WARM_UP = 3  # calls before outputs are compared: kernels get compiled, algorithms chosen, memory pools filled


def variables(mode: str) -> dict[str, str]:
    """Environment variables that the mode's process has to start with."""
    return {"CUPY_TF32": str(int(MODES[mode][1]))}


def ours(case: Case, models_folder: str, dtype: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """A function that runs npconformer and waits for the device, and one that brings its result to the host."""
    import cupy

    import npconformer

    model = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(
        folder_of(case.model, models_folder), dtype=dtype, device="cuda"
    )
    values = cupy.asarray(make_input(case).astype(dtype))

    def run() -> Any:
        with npconformer.no_grad():
            logits = model(values).logits.data
        cupy.cuda.Device().synchronize()
        return logits

    return run, cupy.asnumpy


def theirs(case: Case, models_folder: str, dtype: str, tf32: bool) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """The same for transformers with torch."""
    import torch
    from transformers import Wav2Vec2ConformerForCTC

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    model = Wav2Vec2ConformerForCTC.from_pretrained(folder_of(case.model, models_folder), dtype=getattr(torch, dtype))
    model = model.eval().to("cuda")
    values = torch.from_numpy(make_input(case).astype(dtype)).to("cuda")

    def run() -> Any:
        with torch.inference_mode():
            logits = model(values).logits
        torch.cuda.synchronize()
        return logits

    return run, lambda logits: logits.cpu().numpy()


def measure(
    model: str, seconds: float, batch: int, models_folder: str, mode: str, rounds: int, budget: float
) -> dict[str, Any]:
    """A job: {"samples": {side: seconds}, "difference", "seconds", "memory": {side: bytes that its pool holds}}."""
    import cupy
    import torch

    from benchmarks.floor import Floor

    case = Case(model, seconds, batch)
    dtype, tf32, tolerance = MODES[mode]
    functions, outputs = {}, {}
    for side, (run, to_host) in (
        (OURS, ours(case, models_folder, dtype)),
        (THEIRS, theirs(case, models_folder, dtype, tf32)),
    ):
        for _ in range(WARM_UP):
            logits = run()
        functions[side], outputs[side] = run, to_host(logits)
    difference = largest_difference(outputs[OURS], outputs[THEIRS], tolerance)
    memory = {
        OURS: cupy.get_default_memory_pool().total_bytes(),
        THEIRS: torch.cuda.max_memory_reserved(),
    }
    config = json.loads((folder_of(model, models_folder) / "config.json").read_text())
    samples = make_input(case).shape[1]
    floor = Floor(forward_products(config, samples, batch), cupy, dtype)

    def run_floor() -> None:
        floor()
        cupy.cuda.Device().synchronize()

    functions[FLOOR] = run_floor
    return {
        "samples": alternate(functions, rounds, budget),
        "difference": difference,
        "seconds": samples / 16000,
        "memory": memory,
    }
