"""Chunks as transformers' pipeline cuts them, for code that was written on them.

The pipelines here have chunks of their own (`chunking`): every frame that is kept has its full context, and the last
chunk is as long as the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np


def chunk_iter(
    inputs: np.ndarray, feature_extractor: Any, chunk_len: int, stride_left: int, stride_right: int, dtype: Any = None
) -> Iterator[dict[str, Any]]:
    """Cut a waveform (N,) into chunks of chunk_len samples, which overlap by their two strides, as model inputs.

    Yields {"is_last", "stride": (samples, left, right)} with the feature extractor's entries, of a batch of one. dtype:
    of its floating arrays. Raises ValueError where nothing of a chunk is left between its strides.
    """
    step = chunk_len - stride_left - stride_right
    if step <= 0:
        raise ValueError(f"chunk_len={chunk_len} must be more than the strides together, {stride_left + stride_right}")
    for start in range(0, len(inputs), step):
        chunk = inputs[start : start + chunk_len]
        features = feature_extractor(
            chunk, sampling_rate=feature_extractor.sampling_rate, return_tensors="np", return_attention_mask=True
        )
        is_last = start + chunk_len >= len(inputs)
        left, right = 0 if start == 0 else stride_left, 0 if is_last else stride_right
        if len(chunk) > left:
            features = features if dtype is None else features.to(dtype=dtype)
            yield {"is_last": is_last, "stride": (len(chunk), left, right), **features}
        if is_last:
            return


def rescale_stride(stride: Iterable[tuple[int, int, int]], ratio: float) -> list[tuple[int, int, int]]:
    """(samples, left, right) in frames, of which there are `ratio` to a sample, the strides in proportion."""

    def rescale(samples: int, left: int, right: int) -> tuple[int, int, int]:
        frames = round(samples * ratio)
        return frames, round(left / samples * frames), round(right / samples * frames)

    return [rescale(*one) for one in stride]
