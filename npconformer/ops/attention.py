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

from npconformer.arrays import threads
from npconformer.arrays.backend import asarray, backend_of, sliding_view
from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import broadcasts_to
from npconformer.ops.dropout import draw_kept
from npconformer.ops.softmax import softmax_in_place
from npconformer.tape.autograd import Operation, Tensor

SHARED_SIZE = 64 * 1024  # scores that are worth a thread: each takes two products of D numbers and an exponential
SMALLEST_PIECE = 256  # queries, however many keys there are: smaller matrix products are slow


class Attention(Operation):
    """context = softmax(scores) v. Keeps the inputs and the weights; the scores' gradient is w (dw - sum(dw w)).

    Heads are shared among threads, and each goes through its queries in pieces. So without a recording the memory grows
    with T and not with T^2: no array of all scores, and none of all products with the positions, is ever made.
    """

    def __init__(self, heads: int, dropout_p: float, return_weights: bool) -> None:
        self.heads, self.return_weights = heads, return_weights
        self.dropout_factor = 1.0 / (1.0 - dropout_p) if dropout_p < 1 else 0.0

    def forward(
        self, query: Any, key: Any, value: Any, positions: Any, bias_u: Any, bias_v: Any, mask: Any, kept: Any
    ) -> Any:
        (batch, time, channels), xp = query.shape, self.xp
        self.scaling = (channels // self.heads) ** -0.5
        q, k, v, p = (self._split(x) for x in (query, key, value, positions))  # (B, H, T, D), (1, H, 2T-1, D)
        scores_shape = (batch, self.heads, time, time)
        keep_weights = self.recording or self.return_weights
        all_weights = xp.empty(scores_shape, dtype=query.dtype) if keep_weights else None
        if mask is not None:
            mask = xp.broadcast_to(mask, scores_shape)
        context = xp.empty(query.shape, dtype=query.dtype)
        backend = backend_of(query)
        step = max(SMALLEST_PIECE, backend.piece_size // 2 // time)  # queries; the scores of one head stay in the cache

        def attend(first: int, stop: int) -> None:
            heads = slice(first, stop)
            for i in range(0, time, step):
                queries = slice(i, min(i + step, time))
                weights = None if all_weights is None else all_weights[:, heads, queries]
                weights = self._scores(q, k, p, bias_u, bias_v, mask, heads, queries, out=weights)  # (B, h, Q, T)
                softmax_in_place(xp, weights)
                weights = self._drop(weights, None if kept is None else kept[:, heads, queries])
                xp.matmul(weights, v[:, heads], out=self._split(context)[:, heads, queries])

        size = batch * min(step, time) * time
        threads.run_products(attend, self.heads, size, backend, shared_size=SHARED_SIZE)
        self.save(query, key, value, positions, bias_u, bias_v, kept, all_weights)
        return (context, self._drop(all_weights, kept)) if self.return_weights else context

    def backward(self, grad: Any, grad_weights: Any = None) -> tuple[Any, ...]:
        query, key, value, positions, bias_u, bias_v, kept, all_weights = self.saved
        xp, matmul = self.xp, self.xp.matmul
        q, k, v, p, g = (self._split(x) for x in (query, key, value, positions, grad))
        inputs = zip(self.saved[:6], self.needs[:6], strict=True)  # without the mask and what dropout keeps
        gradients = [xp.empty(x.shape, dtype=x.dtype) if need else None for x, need in inputs]
        dq, dk, dv, dp = (self._split(x) for x in gradients[:4])
        du, dw = gradients[4:]

        def differentiate(first: int, stop: int) -> None:
            heads = slice(first, stop)
            weights, part = all_weights[:, heads], None if kept is None else kept[:, heads]
            if dv is not None:
                matmul(self._drop(weights, part).swapaxes(-1, -2), g[:, heads], out=dv[:, heads])
            dscores = matmul(g[:, heads], v[:, heads].swapaxes(-1, -2))  # (B, h, T, T); first the weights' gradient
            if grad_weights is not None:
                dscores += grad_weights[:, heads]
            dscores = self._drop(dscores, part)
            dscores -= xp.einsum("bhij,bhij->bhi", dscores, weights)[..., None]
            dscores *= weights
            if dk is not None:
                matmul(dscores.swapaxes(-1, -2), self._biased(q[:, heads], bias_u, heads), out=dk[:, heads])
            dquery = self._through_query(dscores, k[:, heads], None if du is None else du[heads])
            if p is not None:
                dproducts = self._unshifted(dscores)  # (B, h, T, 2T-1)
                if dp is not None:
                    dpositions = matmul(dproducts.swapaxes(-1, -2), self._biased(q[:, heads], bias_v, heads))
                    dp[:, heads] = dpositions.sum(axis=0, keepdims=True)
                dquery += self._through_query(dproducts, p[:, heads], None if dw is None else dw[heads])
            if dq is not None:
                dq[:, heads] = dquery

        batch, time, _ = query.shape
        size = batch * time * time
        threads.run_products(differentiate, self.heads, size, backend_of(query), shared_size=SHARED_SIZE)
        return (*gradients, None, None)

    def _scores(
        self, q: Any, k: Any, p: Any, bias_u: Any, bias_v: Any, mask: Any, heads: slice, queries: slice, out: Any
    ) -> Any:
        """The scores (B, h, Q, T) of these heads and queries."""
        time = k.shape[2]
        q = q[:, heads, queries]
        scores = self.xp.matmul(self._biased(q, bias_u, heads), k[:, heads].swapaxes(-1, -2), out=out)
        if p is not None:  # relative positions from queries.stop - 1 down to queries.start - (T-1) only
            p = p[:, heads, time - queries.stop : 2 * time - 1 - queries.start]  # (1, h, T+Q-1, D)
            scores += _by_distance(self.xp.matmul(self._biased(q, bias_v, heads), p.swapaxes(-1, -2)))
        if mask is not None:
            scores += mask[:, heads, queries]
        return scores

    def _unshifted(self, dscores: Any) -> Any:
        """The gradient (B, h, T, 2T-1) of the products with all positions: each row's scores, in their columns."""
        batch, heads, time, _ = dscores.shape
        dproducts = self.xp.zeros((batch, heads, time, 2 * time - 1), dtype=dscores.dtype)
        _by_distance(dproducts)[...] = dscores
        return dproducts

    def _through_query(self, dproducts: Any, keys: Any, dbias: Any) -> Any:
        """The gradient that reaches q through the products (q + bias) keys^T / sqrt(D); the bias's is left in dbias."""
        dq = self.xp.matmul(dproducts, keys)
        dq *= self.scaling
        if dbias is not None:
            dbias[...] = dq.sum(axis=(0, 2))
        return dq

    def _biased(self, q: Any, bias: Any, heads: slice) -> Any:
        """(q + bias) / sqrt(D) of these heads; the bias is (H, D) or None."""
        return q * self.scaling if bias is None else (q + bias[heads, None]) * self.scaling

    def _split(self, x: Any) -> Any:
        """(B, T, C) -> a view (B, H, T, D)"""
        return None if x is None else x.reshape(*x.shape[:2], self.heads, -1).swapaxes(1, 2)

    def _drop(self, x: Any, kept: Any) -> Any:
        return x if kept is None else x * kept * self.dropout_factor


def _by_distance(products: Any) -> Any:
    """A view (B, H, Q, T) of products (B, H, Q, T+Q-1): element [i, j] is column Q-1-i+j of row i."""
    batch, heads, queries, columns = products.shape
    step_b, step_h, step_i, step_r = products.strides
    shape, strides = (batch, heads, queries, columns - queries + 1), (step_b, step_h, step_i - step_r, step_r)
    return sliding_view(products[..., queries - 1 :], shape, strides)


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
