"""Each mel band of a recording at mean 0 and variance 1: a microphone's colour and distance divide out.

    m_j = sum over t of x[t, j] / T
    v_j = sum over t of (x[t, j] - m_j)^2 / (T - 1)              the unbiased estimate, which needs two frames
    y[t, j] = (x[t, j] - m_j) / sqrt(v_j + 1e-7)                 for Wav2Vec2-BERT
    y[t, j] = (x[t, j] - m_j) / (sqrt(v_j) + 1e-5)               NeMo's

T counts frames, J bands. Features are float32; sums run in float64, over differences from the first frame, so that a
band that never changes, as in digital silence, gives 0 exactly. In float32 it would give rounding errors times
1 / sqrt(1e-7), which is 3162.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays import threads

EPSILON = 1e-7
EPSILON_OF_NEMO = 1e-5


def normalize_bands(features: np.ndarray, inside: float = EPSILON, outside: float = 0.0) -> np.ndarray:
    """Normalise features (T, J), float32, in place, and return them. T is at least 2.

    inside, outside: what is added to the variance, and to the deviation.
    """
    frames, first = len(features), features[0].astype(np.float64)  # (J,)

    def sum_piece(xp: Any, x: Any) -> tuple[Any]:
        return ((x - first).sum(axis=0),)

    mean = first + threads.sum_over(sum_piece, features)[0] / frames  # (J,)

    def square_piece(xp: Any, x: Any) -> tuple[Any]:
        return (((x - mean) ** 2).sum(axis=0),)

    variance = threads.sum_over(square_piece, features)[0] / (frames - 1)  # (J,)
    deviation = np.sqrt(variance + inside) + outside

    def normalize_piece(xp: Any, x: Any) -> None:
        x[...] = (x - mean) / deviation  # in float64, as mean and deviation are

    threads.run(normalize_piece, features)
    return features
