"""Scaled dot-product attention over heads, with or without Transformer-XL relative positions, as one operation.

Letters: B batch, T time, H heads, D channels in a head, C = H D; i is a query's time, j a key's.

    score[i, j]  = (q_i k_j) / sqrt(D) + mask[j]                     (Vaswani et al. 2017, equation 1)
    score[i, j]  = ((q_i + u) k_j + (q_i + w) p_(i-j)) / sqrt(D) + mask[j]
                                                                      (Dai et al. 2019, "Transformer-XL", section 3.3)
    weight[i, :] = softmax(score[i, :]),    context_i = sum over j of weight[i, j] v_j

p_r is the projected table of relative positions; its rows run from r = T-1 down to r = -(T-1). So score[i, j] needs
column T-1-i+j of the products with the table: in a (T, 2T-1) array that is a view whose rows start one column earlier
each time.
"""

from __future__ import annotations

from typing import Any

from npconformer import blocks
from npconformer.autograd import Operation, Tensor
from npconformer.backend import asarray, sliding_view
from npconformer.ops.arithmetic import broadcasts_to
from npconformer.ops.dropout import draw_kept
from npconformer.ops.softmax import softmax_in_place


def _split(x: Any, heads: int) -> Any:
    """(B, T, C) -> a view (B, H, T, D)"""
    batch, time, channels = x.shape
    return x.reshape(batch, time, heads, channels // heads).swapaxes(1, 2)


def _merge(x: Any) -> Any:
    """(B, H, T, D) -> (B, T, C)"""
    batch, heads, time, width = x.shape
    return x.swapaxes(1, 2).reshape(batch, time, heads * width)


def _by_distance(products: Any) -> Any:
    """A view (B, H, Q, T) of products (B, H, Q, T+Q-1): element [i, j] is column Q-1-i+j of row i."""
    batch, heads, queries, columns = products.shape
    step_b, step_h, step_i, step_r = products.strides
    shape, strides = (batch, heads, queries, columns - queries + 1), (step_b, step_h, step_i - step_r, step_r)
    return sliding_view(products[..., queries - 1 :], shape, strides)


SCORES_AT_ONCE = 64 * 1024  # scores of a head that are worked on together where no gradient is recorded
SMALLEST_BLOCK = 64  # queries, however many keys there are: smaller matrix products are slow


class Attention(Operation):
    """context = softmax(scores) v. Keeps the inputs and the weights; the scores' gradient is w (dw - sum(dw w))."""

    def __init__(self, heads: int, dropout_p: float, return_weights: bool) -> None:
        self.heads, self.return_weights = heads, return_weights
        self.dropout_factor = 1.0 / (1.0 - dropout_p) if dropout_p < 1 else 0.0

    def forward(
        self, query: Any, key: Any, value: Any, positions: Any, bias_u: Any, bias_v: Any, mask: Any, kept: Any
    ) -> Any:
        self.scaling = (query.shape[2] // self.heads) ** -0.5
        batch, time, channels = query.shape
        v = _split(value, self.heads)  # (B, H, T, D)
        if self.recording or self.return_weights:
            weights = self._weights(query, key, positions, bias_u, bias_v, mask, 0, time)  # (B, H, T, T)
            self.save(query, key, value, positions, bias_u, bias_v, kept, weights)
            dropped = self._drop(weights, kept)
            context = _merge(self.xp.matmul(dropped, v))  # (B, T, C)
            return (context, dropped) if self.return_weights else context
        context = self.xp.empty((batch, time, channels), dtype=query.dtype)
        step = max(SMALLEST_BLOCK, SCORES_AT_ONCE // time)
        for first in range(0, time, step):  # blocks of Q queries, so that memory grows with T and not with T^2
            stop = min(first + step, time)
            weights = self._weights(query, key, positions, bias_u, bias_v, mask, first, stop)  # (B, H, Q, T)
            weights = self._drop(weights, None if kept is None else kept[:, :, first:stop])
            _split(context[:, first:stop], self.heads)[...] = self.xp.matmul(weights, v)
        return context

    def _weights(
        self, query: Any, key: Any, positions: Any, bias_u: Any, bias_v: Any, mask: Any, first: int, stop: int
    ) -> Any:
        """The attention weights (B, H, Q, T) of the queries from `first` up to `stop`."""
        batch, time, _ = query.shape
        query = query[:, first:stop]
        weights = self.xp.matmul(self._biased_query(query, bias_u), _split(key, self.heads).swapaxes(-1, -2))
        shifted = None
        if positions is not None:  # the rows of relative positions first - (T-1) to stop - 1 only
            p = _split(positions[:, time - stop : 2 * time - 1 - first], self.heads)  # (1, H, T+Q-1, D)
            shifted = _by_distance(self.xp.matmul(self._biased_query(query, bias_v), p.swapaxes(-1, -2)))
        if mask is not None:
            mask = mask[:, :, first:stop] if mask.ndim == 4 and mask.shape[2] > 1 else mask
            mask = self.xp.broadcast_to(mask, weights.shape)

        def finish(xp: Any, weights: Any, *added: Any) -> None:
            for scores in added:
                weights += scores
            softmax_in_place(xp, weights)

        added = [scores for scores in (shifted, mask) if scores is not None]
        for item in range(batch):
            blocks.run(finish, weights[item], *[scores[item] for scores in added])
        return weights

    def backward(self, grad: Any, grad_weights: Any = None) -> tuple[Any, ...]:
        query, key, value, positions, bias_u, bias_v, kept, weights = self.saved
        xp, matmul, needs = self.xp, self.xp.matmul, self.needs
        v, g = _split(value, self.heads), _split(grad, self.heads)
        dkey = dvalue = dpositions = dbias_v = None
        if needs[2]:
            dvalue = _merge(matmul(self._drop(weights, kept).swapaxes(-1, -2), g))

        dscores = matmul(g, v.swapaxes(-1, -2))  # (B, H, T, T); first the weights' gradient
        if grad_weights is not None:
            dscores += grad_weights
        dscores = self._drop(dscores, kept)
        dscores -= xp.einsum("bhij,bhij->bhi", dscores, weights)[..., None]
        dscores *= weights

        if needs[1]:
            dkey = _merge(matmul(dscores.swapaxes(-1, -2), self._biased_query(query, bias_u)))
        dq, dbias_u = self._through_query(dscores, _split(key, self.heads), needs[4])  # (B, H, T, D), (H, D)
        if positions is not None:
            batch, heads, time, _ = dscores.shape
            dproducts = xp.zeros((batch, heads, time, 2 * time - 1), dtype=dscores.dtype)
            _by_distance(dproducts)[...] = dscores
            if needs[3]:
                dpositions = matmul(dproducts.swapaxes(-1, -2), self._biased_query(query, bias_v))
                dpositions = _merge(dpositions.sum(axis=0, keepdims=True))  # (1, 2T-1, C)
            dq_position, dbias_v = self._through_query(dproducts, _split(positions, self.heads), needs[5])
            if needs[0]:
                dq += dq_position
        return _merge(dq) if needs[0] else None, dkey, dvalue, dpositions, dbias_u, dbias_v, None, None

    def _through_query(self, dproducts: Any, keys: Any, need_bias: bool) -> tuple[Any, Any]:
        """The gradients that reach q and its bias through the products (q + bias) keys^T / sqrt(D)."""
        if not (self.needs[0] or need_bias):
            return None, None
        dq = self.xp.matmul(dproducts, keys)
        dq *= self.scaling
        return dq, dq.sum(axis=(0, 2)) if need_bias else None

    def _biased_query(self, query: Any, bias: Any) -> Any:
        """(q + bias) / sqrt(D) as (B, H, T, D); the bias is (H, D) or None."""
        q = _split(query, self.heads)
        return q * self.scaling if bias is None else (q + bias[:, None]) * self.scaling

    def _drop(self, x: Any, kept: Any) -> Any:
        return x if kept is None else x * kept * self.dropout_factor


def attention(
    query: Any,
    key: Any,
    value: Any,
    heads: int,
    mask: Any = None,
    positions: Any = None,
    bias_u: Any = None,
    bias_v: Any = None,
    dropout_p: float = 0.0,
    kept: Any = None,
    return_weights: bool = False,
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

    Returns:
        context (B, T, C), or (context, weights).
    """
    if not (len(query.shape) == 3 and query.shape == key.shape == value.shape):
        raise ValueError(
            f"attention: query, key, value must share one shape, got {query.shape}, {key.shape}, {value.shape}"
        )
    tensors = [x for x in (query, key, value, positions, bias_u, bias_v) if x is not None]
    if len({x.dtype for x in tensors}) > 1:
        raise ValueError(f"attention: expected one dtype, got {', '.join(str(x.dtype) for x in tensors)}")
    batch, time, channels = query.shape
    if heads < 1 or channels % heads:
        raise ValueError(f"heads: {channels} channels do not split into {heads} heads")
    if (positions is None) != (bias_u is None) or (positions is None) != (bias_v is None):
        raise ValueError("attention: positions, bias_u and bias_v are given together or not at all")
    if positions is not None and tuple(positions.shape) != (1, 2 * time - 1, channels):
        raise ValueError(f"positions: expected shape {(1, 2 * time - 1, channels)}, got {tuple(positions.shape)}")
    for name, bias in (("bias_u", bias_u), ("bias_v", bias_v)):
        if bias is not None and tuple(bias.shape) != (heads, channels // heads):
            raise ValueError(f"{name}: expected shape {(heads, channels // heads)}, got {tuple(bias.shape)}")
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
    operation = Attention(heads, dropout_p, return_weights)
    return operation(query, key, value, positions, bias_u, bias_v, mask, kept)
