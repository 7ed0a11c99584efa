"""Attention with the relative positions of Transformer-XL: every distance has a vector, projected for each head.

Letters as in `dot_product_attention`: B batch, T time, H heads, h some of them, Q some queries, D channels in a head,
C = H D; i is a query's time, j a key's.

    score[i, j] = ((q_i + u) k_j + (q_i + w) p_(i-j)) / sqrt(D)     (Dai et al. 2019, "Transformer-XL", section 3.3)

p_r is the projected table of relative positions; its rows run from r = T-1 down to r = -(T-1). So score[i, j] needs
column T-1-i+j of the products with the table: in a (T, 2T-1) array that is a view whose rows start one column earlier
each time (`by_distance`). This is the relative shift, which the paper (appendix B) and the reference do by padding and
reshaping.

Backward, with dscore[i, j] from `dot_product_attention`. In it each term has the other factor of its product:

    dq_i = sum over j of dscore[i, j] (k_j + p_(i-j)) / sqrt(D)
    dk_j = sum over i of dscore[i, j] (q_i + u) / sqrt(D)
    dp_r = sum over all i, j with i - j = r, and over the batch, of dscore[i, j] (q_i + w) / sqrt(D)
    du   = sum over i, j and the batch of dscore[i, j] k_j / sqrt(D)
    dw   = sum over i, j and the batch of dscore[i, j] p_(i-j) / sqrt(D)

The sums with r go through the same view the other way: dscore is laid into a (T, 2T-1) array of zeros, then it is a
matrix product again. `dpositions`, `du` and `dw` below are dp, du and dw.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from npconformer.arrays import threads
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.ops.dot_product_attention import DotProductAttention, by_distance


class RelativeAttention(DotProductAttention):
    """Attention whose further inputs are the projected positions (1, 2T-1, C) and the biases u and w (H, D)."""

    def scores(self, inputs: tuple[Any, ...], heads: slice, queries: slice, out: Array) -> None:
        q, k, positions, u, w = inputs
        q, p, time = q[:, heads, queries], self.split(positions), k.shape[2]  # p (1, H, 2T-1, D)
        self.xp.matmul(self._biased(q, u, heads), k[:, heads].swapaxes(-1, -2), out=out)
        p = p[:, heads, time - queries.stop : 2 * time - 1 - queries.start]  # (1, h, T+Q-1, D): what these queries meet
        products = empty(self.xp, (*q.shape[:3], p.shape[2]), q.dtype)  # (B, h, Q, T+Q-1)
        out += by_distance(self.xp.matmul(self._biased(q, w, heads), p.swapaxes(-1, -2), out=products))

    def differentiate_scores(
        self, dscores: Array, inputs: tuple[Any, ...], heads: slice, gradients: tuple[Any, ...]
    ) -> None:
        (q, k, positions, u, w), (dq, dk, dpositions, du, dw) = inputs, gradients
        matmul, q, p = self.xp.matmul, q[:, heads], self.split(positions)[:, heads]
        dproducts = self._unshifted(dscores)  # (B, h, T, 2T-1)
        if dk is not None:
            matmul(dscores.swapaxes(-1, -2), self._biased(q, u, heads), out=dk[:, heads])
        if dpositions is not None:
            dp = matmul(dproducts.swapaxes(-1, -2), self._biased(q, w, heads))  # (B, h, 2T-1, D)
            self.split(dpositions)[:, heads] = dp.sum(axis=0, keepdims=True)
        through_keys = self._through_query(dscores, k[:, heads], None if du is None else du[heads])
        through_positions = self._through_query(dproducts, p, None if dw is None else dw[heads])
        if dq is not None:
            dq[:, heads] = through_keys + through_positions

    def _unshifted(self, dscores: Array) -> Array:
        """The gradient (B, h, T, 2T-1) of the products with all positions: each row's scores, in their columns."""
        batch, heads, time, _ = dscores.shape
        dproducts = self.xp.zeros((batch, heads, time, 2 * time - 1), dtype=dscores.dtype)
        by_distance(dproducts)[...] = dscores
        return dproducts

    def _through_query(self, dproducts: Array, keys: Array, dbias: Array | None) -> Array:
        """The gradient that reaches q through the products (q + bias) keys^T / sqrt(D); the bias's is left in dbias."""
        dq = self.xp.matmul(dproducts, keys)
        dq *= self.scaling
        if dbias is not None:
            dbias[...] = dq.sum(axis=(0, 2))
        return dq

    def _biased(self, q: Array, bias: Array, heads: slice) -> Array:
        """(q + bias) / sqrt(D) of these heads; the bias is (H, D)."""
        biased = empty(self.xp, q.shape, q.dtype)
        threads.run_step(_add_and_scale, biased, q, bias[heads, None], self.scaling)
        return biased


def _add_and_scale(xp: ModuleType, y: Array, x: Array, bias: Array, factor: float) -> None:
    xp.add(x, bias, out=y)
    y *= factor
