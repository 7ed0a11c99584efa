"""Multi-head attention: the entry to its three kinds, which differ in the scores.

    no positions                 q_i k_j                                           dot_product_attention.py
    relative positions           (q_i + u) k_j + (q_i + w) p_(i-j)                 relative_attention.py
    an embedding of distances    q_i k_j + q_i E[clip(j-i, -left, right) + left]   distance_attention.py

each divided by sqrt(D). Their backwards (dq, dk, dv, and dp, du, dw or the table's) stand in these files.
Letters: B batch, T time, H heads, C channels, D = C / H; i is a query's time, j a key's.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import broadcasts_to
from npconformer.ops.distance_attention import DistanceAttention
from npconformer.ops.dot_product_attention import DotProductAttention
from npconformer.ops.dropout import draw_kept
from npconformer.ops.relative_attention import RelativeAttention
from npconformer.tape.autograd import Tensor


def attention(
    query: Tensor | Array,
    key: Tensor | Array,
    value: Tensor | Array,
    heads: int,
    mask: Array | None = None,
    positions: Tensor | Array | None = None,
    bias_u: Tensor | Array | None = None,
    bias_v: Tensor | Array | None = None,
    dropout_p: float = 0.0,
    kept: Array | None = None,
    return_weights: bool = False,
    distance_embedding: Tensor | Array | None = None,
    left: int = 0,
    right: int = 0,
) -> Tensor | tuple[Tensor, Tensor]:
    """Multi-head attention from already projected queries, keys and values.

    Args:
        query, key, value: (B, T, C).
        heads: H, a divisor of C.
        mask: None, or numbers that are added to the scores, broadcast to (B, H, T, T): 0 where a key may be seen, the
            dtype's lowest number where not.
        positions: None, or the projected relative positions (1, 2T-1, C), from T-1 down to -(T-1).
        bias_u, bias_v: (H, D), given together with positions.
        dropout_p: probability with which a weight is dropped.
        kept: booleans (B, H, T, T) in place of random ones.
        return_weights: also return the weights (after dropout), (B, H, T, T).
        distance_embedding: None, or a vector for each distance key minus query from -left to right, (left + right + 1,
            D), shared by all heads. It stands in place of positions.
        left, right: the distances, in frames, beyond which all count as the same; at least 0.

    Returns:
        context (B, T, C), or (context, weights).

    Raises:
        ValueError: shapes or dtypes that do not fit.
    """
    if not (len(query.shape) == 3 and query.shape == key.shape == value.shape):
        raise ValueError(
            f"attention: query, key, value must share one shape, got {query.shape}, {key.shape}, {value.shape}"
        )
    batch, time, channels = query.shape
    if heads < 1 or channels % heads:
        raise ValueError(f"heads: {channels} channels do not split into {heads} heads")
    tensors = (query, key, value, positions, bias_u, bias_v, distance_embedding)
    _check_dtypes([x for x in tensors if x is not None])
    _check_positions(positions, bias_u, bias_v, heads, time, channels)
    _check_distances(distance_embedding, left, right, channels // heads)
    if positions is not None and distance_embedding is not None:
        raise ValueError("attention: expected positions or a distance_embedding, got both")
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout_p: expected a probability from 0 to 1, got {dropout_p}")
    array, scores = query.data if isinstance(query, Tensor) else query, (batch, heads, time, time)
    if mask is not None:
        mask = asarray(mask, array).astype(array.dtype, copy=False)
        if not broadcasts_to(mask.shape, scores):
            raise ValueError(f"mask: shape {mask.shape} does not broadcast to {scores}")
    if kept is not None:
        kept = asarray(kept, array)
        if kept.shape != scores or kept.dtype.kind != "b":
            raise ValueError(f"kept: expected booleans of shape {scores}, got {kept.dtype} {kept.shape}")
    elif dropout_p > 0:
        kept = draw_kept(scores, dropout_p, array)
    inputs, settings = (query, key, value, mask, kept), (heads, dropout_p, return_weights)
    if positions is not None:
        return RelativeAttention(*settings)(*inputs, positions, bias_u, bias_v)
    if distance_embedding is not None:
        return DistanceAttention(*settings, left, right)(*inputs, distance_embedding)
    return DotProductAttention(*settings)(*inputs)


def _check_dtypes(tensors: Sequence[Tensor | Array]) -> None:
    if len({x.dtype for x in tensors}) > 1:
        raise ValueError(f"attention: expected one dtype, got {', '.join(str(x.dtype) for x in tensors)}")


def _check_positions(
    positions: Tensor | Array | None,
    bias_u: Tensor | Array | None,
    bias_v: Tensor | Array | None,
    heads: int,
    time: int,
    channels: int,
) -> None:
    if (positions is None) != (bias_u is None) or (positions is None) != (bias_v is None):
        raise ValueError("attention: positions, bias_u and bias_v are given together or not at all")
    if positions is not None and tuple(positions.shape) != (1, 2 * time - 1, channels):
        raise ValueError(f"positions: expected shape {(1, 2 * time - 1, channels)}, got {tuple(positions.shape)}")
    for name, bias in (("bias_u", bias_u), ("bias_v", bias_v)):
        if bias is not None and tuple(bias.shape) != (heads, channels // heads):
            raise ValueError(f"{name}: expected shape {(heads, channels // heads)}, got {tuple(bias.shape)}")


def _check_distances(table: Tensor | Array | None, left: int, right: int, width: int) -> None:
    for name, limit in (("left", left), ("right", right)):
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ValueError(f"{name}: expected a whole number of frames of at least 0, got {limit!r}")
        if table is None and limit:
            raise ValueError(f"{name}: {limit} without a distance_embedding")
    expected = (left + right + 1, width)
    if table is not None and tuple(table.shape) != expected:
        raise ValueError(
            f"distance_embedding: expected shape {expected} (left {left} + right {right} + 1, channels of a head), "
            f"got {tuple(table.shape)}"
        )
