"""How far two runs are apart, tensor by tensor, and how far apart they may be. Needs neither torch nor transformers.

The measure is max|a - b| / max|b| over one array, b being the reference. Where the exact gradient of a parameter is
zero both sides hold rounding only: that is measured against the largest gradient of the model instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    """The largest relative difference allowed.

    In float64 the two programs agree to rounding, except where the reference itself leaves float64: it builds position
    tables in float32, and computes CTC in float32.
    """
    if dtype == "float32":
        return 2e-4 if "gradients" in kind else 2e-5
    has_table = config["position_embeddings_type"] in ("relative", "rotary")
    rounds_to_float32 = has_table or kind in ("loss", "loss gradients")
    return 5e-6 if rounds_to_float32 else 1e-9


def has_zero_gradient(tensor: str, config: Mapping[str, Any]) -> bool:
    """Whether the parameter's gradient is zero in exact arithmetic although backward reaches it.

    The key bias adds the same number to all scores of a query, which softmax ignores. A bias in front of group norm
    with one channel per group is subtracted again as part of the mean. A table of a single distance adds the same
    number to all scores of a query, too.
    """
    if tensor.endswith("linear_k.bias"):
        return True
    if tensor.endswith("distance_embedding.weight"):
        return config["left_max_position_embeddings"] + config["right_max_position_embeddings"] == 0
    return config.get("feat_extract_norm") == "group" and tensor.endswith("conv_layers.0.conv.bias")


def relative_difference(ours: np.ndarray, theirs: np.ndarray, scale: float | None = None) -> float:
    """max|ours - theirs| / scale, by default the largest magnitude in theirs. Equal infinities do not differ."""
    if ours.shape != theirs.shape:
        return np.inf
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    same = ours == theirs
    gap = np.abs(np.where(same, 0, ours) - np.where(same, 0, theirs)).max(initial=0.0)
    scale = np.abs(theirs).max(initial=0.0) if scale is None else scale
    return 0.0 if gap == 0 else float(gap / scale) if scale else np.inf


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
