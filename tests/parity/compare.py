"""How far two runs are apart, tensor by tensor, and how far apart they may be. Needs neither torch nor transformers.

The measure is max|a - b| / max|b| over one array, b being the reference. Where the exact gradient of a parameter is
zero both sides hold rounding only: that is measured against the largest gradient of the model instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.verify.differences import measure
from npconformer.verify.tolerances import has_float32_table, has_zero_gradient, limit

OUTPUTS = (
    "logits",
    "last_hidden_state",
    "extract_features",
    "embeddings",
    "projected_states",
    "projected_quantized_states",
    "codevector_perplexity",
)


@dataclass(frozen=True)
class Difference:
    """The relative difference of one tensor, and its limit. `kind` is the row of the report that it belongs to."""

    tensor: str
    kind: str
    value: float
    limit: float

    @property
    def too_large(self) -> bool:
        return not self.value <= self.limit  # also for NaN


def kind_of(tensor: str) -> str:
    first = tensor.split(".")[0]
    return "outputs" if first in OUTPUTS else first.replace("_", " ")


def limit_of(kind: str, dtype: str, config: Mapping[str, Any]) -> float:
    """The largest relative difference allowed: that of `npconformer verify`, for a few frames.

    In float64 the two programs agree to rounding, except where the reference itself leaves float64: it builds position
    tables in float32, and computes CTC in float32.
    """
    rounded = has_float32_table(config) or kind in ("loss", "loss gradients")
    return limit("gradients" if "gradients" in kind else "outputs", dtype, rounded)


def relative_difference(ours: np.ndarray, theirs: np.ndarray, scale: float | None = None) -> float:
    """max|ours - theirs| / scale, by default the largest magnitude in theirs. Equal infinities do not differ."""
    return measure(np.asarray(ours), np.asarray(theirs), scale).relative


def compare(
    config: Mapping[str, Any], dtype: str, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]
) -> list[Difference]:
    """The differences of all tensors of two runs. A tensor that one side lacks counts as infinitely far."""
    scales: dict[str, float] = {}
    for tensor, value in theirs.items():
        kind = kind_of(tensor)
        scales[kind] = max(scales.get(kind, 0.0), float(np.abs(value).max(initial=0)))
    differences = []
    for tensor in sorted(ours.keys() | theirs.keys()):
        kind = kind_of(tensor)
        if "gradients" in kind and has_zero_gradient(tensor, config):
            # Rounding may leave it out on one side altogether, as an exact zero.
            present = ours.get(tensor, theirs.get(tensor))
            a, b = (side.get(tensor, np.zeros_like(present)) for side in (ours, theirs))
            value = relative_difference(a, b, scales[kind])
        elif tensor in ours and tensor in theirs:
            value = relative_difference(ours[tensor], theirs[tensor])
        else:
            value = np.inf
        differences.append(Difference(tensor, kind, value, limit_of(kind, dtype, config)))
    return differences


def assert_equal_enough(differences: list[Difference]) -> None:
    """None is too large, else an AssertionError with the worst."""
    wrong = sorted((d for d in differences if d.too_large), key=lambda d: -d.value / d.limit)
    lines = [f"{d.tensor}: {d.value:.2e}, at most {d.limit:.0e}" for d in wrong[:12]]
    assert not wrong, f"{len(wrong)} of {len(differences)} tensors differ:\n" + "\n".join(lines)


def wrong_dtypes(arrays: dict[str, np.ndarray], dtype: str) -> list[str]:
    """The tensors that are not of the model's dtype; the count of batches is an integer."""
    return [
        f"{name}: {array.dtype}"
        for name, array in arrays.items()
        if array.dtype != dtype and not name.endswith("num_batches_tracked")
    ]
