"""Position tables: sinusoids of relative distances, and rotary angles. Computed in float32, then cast.

Letters: T frames, C channels, D channels in a head.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray, get_array_module
from npconformer.nn import Module


def relative_position_table(length: int, channels: int) -> np.ndarray:
    """(1, 2T-1, C) float32: row n is the sinusoid of the distance r = T-1-n, query time minus key time.

    Even channels 2i hold sin(r w_i), odd ones cos(r w_i), with w_i = 10000^(-2i/C)   (Vaswani et al. 2017, section 3.5;
    Dai et al. 2019). The products are rounded to float32 before the sine, as in the reference.
    """
    distances = np.arange(length - 1, -length, -1, dtype=np.float32)[:, None]  # (2T-1, 1)
    exponents = np.arange(0, channels, 2, dtype=np.float32) * np.float32(-(math.log(10000.0) / channels))
    frequencies = np.exp(exponents.astype(np.float64)).astype(np.float32)
    angles = (distances * frequencies).astype(np.float64)  # float32 values
    table = np.empty((1, 2 * length - 1, channels), np.float32)
    table[0, :, 0::2] = np.sin(angles)
    table[0, :, 1::2] = np.cos(angles[:, : channels // 2])
    return table


class RelativePositionalEmbedding(Module):
    """The table of relative positions for as many frames as needed; the latest one is kept."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.channels = config.hidden_size
        self.latest: tuple[Any, Any] = (None, None)

    def forward(self, hidden_states: Any) -> Any:
        """A constant (1, 2T-1, C) in the dtype and memory of hidden_states (B, T, C)."""
        array = hidden_states.data
        key = (array.shape[1], array.dtype, type(array))
        known, table = self.latest  # read once: another thread may change it at any moment
        if known != key:
            table = relative_position_table(array.shape[1], self.channels)
            table = asarray(table.astype(array.dtype, copy=False), array)
            self.latest = (key, table)
        return table


class RotaryPositionalEmbedding(Module):
    """Cosines and sines of the rotary angles t * base^(-2i/D); the frequencies are a buffer.

    persistent: whether they are saved; both models' older checkpoints hold them.
    """

    def __init__(self, config: Any, persistent: bool = True) -> None:
        super().__init__()
        head_size = config.hidden_size // config.num_attention_heads
        exponents = np.arange(0, head_size, 2, dtype=np.float32) / np.float32(head_size)
        powers = np.power(float(config.rotary_embedding_base), exponents.astype(np.float64)).astype(np.float32)
        self.register_buffer("inv_freq", np.float32(1.0) / powers, persistent)
        self.latest: tuple[Any, Any] = (None, None)

    def forward(self, hidden_states: Any) -> tuple[Any, Any]:
        """Constants cos and sin, each (T, D/2), in the dtype and memory of hidden_states (B, T, C)."""
        array = hidden_states.data
        key = (array.shape[1], array.dtype, type(array), id(self.inv_freq))
        known, table = self.latest  # read once: another thread may change it at any moment
        if known != key:
            frequencies = asarray(self.inv_freq, array)
            xp = get_array_module(array)
            angles = xp.arange(array.shape[1], dtype=frequencies.dtype)[:, None] * frequencies  # (T, D/2)
            cos, sin = xp.cos(angles), xp.sin(angles)
            table = cos.astype(array.dtype, copy=False), sin.astype(array.dtype, copy=False)
            self.latest = (key, table)
        return table
