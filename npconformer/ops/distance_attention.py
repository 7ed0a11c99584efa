"""Attention with Shaw's relative positions: a vector for each distance up to a limit, one table for all heads.

Letters as in `dot_product_attention`: B batch, T time, H heads, h some of them, Q some queries, D channels in a head;
i is a query's time, j a key's. Further: L and R, the limits to the left and right, N = L + R + 1 rows of the table E.

    score[i, j] = (q_i k_j + q_i e_(j-i)) / sqrt(D),    e_r = E[clip(r, -L, R) + L]
                                     (Shaw, Uszkoreit, Vaswani 2018, "Self-Attention with Relative Position
                                      Representations", equation 5, with the clipping of section 3.2)

Softmax does not notice what all keys of a query have in common. So E's first row is taken off all rows: with
f_r = e_r - e_(-L) nothing is left to add where j <= i - L. Far to the right, where j >= i + R, all keys share f_R,
and q_i k_j + q_i f_R = q_i (k_j + f_R): there it goes into the product with the keys. In between lies a band of scores
near the diagonal, to which the products q_i f_r are added by distance.

Backward, the gradient dproduct[i, r] of q_i f_r / sqrt(D) is dscore[i, i+r], for r = R the sum over all j >= i + R:

    dq_i = sum over j of dscore[i, j] k_j / sqrt(D) + sum over r of dproduct[i, r] f_r / sqrt(D)
    dk_j = sum over i of dscore[i, j] q_i / sqrt(D)
    df_r = sum over i, the heads and the batch of dproduct[i, r] q_i / sqrt(D)

and de_r = df_r but for the first row, which every other has lost: de_(-L) = -(sum of all other df_r).

Lesson: notebooks/04_attention_and_positions.ipynb, notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.ops.dot_product_attention import SMALLEST_PIECE, DotProductAttention, by_distance


class DistanceAttention(DotProductAttention):
    """Attention whose further input is the table E (N, D) of all heads."""

    def __init__(self, heads: int, dropout_p: float, return_weights: bool, left: int, right: int) -> None:
        super().__init__(heads, dropout_p, return_weights)
        self.left, self.right = left, right

    def scores(self, inputs: tuple[Any, ...], heads: slice, queries: slice, out: Array) -> None:
        q, k, table = inputs
        matmul, q, k = self.xp.matmul, q[:, heads, queries] * self.scaling, k[:, heads]
        rises = table - table[:1]  # (N, D)
        products = matmul(q, rises.T)  # (B, h, Q, N)
        for rows, near, columns in self._bands(queries, k.shape[2]):
            part = out[:, :, rows]
            beyond = slice(near.stop, None)
            matmul(q[:, :, rows], k[:, :, : near.stop].swapaxes(-1, -2), out=part[..., : near.stop])
            if near.stop < k.shape[2]:
                matmul(q[:, :, rows], (k[:, :, beyond] + rises[-1]).swapaxes(-1, -2), out=part[..., beyond])
            part[..., near] += by_distance(self._widened(products[:, :, rows]))[..., columns]

    def differentiate_scores(
        self, dscores: Array, inputs: tuple[Any, ...], heads: slice, gradients: tuple[Any, ...]
    ) -> None:
        (q, k, table), (dq, dk, dtables) = inputs, gradients
        super().differentiate_scores(dscores, (q, k), heads, (dq, dk))
        if dq is None and dtables is None:
            return
        dproducts = self._by_limit(dscores)  # (B, h, T, N)
        if dq is not None:
            dq[:, heads] += self.xp.matmul(dproducts, (table - table[:1]) * self.scaling)
        if dtables is not None:
            drises = self.xp.matmul(dproducts.swapaxes(-1, -2), q[:, heads] * self.scaling)  # (B, h, N, D)
            dtables[heads] = drises.sum(axis=0)

    def empty_gradients(self, positions: list[Any], needs: tuple[bool, ...]) -> list[Any]:
        """One (H, N, D): each head has a part in the one table."""
        (table,) = positions
        return [self.xp.empty((self.heads, *table.shape), dtype=table.dtype) if needs[0] else None]

    def backward(self, grad: Array, grad_weights: Array | None = None) -> tuple[Array | None, ...]:
        *gradients, dtables = super().backward(grad, grad_weights)
        if dtables is None:
            return (*gradients, None)
        dtable = dtables.sum(axis=0)
        dtable[0] = -dtable[1:].sum(axis=0)
        return (*gradients, dtable)

    def _bands(self, queries: slice, time: int) -> Iterator[tuple[slice, slice, slice]]:
        """Some of the queries at a time: (rows, near, columns).

        rows: these queries, counted from the first of all. near: the keys up to the last one that not all of them see
        beyond R, from L before the first of them. columns: where those keys stand if the recording's ends are ignored.
        """
        for first in range(queries.start, queries.stop, SMALLEST_PIECE):
            stop = min(first + SMALLEST_PIECE, queries.stop)
            near = slice(max(0, first - self.left), min(time, stop + self.right))
            start = first - self.left
            rows = slice(first - queries.start, stop - queries.start)
            yield rows, near, slice(near.start - start, near.stop - start)

    def _widened(self, products: Array) -> Array:
        """(B, h, Q, N) -> (B, h, Q, N+2Q-2): 0 further to the left, and the last column again further to the right."""
        batch, heads, queries, distances = products.shape
        wide = empty(self.xp, (batch, heads, queries, distances + 2 * queries - 2), products.dtype)
        wide[..., : queries - 1] = 0
        wide[..., queries - 1 : queries - 1 + distances] = products
        wide[..., queries - 1 + distances :] = products[..., -1:]
        return wide

    def _by_limit(self, dscores: Array) -> Array:
        """The gradient (B, h, T, N) of the products; whatever stands in the column of distance -L, where f is 0."""
        xp, (batch, heads, time, _) = self.xp, dscores.shape
        distances = self.left + self.right + 1
        dproducts = xp.empty((batch, heads, time, distances), dtype=dscores.dtype)
        for rows, near, columns in self._bands(slice(0, time), time):
            queries = rows.stop - rows.start
            wide = xp.zeros((batch, heads, queries, distances + 2 * queries - 2), dtype=dscores.dtype)
            by_distance(wide)[..., columns] = dscores[:, :, rows, near]
            dproducts[:, :, rows] = wide[..., queries - 1 : queries - 1 + distances]
            dproducts[:, :, rows, -1] += wide[..., queries - 1 + distances :].sum(axis=-1)
            dproducts[:, :, rows, -1] += dscores[:, :, rows, near.stop :].sum(axis=-1)
        return dproducts
