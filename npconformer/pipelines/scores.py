"""Logits to scores: softmax, sigmoid, or as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer import ops
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import no_grad

FUNCTIONS = ("softmax", "sigmoid", "none")
OF_PROBLEM = {
    "single_label_classification": "softmax",  # one class is right: the scores add up to 1
    "multi_label_classification": "sigmoid",  # each class is right or wrong by itself
    "regression": "none",
}


def to_scores(logits: np.ndarray, function: str) -> np.ndarray:
    """Apply one of FUNCTIONS to logits (..., K): scores of the same shape and dtype."""
    if function == "none":
        return logits
    with no_grad():
        logits = Tensor(logits)
        return (ops.sigmoid(logits) if function == "sigmoid" else ops.softmax(logits)).numpy()


def check_function(function: Any) -> None:
    """Accept None and FUNCTIONS. Raises ValueError for everything else."""
    if function is not None and function not in FUNCTIONS:
        raise ValueError(f"function_to_apply must be None or one of {', '.join(FUNCTIONS)}, got {function!r}")
