"""The two programs behind one shape: load a checkpoint folder, run a batch, give the logits back as an array.

Both load as their documentation says, in float32, with the default attention and in eager execution, and record
nothing. Each side's libraries are imported only when it is asked for: memory is measured one side at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OURS, THEIRS = "npconformer", "transformers"
SIDES = (OURS, THEIRS)


def import_libraries(side: str) -> None:
    """What a program needs before it can load a CTC model."""
    if side == OURS:
        from npconformer import AutoModelForCTC, no_grad  # noqa: F401
    else:
        import torch  # noqa: F401
        from transformers import AutoModelForCTC  # noqa: F401


def load(side: str, folder: Path) -> Any:
    """The CTC model of a folder, in float32 and eval mode."""
    if side == OURS:
        import npconformer

        return npconformer.AutoModelForCTC.from_pretrained(folder)
    import torch
    from transformers import AutoModelForCTC
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return AutoModelForCTC.from_pretrained(folder, dtype=torch.float32).eval()


def forward(side: str, model: Any, values: np.ndarray) -> Callable[[], np.ndarray]:
    """A function without arguments that runs the batch, (B, N) or (B, T, F), and returns the logits (B, T, V)."""
    if side == OURS:
        import npconformer

        def run() -> np.ndarray:
            with npconformer.no_grad():
                return np.asarray(model(values).logits)

        return run
    import torch

    tensor = torch.from_numpy(values)

    def run_reference() -> np.ndarray:
        with torch.inference_mode():
            return model(tensor).logits.numpy()

    return run_reference


def set_threads(side: str, threads: int) -> None:
    """NumPy's and npconformer's threads follow OMP_NUM_THREADS, which is set before the process starts."""
    if side == THEIRS:
        import torch

        torch.set_num_threads(threads)
