"""How far two implementations may be apart: limits that follow from the arithmetic, for each kind of tensor and dtype.

The measure is max|a - b| / max|b| over one tensor, b being the reference.

float32: a number is rounded to 2^-24 = 6e-8 of itself. What leaves the last of 24 blocks has been rounded at some 14
places of each block, and two implementations round differently at each; if all of it adds up, that makes
24 * 14 * 6e-8 = 2e-5. (It adds up as its root: 4.6e-6 is the most that was seen.) A gradient is rounded on the way
there and back, and summed over frames, where much of it cancels: ten times that, 2e-4.

float64: the same count gives 4e-14 and 4e-13. The limit of 1e-9 leaves room for longer sums, and is still so far below
any difference in a formula that none passes for rounding. Where the reference itself leaves float64 for float32 that
rounding is left: 6e-8 in the CTC loss, and in the frequencies of relative and rotary positions, which frame t
multiplies by t. The limit there is 5e-6, or T * 6e-8 for more than 84 frames, and never above that of float32.

What is smaller than the limit cannot be told from rounding. In float64 there is less of it, and inside a module, before
the residual stream is added, a fault is larger beside what it is measured by.

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS = ("outputs", "modules", "loss", "gradients")
LIMITS = {
    "float32": {"outputs": 2e-5, "modules": 2e-5, "loss": 2e-5, "gradients": 2e-4},
    "float64": {"outputs": 1e-9, "modules": 1e-9, "loss": 1e-9, "gradients": 1e-9},
}
PARTLY_IN_FLOAT32 = 5e-6  # of a float64 model
ROUNDING = 2.0**-24


def limit(kind: str, dtype: str, rounded: bool = False, frames: int = 0) -> float:
    """The largest relative difference allowed.

    Args:
        kind: one of `KINDS`.
        dtype: "float32" or "float64", the less exact of the two sides.
        rounded: whether a part of the computation is in float32 even in a float64 model.
        frames: T of the encoder, which counts where positions are rounded.
    """
    exact = LIMITS[dtype][kind]
    if not rounded or dtype == "float32":
        return exact
    return min(max(PARTLY_IN_FLOAT32, frames * ROUNDING), LIMITS["float32"][kind])


def limits_for(config: Mapping[str, Any], dtype: str, frames: int, loss_gradients: bool = False) -> dict[str, float]:
    """The limit of each kind for a run of a model of this configuration over so many frames.

    loss_gradients: whether the gradients are those of the loss, which for CTC is computed in float32.
    """
    table = has_float32_table(config)
    rounded = {"loss": True, "gradients": table or loss_gradients}
    return {kind: limit(kind, dtype, rounded.get(kind, table), frames if table else 0) for kind in KINDS}


def has_float32_table(config: Mapping[str, Any]) -> bool:
    """Whether positions come from sinusoids or angles, which the reference computes in float32."""
    return config["position_embeddings_type"] in ("relative", "rotary")


def has_zero_gradient(parameter: str, config: Mapping[str, Any]) -> bool:
    """Whether the parameter's gradient is zero in exact arithmetic although backward reaches it.

    Both sides then hold nothing but rounding, which cannot be compared with itself: it is judged by the largest
    gradient of the model. The key bias adds the same number to all scores of a query, which softmax ignores. A table of
    a single distance does the same. A bias in front of group norm with one channel to a group is subtracted again as
    part of the mean.
    """
    if parameter.endswith("linear_k.bias"):
        return True
    if parameter.endswith("distance_embedding.weight"):
        return config["left_max_position_embeddings"] + config["right_max_position_embeddings"] == 0
    return config.get("feat_extract_norm") == "group" and parameter.endswith("conv_layers.0.conv.bias")
