"""The parts of a Conformer block as their equations say, slowly, in plain NumPy: for comparison with the modules.

Each takes the module, whose weights it reads, and x (B, T, C); the activation is swish.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def swish(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def layer_norm(module: Any, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + module.eps) * module.weight.data + module.bias.data


def linear(module: Any, x: np.ndarray) -> np.ndarray:
    y = np.einsum("btc,oc->bto", x, module.weight.data.reshape(len(module.weight.data), -1))
    return y if getattr(module, "bias", None) is None else y + module.bias.data


def feed_forward(module: Any, x: np.ndarray) -> np.ndarray:
    return linear(module.output_dense, swish(linear(module.intermediate_dense, x)))


def depthwise(module: Any, x: np.ndarray, zeros_before: int) -> np.ndarray:
    """y[t, c] = sum over k of x[t + k - zeros_before, c] w[c, k], x being 0 outside its time."""
    weight, y = module.weight.data, np.zeros_like(x)
    for t in range(x.shape[1]):
        for k in range(weight.shape[2]):
            if 0 <= t + k - zeros_before < x.shape[1]:
                y[:, t] += x[:, t + k - zeros_before] * weight[:, 0, k]
    return y if module.bias is None else y + module.bias.data


def convolution(module: Any, x: np.ndarray, causal: bool, padded: np.ndarray | None = None) -> np.ndarray:
    """padded: None or (B, T), true at frames set to 0 after the first layer norm, as the reference does.

    With biases that would leave something behind the GLU, which is where NeMo sets them to 0.
    """
    x = layer_norm(module.layer_norm, x)
    if padded is not None and not module.has_biases:
        x = np.where(padded[:, :, None], 0, x)
    x = linear(module.pointwise_conv1, x)
    half = x.shape[-1] // 2
    x = x[..., :half] * sigmoid(x[..., half:])
    if padded is not None and module.has_biases:
        x = np.where(padded[:, :, None], 0, x)
    kernel = module.depthwise_conv.weight.shape[2]
    x = depthwise(module.depthwise_conv, x, kernel - 1 if causal else (kernel - 1) // 2)
    if causal:
        x = layer_norm(module.depthwise_layer_norm, x)
    else:
        norm = module.batch_norm
        x = (x - norm.running_mean) / np.sqrt(norm.running_var + norm.eps) * norm.weight.data + norm.bias.data
    return linear(module.pointwise_conv2, swish(x))


def attention(module: Any, x: np.ndarray, seen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Without positions, or with "relative_key"; seen: (B,) frames that may be attended to. Also the weights."""
    queries, keys, values = (linear(layer, x) for layer in (module.linear_q, module.linear_k, module.linear_v))
    batch, time, channels = x.shape
    size = channels // module.heads
    weights, context = np.zeros((batch, module.heads, time, time)), np.zeros_like(x)
    for b, h, i in np.ndindex(batch, module.heads, time):
        own = slice(h * size, (h + 1) * size)
        scores = np.full(time, -np.inf)
        for j in range(time if seen is None else seen[b]):
            key = keys[b, j, own]
            if module.positions_type == "relative_key":
                distance = min(max(j - i, -module.left), module.right)  # key minus query: behind is negative
                key = key + module.distance_embedding.weight.data[distance + module.left]
            scores[j] = queries[b, i, own] @ key / np.sqrt(size)
        powers = np.exp(scores - scores.max())
        weights[b, h, i] = powers / powers.sum()
        context[b, i, own] = weights[b, h, i] @ values[b, :, own]
    return linear(module.linear_out, context), weights


def block(module: Any, x: np.ndarray, causal: bool, lengths: np.ndarray | None = None) -> np.ndarray:
    padded = None if lengths is None else np.arange(x.shape[1]) >= lengths[:, None]
    x = x + feed_forward(module.ffn1, layer_norm(module.ffn1_layer_norm, x)) / 2
    x = x + attention(module.self_attn, layer_norm(module.self_attn_layer_norm, x), lengths)[0]
    x = x + convolution(module.conv_module, x, causal, padded)
    x = x + feed_forward(module.ffn2, layer_norm(module.ffn2_layer_norm, x)) / 2
    return layer_norm(module.final_layer_norm, x)
