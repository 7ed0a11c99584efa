"""The feature encoder where no gradient is recorded: one window of the recording after the other, with the same result.

The first convolutions put out 64 frames of 512 channels for every frame that leaves the encoder: 4 GB for ten minutes.
But a frame depends on `reach` samples only, `hop` samples behind those of the frame before. So the stack runs on
windows that give a few frames each, and its intermediate results never leave the cache.

Group norm looks at the whole recording. Its statistics are those of a linear map of the samples, so they follow from
the samples alone. With w_o the kernel of channel o (bias or not: the mean takes it away), m the mean and S the
covariance of the vectors of K samples that the outputs see:

    mean_o = w_o m,   variance_o = w_o S w_o,   g_o = weight_o / sqrt(variance_o + eps)
    y_o = g_o (w_o x - mean_o) + bias_o = (g_o w_o) x + (bias_o - g_o mean_o)

so that convolution and norm together are one convolution.

Letters: B batch, N samples, T frames, C channels, K kernel taps.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of, get_array_module, sliding_view
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.weight_layout import lie_transposed
from npconformer.models.frame_clock import Stage, count_steps, fewest_steps
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import no_grad

WINDOW_SIZE = 4 * 1024 * 1024  # numbers in the first layer's output of a window, at most: 16 MiB of float32
SAMPLES_AT_ONCE = 64 * 1024  # rows of K samples in float64 while the covariance is summed up


def encode_in_windows(
    layers: Any, samples: Any, sample_lengths: np.ndarray | None = None, frames_at_once: int | None = None
) -> Any:
    """(B, N) -> (B, T, C), with each utterance's own samples counted in its group norm if the lengths are given.

    frames_at_once: how many frames a window gives, at most; by default as many as keep the first layer's output small.
    """
    stages = [Stage(layer.conv.kernel_size, layer.conv.stride) for layer in layers]
    reach, hop = fewest_steps(1, stages), math.prod(stage.hop for stage in stages)  # of a frame, in samples
    first, last = layers[0], layers[len(layers) - 1]
    batch, count = samples.shape
    backend, frames = backend_of(samples), count_steps(count, stages)
    first_outputs = first.conv.weight.shape[0] * (hop // first.conv.stride)  # numbers for each frame
    window_size = WINDOW_SIZE if frames_at_once is None else frames_at_once * first_outputs
    y = empty(backend.xp, (batch, frames, last.conv.weight.shape[0]), samples.dtype)

    def encode(utterance: int, start: int, stop: int) -> None:
        x = Tensor(samples[utterance : utterance + 1, start * hop : (stop - 1) * hop + reach, None])  # (1, N', 1)
        with no_grad():  # a mode of each thread
            for layer, (weight, bias) in zip(layers, weights, strict=True):
                x = layer.finish(ops.conv1d(x, weight, bias, stride=layer.conv.stride))
        y[utterance, start:stop] = x.data[0]

    weights = [_ready_weights(layer.conv) for layer in layers]
    for utterance in range(batch):
        if first.norm == "group":
            length = count if sample_lengths is None else int(sample_lengths[utterance])
            weights[0] = _fold_group_norm(first, samples[utterance, :length])
        if frames * first_outputs <= window_size:
            encode(utterance, 0, frames)  # its products have all threads
        else:
            threads.run_products(partial(encode, utterance), frames, first_outputs, backend, window_size, window_size)
    return y


def _ready_weights(conv: Any) -> tuple[Any, Any]:
    """Weight (O, C, K) and bias; the weight lies in memory as its matrix needs it, so that no window rearranges it."""
    return lie_transposed(conv.weight.data), conv.bias


def _fold_group_norm(layer: Any, samples: Any) -> tuple[Any, Any]:
    """The weight (C, 1, K) and bias (C,) that convolve and normalise these samples (N,)."""
    kernel, norm, xp = layer.conv.weight.data, layer.layer_norm, get_array_module(samples)
    mean, covariance = _window_statistics(samples, layer.conv.kernel_size, layer.conv.stride)
    w = kernel[:, 0].astype(np.float64)  # (C, K)
    gain = norm.weight.data / xp.sqrt(xp.einsum("ck,kl,cl->c", w, covariance, w) + norm.eps)
    weight, bias = w * gain[:, None], norm.bias.data - gain * (w @ mean)
    return weight[:, None].astype(kernel.dtype), bias.astype(kernel.dtype)


def _window_statistics(samples: Any, kernel: int, stride: int) -> tuple[Any, Any]:
    """Mean (K,) and covariance (K, K), in float64, of the vectors of K samples that a convolution sees."""
    step = samples.strides[0]
    count = (samples.shape[0] - kernel) // stride + 1
    vectors = sliding_view(samples, (count, kernel), (stride * step, step))
    total: Any = 0
    products: Any = 0
    for first in range(0, count, SAMPLES_AT_ONCE):
        part = vectors[first : first + SAMPLES_AT_ONCE].astype(np.float64)
        total = total + part.sum(axis=0)
        products = products + part.T @ part
    mean = total / count
    return mean, products / count - mean[:, None] * mean
