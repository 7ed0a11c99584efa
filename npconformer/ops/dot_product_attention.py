"""Scaled dot-product attention over heads, and what attention with positions has in common with it.

Letters: B batch, T time, H heads, h some of them, Q some queries, D channels in a head, C = H D; i is a query's time,
j a key's.

    score[i, j]  = (q_i k_j) / sqrt(D) + mask[j]                     (Vaswani et al. 2017, equation 1)
    weight[i, :] = softmax(score[i, :]),    context_i = sum over j of weight[i, j] v_j

Backward, with g the context's gradient:

    dweight[i, j] = g_i v_j,     dscore[i, :] = weight[i, :] (dweight[i, :] - sum over j of dweight[i, j] weight[i, j])
    dv_j = sum over i of weight[i, j] g_i
    dq_i = sum over j of dscore[i, j] k_j / sqrt(D)
    dk_j = sum over i of dscore[i, j] q_i / sqrt(D)

Positions change the scores and nothing else: see `relative_attention` and `distance_attention`.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of, sliding_view
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.ops.softmax import exponentials_in_place
from npconformer.tape.autograd import Operation

SHARED_SIZE = 64 * 1024  # scores that are worth a thread: each takes two products of D numbers and an exponential
HEADS_SIZE = 128 * 1024  # scores that a thread has at once, of one head or of several small ones
SMALLEST_PIECE = 256  # queries, however many keys there are: smaller matrix products are slow


class DotProductAttention(Operation):
    """context = softmax(scores) v. Keeps the inputs and the weights; the scores' gradient is w (dw - sum(dw w)).

    Heads are shared among threads, and each goes through its queries in pieces. So without a recording the memory grows
    with T and not with T^2: no array of all scores, and none of all products with the positions, is ever made.

    A subclass has scores of its own, in `scores` and `differentiate_scores`, and arrays of positions as further inputs.
    """

    def __init__(self, heads: int, dropout_p: float, return_weights: bool) -> None:
        self.heads, self.return_weights = heads, return_weights
        self.dropout_factor = 1.0 / (1.0 - dropout_p) if dropout_p < 1 else 0.0

    def forward(
        self, query: Array, key: Array, value: Array, mask: Array | None, kept: Array | None, *positions: Array
    ) -> Any:
        (batch, time, channels), xp = query.shape, self.xp
        self.scaling = (channels // self.heads) ** -0.5
        q, k, v = self.split(query), self.split(key), self.split(value)  # (B, H, T, D)
        scores_shape = (batch, self.heads, time, time)
        keep_weights = self.recording or self.return_weights
        all_weights = empty(xp, scores_shape, query.dtype) if keep_weights else None
        if mask is not None:
            mask = xp.broadcast_to(mask, scores_shape)
        context = empty(xp, query.shape, query.dtype)
        backend = backend_of(query)
        step = max(SMALLEST_PIECE, backend.piece_size // 8 // time)  # queries; the scores of one head stay in the cache

        def attend(first: int, stop: int) -> None:
            heads = slice(first, stop)
            for i in range(0, time, step):
                queries = slice(i, min(i + step, time))
                if all_weights is None:
                    weights = empty(xp, (batch, stop - first, queries.stop - i, time), query.dtype)  # (B, h, Q, T)
                else:
                    weights = all_weights[:, heads, queries]
                self.scores((q, k, *positions), heads, queries, out=weights)
                if mask is not None:
                    weights += mask[:, heads, queries]
                sums = exponentials_in_place(xp, weights)  # not yet divided: for the context, D numbers are, not T
                dropped = self._drop(weights, None if kept is None else kept[:, heads, queries])
                found = xp.matmul(dropped, v[:, heads], out=self.split(context)[:, heads, queries])
                xp.divide(found, sums, out=found)
                if keep_weights:
                    weights /= sums

        size = batch * min(step, time) * time
        threads.run_products(attend, self.heads, size, backend, HEADS_SIZE, shared_size=SHARED_SIZE)
        self.save(query, key, value, kept, all_weights, *positions)
        if not self.return_weights:
            return context
        assert all_weights is not None  # they were asked for
        return context, self._drop(all_weights, kept)

    def backward(self, grad: Array, grad_weights: Array | None = None) -> tuple[Array | None, ...]:
        query, key, value, kept, all_weights, *positions = self.saved
        matmul, backend = self.xp.matmul, backend_of(query)
        q, k, v, g = (self.split(x) for x in (query, key, value, grad))
        inputs = zip((query, key, value), self.needs[:3], strict=True)
        gradients = [self.xp.empty(x.shape, dtype=x.dtype) if need else None for x, need in inputs]
        dq, dk, dv = (None if x is None else self.split(x) for x in gradients)
        dpositions = self.empty_gradients(positions, self.needs[5:])

        def differentiate(first: int, stop: int) -> None:
            heads = slice(first, stop)
            weights, part = all_weights[:, heads], None if kept is None else kept[:, heads]
            if dv is not None:
                matmul(self._drop(weights, part).swapaxes(-1, -2), g[:, heads], out=dv[:, heads])
            dscores = matmul(g[:, heads], v[:, heads].swapaxes(-1, -2))  # (B, h, T, T); first the weights' gradient
            if grad_weights is not None:
                dscores += grad_weights[:, heads]
            dscores = self._drop(dscores, part)
            dscores -= backend.sums_of_products("bhij,bhij->bhi", dscores, weights)[..., None]
            dscores *= weights
            self.differentiate_scores(dscores, (q, k, *positions), heads, (dq, dk, *dpositions))

        batch, time, _ = query.shape
        size = batch * time * time
        threads.run_products(differentiate, self.heads, size, backend, HEADS_SIZE, shared_size=SHARED_SIZE)
        return (*gradients, None, None, *dpositions)

    def scores(self, inputs: tuple[Any, ...], heads: slice, queries: slice, out: Array) -> None:
        """Leaves the scores (B, h, Q, T) of these heads and queries in `out`; the mask comes later.

        inputs: q and k, (B, H, T, D), and the positions.
        """
        q, k = inputs
        self.xp.matmul(q[:, heads, queries] * self.scaling, k[:, heads].swapaxes(-1, -2), out=out)

    def differentiate_scores(
        self, dscores: Array, inputs: tuple[Any, ...], heads: slice, gradients: tuple[Any, ...]
    ) -> None:
        """Leaves in `gradients` what these heads' dscores (B, h, T, T) give the inputs; None where nobody needs it."""
        (q, k), (dq, dk) = inputs, gradients
        if dq is not None:
            dq[:, heads] = self.xp.matmul(dscores, k[:, heads]) * self.scaling
        if dk is not None:
            self.xp.matmul(dscores.swapaxes(-1, -2), q[:, heads] * self.scaling, out=dk[:, heads])

    def empty_gradients(self, positions: list[Any], needs: tuple[bool, ...]) -> list[Any]:
        """Arrays for the gradients of the positions, which every head writes its part of."""
        pairs = zip(positions, needs, strict=True)
        return [self.xp.empty(x.shape, dtype=x.dtype) if need else None for x, need in pairs]

    def split(self, x: Any) -> Any:
        """(B, T, C) -> a view (B, H, T, D)"""
        return x.reshape(*x.shape[:2], self.heads, -1).swapaxes(1, 2)

    def _drop(self, x: Array, kept: Array | None) -> Array:
        return x if kept is None else x * kept * self.dropout_factor


def by_distance(products: Array) -> Array:
    """The relative shift: a view (B, H, Q, W) of products (B, H, Q, W+Q-1), whose [i, j] is column Q-1-i+j of row i.

    Products with positions have a column for each distance; a key's distance is one less from the next query.
    """
    batch, heads, queries, columns = products.shape
    step_b, step_h, step_i, step_r = products.strides
    shape, strides = (batch, heads, queries, columns - queries + 1), (step_b, step_h, step_i - step_r, step_r)
    return sliding_view(products[..., queries - 1 :], shape, strides)
