"""Position tables: sinusoids of relative distances, and rotary angles. Computed in float32, then cast.

Letters: T frames, L frames that a table is made for, C channels, D channels in a head.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray, backend_of
from npconformer.nn import Module

BLOCK = 64  # frames; tables are made for whole blocks


def relative_position_table(length: int, channels: int, nearest: int | None = None) -> np.ndarray:
    """(1, 2T-1, C) float32: row n is the sinusoid of the distance r = T-1-n, query time minus key time.

    Even channels 2i hold sin(r w_i), odd ones cos(r w_i), with w_i = 10000^(-2i/C)   (Vaswani et al. 2017, section 3.5;
    Dai et al. 2019). The products are rounded to float32 before the sine, as in the reference.

    nearest: the last row's distance, -(T-1) unless given.
    """
    nearest = 1 - length if nearest is None else nearest
    distances = np.arange(length - 1, nearest - 1, -1, dtype=np.float32)[:, None]  # (2T-1, 1)
    exponents = np.arange(0, channels, 2, dtype=np.float32) * np.float32(-(math.log(10000.0) / channels))
    frequencies = np.exp(exponents.astype(np.float64)).astype(np.float32)
    angles = (distances * frequencies).astype(np.float64)  # float32 values
    table = np.empty((1, len(distances), channels), np.float32)
    table[0, :, 0::2] = np.sin(angles)
    table[0, :, 1::2] = np.cos(angles[:, : channels // 2])
    return table


class Latest:
    """What a table was made for last, and the table: no attribute of the module, which stays as it is."""

    def __init__(self) -> None:
        self.found: tuple[Any, Any] = (None, None)


class RelativePositionalEmbedding(Module):
    """The table of relative positions. The longest is kept, and recordings get the part of it that they need."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.channels = config.hidden_size
        self.latest = Latest()

    def forward(self, hidden_states: Any) -> Any:
        """A constant (1, 2T-1, C) in the dtype and memory of hidden_states (B, T, C)."""
        array = hidden_states.data
        time, key = array.shape[1], (array.dtype, backend_of(array).name)
        known, table = self.latest.found  # read once: another thread may change it at any moment
        if known != key or table.shape[1] < 2 * time:
            longest = -(-time // BLOCK) * BLOCK
            table = relative_position_table(longest, self.channels, -longest)  # (1, 2L, C), from L-1 to -L
            table = asarray(table.astype(array.dtype, copy=False), array)
            if type(table) is np.ndarray:
                table.flags.writeable = False  # what is made of it is kept
                _tables[id(table)] = table
            self.latest.found = (key, table)
        middle = table.shape[1] // 2
        return table[:, middle - time : middle + time - 1]


_tables: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def table_of(positions: Any) -> Any:
    """The table (1, 2L, C) on the host that positions (1, 2T-1, C) are the middle of; None for any others."""
    table = _tables.get(id(getattr(positions, "base", None)))
    if table is None or positions.base is not table:
        return None
    rows, middle = positions.shape[1], table.shape[1] // 2
    own = table[:, middle - (rows + 1) // 2 : middle + rows // 2]
    is_like_own = rows % 2 == 1 and positions.shape == own.shape and positions.strides == own.strides
    return table if is_like_own and positions.ctypes.data == own.ctypes.data else None


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
        self.latest = Latest()

    def forward(self, hidden_states: Any) -> tuple[Any, Any]:
        """Constants cos and sin, each (T, D/2), in the dtype and memory of hidden_states (B, T, C)."""
        array = hidden_states.data
        backend, frequencies = backend_of(array), self.inv_freq
        bits = frequencies.tobytes() if isinstance(frequencies, np.ndarray) else id(frequencies)
        key = (array.shape[1], array.dtype, backend.name, bits)
        known, table = self.latest.found  # read once: another thread may change it at any moment
        if known != key:
            frequencies, xp = asarray(frequencies, array), backend.xp
            angles = xp.arange(array.shape[1], dtype=frequencies.dtype)[:, None] * frequencies  # (T, D/2)
            cos, sin = xp.cos(angles), xp.sin(angles)
            table = cos.astype(array.dtype, copy=False), sin.astype(array.dtype, copy=False)
            self.latest.found = (key, table)
        return table
