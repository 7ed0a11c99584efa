"""Rotary positions (Su et al. 2021, "RoFormer", equation 34), in the form of the reference.

Letters: B batch, T time, H heads, D channels in a head (even), C = H D. In each head the first half of the channels is
paired with the second half, and pair i at time t is turned by the angle t * base^(-2i/D):

    y1 = x1 cos - x2 sin,    y2 = x2 cos + x1 sin;     backward turns the gradient the other way.

Wav2Vec2-Conformer turns the hidden states before the query and key projections, not queries and keys after them.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class Rotary(Operation):
    """Turns the two halves of every head's channels by the given angles."""

    in_float32 = True

    def __init__(self, heads: int) -> None:
        self.heads = heads

    def forward(self, x: Array, cos: Array, sin: Array) -> Array:
        self.save(cos, sin)
        return self._turn(x, cos, sin)

    def backward(self, grad: Array) -> tuple[Array | None, None, None]:
        cos, sin = self.saved
        return self._turn(grad, cos, -sin), None, None

    def _turn(self, x: Array, cos: Array, sin: Array) -> Array:
        batch, time, channels = x.shape
        half = channels // self.heads // 2
        halves = x.reshape(batch, time, self.heads, 2, half)
        x1, x2 = halves[:, :, :, 0], halves[:, :, :, 1]  # (B, T, H, D/2)
        cos, sin = cos[:, None], sin[:, None]  # (T, 1, D/2)
        y = empty(self.xp, (batch, time, self.heads, 2, half), x.dtype)

        def turn(first: int, stop: int) -> None:
            t = slice(first, stop)
            y[:, t, :, 0] = x1[:, t] * cos[t] - x2[:, t] * sin[t]
            y[:, t, :, 1] = x2[:, t] * cos[t] + x1[:, t] * sin[t]

        threads.run_ranges(turn, time, batch * channels, backend_of(x))
        return y.reshape(x.shape)


def rotary(x: Tensor | Array, cos: Array, sin: Array, heads: int) -> Tensor:
    """Turns x (B, T, C) by angles given as their cosines and sines, each (T, D/2) in x's dtype."""
    if len(x.shape) != 3 or heads < 1 or x.shape[2] % (2 * heads):
        raise ValueError(f"rotary: x of shape {x.shape} does not split into {heads} heads of even size")
    if tuple(cos.shape) != (x.shape[1], x.shape[2] // heads // 2) or cos.shape != sin.shape:
        raise ValueError(
            f"rotary: expected cos and sin of shape (T, D/2) for x {x.shape}, got {cos.shape}, {sin.shape}"
        )
    return Rotary(heads)(x, cos, sin)
