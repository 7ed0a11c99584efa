"""Speech recognition with Wav2Vec2-Conformer or Wav2Vec2-BERT: the whole forward pass in one file of plain NumPy.

    python notebooks/whole_model.py FOLDER AUDIO      # prints what is said

FOLDER holds config.json, model.safetensors and vocab.json, as transformers saves a model with a CTC head. AUDIO is a
recording at 16 kHz. It is one utterance, there is no padding and no training, and nothing is done for speed; the
package does the same for batches, many times faster, with gradients. A test holds the two equal.

Read it from the bottom up. Letters: N samples, T frames, C channels, H heads, D = C / H, K taps of a kernel, V letters.
`w` is always a dictionary of weights, with the names that they have in the checkpoint: `below(w, "ffn1")` are those
whose names begin with "ffn1.", and `below(w, "linear_q")` has the "weight" (out, in) and the "bias" (out,) of a layer.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import load_file


def is_bert(config):
    return config["model_type"] == "wav2vec2-bert"


def below(w, name):
    return {key[len(name) + 1 :]: value for key, value in w.items() if key.startswith(f"{name}.")}


def linear(x, w):
    return x @ w["weight"].T + w.get("bias", 0)  # (T, in) -> (T, out)


def layer_norm(x, w, eps):
    """Every frame at mean 0 and variance 1 over its channels, then scaled and moved."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * w["weight"] + w["bias"]


def channel_norm(x, w, mean, variance):
    """Every channel by itself. Group norm takes its statistics from this recording, batch norm from the training."""
    return (x - mean) / np.sqrt(variance + 1e-5) * w["weight"] + w["bias"]


def convolution(x, w, stride=1, padding=0):
    """Frame u of the result is the sum over taps k and channels of x[u stride + k] weight[:, :, k]."""
    x = np.pad(x, ((padding, padding), (0, 0)))
    windows = sliding_window_view(x, w["weight"].shape[2], axis=0)[::stride]  # (U, in, K)
    return np.tensordot(windows, w["weight"], ((1, 2), (1, 2))) + w.get("bias", 0)  # (U, out)


def sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # is 1 / (1 + e^-x), and overflows for no x


def gelu(x):
    return x * (0.5 + 0.5 * np.vectorize(math.erf)(x / math.sqrt(2))).astype(x.dtype)  # x P(a normal number < x)


def swish(x):
    return x * sigmoid(x)


ACTIVATIONS = {"gelu": gelu, "swish": swish, "silu": swish, "relu": lambda x: np.maximum(x, 0)}


def glu(x):
    """Gated linear unit: the first half of the channels, each let through as far as its partner in the second says."""
    value, gate = np.split(x, 2, axis=-1)
    return value * sigmoid(gate)  # (T, 2C) -> (T, C)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sinusoids(frames, channels):
    """(2T-1, C): row n is of the distance T-1-n, query time minus key time. In float32, as the reference has it."""
    exponents = np.arange(0, channels, 2, dtype=np.float32) * np.float32(-math.log(10000.0) / channels)
    frequencies = np.exp(exponents.astype(np.float64)).astype(np.float32)
    angles = (np.arange(frames - 1, -frames, -1, dtype=np.float32)[:, None] * frequencies).astype(np.float64)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(-1, channels).astype(np.float32)


def rotate(x, heads, base):
    """Rotary positions: channels i and i + D/2 of each head are a point of the plane, turned by t base^(-2i/D)."""
    frames, width = len(x), x.shape[1] // heads
    exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    frequencies = np.float32(1) / (float(base) ** exponents.astype(np.float64)).astype(np.float32)
    angles = np.arange(frames)[:, None, None].astype(x.dtype) * frequencies  # (T, 1, D/2)
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = np.split(x.reshape(frames, heads, width), 2, axis=-1)  # (T, H, D/2) each
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1).reshape(x.shape)


def attention(x, w, config, positions):
    """Every frame asks all frames a question, and gets a mean of their values, weighted by how well keys answer it."""
    (frames, channels), heads = x.shape, config["num_attention_heads"]
    width = channels // heads

    def split(y):
        return y.reshape(-1, heads, width).swapaxes(0, 1)  # (T, C) -> (H, T, D)

    turned = rotate(x, heads, config.get("rotary_embedding_base", 10000)) if positions == "rotary" else x
    q, k = split(linear(turned, below(w, "linear_q"))), split(linear(turned, below(w, "linear_k")))  # (H, T, D)
    v = split(linear(x, below(w, "linear_v")))
    i, j = np.arange(frames)[:, None], np.arange(frames)  # times of queries and of keys
    if positions == "relative":  # ((q_i + u) k_j + (q_i + v) p_(i-j)) / sqrt(D)
        p = split(linear(sinusoids(frames, channels).astype(x.dtype), below(w, "linear_pos")))  # (H, 2T-1, D)
        by_distance = (q + w["pos_bias_v"][:, None]) @ p.swapaxes(1, 2)  # (H, T, 2T-1)
        scores = (q + w["pos_bias_u"][:, None]) @ k.swapaxes(1, 2) + by_distance[:, i, frames - 1 - i + j]
    elif positions == "relative_key":  # (q_i k_j + q_i e_(j-i)) / sqrt(D), distances beyond the limits being alike
        left, right = config["left_max_position_embeddings"], config["right_max_position_embeddings"]
        by_distance = q @ w["distance_embedding.weight"].T  # (H, T, left + right + 1)
        scores = q @ k.swapaxes(1, 2) + by_distance[:, i, np.clip(j - i, -left, right) + left]
    else:
        scores = q @ k.swapaxes(1, 2)  # (H, T, T)
    mixed = softmax(scores / math.sqrt(width)) @ v  # (H, T, D)
    return linear(mixed.swapaxes(0, 1).reshape(frames, channels), below(w, "linear_out"))


def feed_forward(x, w, activation):
    hidden = ACTIVATIONS[activation](linear(x, below(w, "intermediate_dense")))  # (T, intermediate_size)
    return linear(hidden, below(w, "output_dense"))  # (T, C)


def convolution_module(x, w, config, eps):
    """A gate, then each channel's own filter over time: centred in one model, looking back only in the other."""
    x = layer_norm(x, below(w, "layer_norm"), eps)
    x = glu(x @ w["pointwise_conv1.weight"][:, :, 0].T)  # (T, 2C) -> (T, C)
    taps = w["depthwise_conv.weight"][:, 0]  # (C, K)
    reach = taps.shape[1] - 1
    padding = (reach, 0) if is_bert(config) else (reach // 2, reach // 2)
    windows = sliding_window_view(np.pad(x, (padding, (0, 0))), taps.shape[1], axis=0)  # (T, C, K)
    x = np.einsum("tck,ck->tc", windows, taps)
    if is_bert(config):
        x = layer_norm(x, below(w, "depthwise_layer_norm"), eps)
    else:
        norm = below(w, "batch_norm")
        x = channel_norm(x, norm, norm["running_mean"], norm["running_var"])
    return ACTIVATIONS[config["hidden_act"]](x) @ w["pointwise_conv2.weight"][:, :, 0].T


def block(x, w, config):
    """Half a feed-forward, attention, convolution, the other half; each adds to what is there; then a layer norm."""
    eps = config["layer_norm_eps"] if is_bert(config) else 1e-5
    act, positions = config["hidden_act"], config["position_embeddings_type"]
    x = x + 0.5 * feed_forward(layer_norm(x, below(w, "ffn1_layer_norm"), eps), below(w, "ffn1"), act)
    normalised = layer_norm(x, below(w, "self_attn_layer_norm"), eps)
    x = x + attention(normalised, below(w, "self_attn"), config, positions)
    x = x + convolution_module(x, below(w, "conv_module"), config, eps)
    x = x + 0.5 * feed_forward(layer_norm(x, below(w, "ffn2_layer_norm"), eps), below(w, "ffn2"), act)
    return layer_norm(x, below(w, "final_layer_norm"), eps)


def feature_encoder(samples, w, config):
    """Wav2Vec2-Conformer: strided convolutions from samples (N,) to frames (T, conv_dim[-1])."""
    x = samples[:, None]  # (N, 1)
    for n, stride in enumerate(config["conv_stride"]):
        layer = below(w, f"conv_layers.{n}")
        x = convolution(x, below(layer, "conv"), stride)
        if config["feat_extract_norm"] == "layer":
            x = layer_norm(x, below(layer, "layer_norm"), 1e-5)
        elif n == 0:  # "group": one group for each channel, over the whole recording, behind the first layer only
            x = channel_norm(x, below(layer, "layer_norm"), x.mean(0), x.var(0))
        x = ACTIVATIONS[config["feat_extract_activation"]](x)
    return x


def filterbank(samples, bands=80):
    """Wav2Vec2-BERT: the logarithm of the energies in 80 bands every 10 ms, two of them in a row: (T, 160)."""
    frames = sliding_window_view(samples.astype(np.float64) * 2**15, 400)[::160]  # 25 ms every 10 ms
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)  # pre-emphasis
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85  # Povey's
    power = np.abs(np.fft.rfft(frames * window, 512)) ** 2  # (T, 257)
    mel_of_bin = 1127 * np.log(1 + np.arange(257) * 16000 / 512 / 700)
    corners = np.linspace(*(1127 * np.log(1 + np.array([20, 8000]) / 700)), bands + 2)  # in mel: equal steps
    triangles = 1 - np.abs(mel_of_bin[:, None] - corners[1:-1]) / (corners[1] - corners[0])
    features = np.log(np.maximum(power @ np.maximum(triangles, 0), 2.0**-23)).astype(np.float32)  # (T, 80)
    mean, variance = features.mean(0, dtype=np.float64), features.var(0, ddof=1, dtype=np.float64)
    features = ((features - mean) / np.sqrt(variance + 1e-7)).astype(np.float32)
    return features[: len(features) // 2 * 2].reshape(-1, 2 * bands)


def adapter(x, w, config):
    """Fewer frames: strided gated convolutions, and in Wav2Vec2-BERT attention and a feed-forward behind each."""
    stride, eps = config["adapter_stride"], config["layer_norm_eps"]
    if "proj.weight" in w:
        x = layer_norm(linear(x, below(w, "proj")), below(w, "proj_layer_norm"), eps if is_bert(config) else 1e-5)
    for n in range(config["num_adapter_layers"]):
        layer = below(w, f"layers.{n}")
        if not is_bert(config):
            x = glu(convolution(x, below(layer, "conv"), stride, padding=1))
            continue
        kept = layer_norm(x, below(layer, "residual_layer_norm"), eps)
        kept = glu(convolution(kept, below(layer, "residual_conv"), stride, stride // 2))  # (T', C)
        x = layer_norm(x, below(layer, "self_attn_layer_norm"), eps)
        x = glu(convolution(x, below(layer, "self_attn_conv"), stride, stride // 2))  # (T', C)
        x = kept + attention(x, below(layer, "self_attn"), config, None)
        normalised = layer_norm(x, below(layer, "ffn_layer_norm"), eps)
        x = x + feed_forward(normalised, below(layer, "ffn"), config["adapter_act"])
    return x


def logits(inputs, weights, config):
    """Samples (N,), or rows of a filterbank (T, 160), to what speaks for each letter in each frame: (T, V)."""
    w, eps = below(weights, config["model_type"].replace("-", "_")), config["layer_norm_eps"]
    x = inputs if is_bert(config) else feature_encoder(inputs, below(w, "feature_extractor"), config)
    x = linear(layer_norm(x, below(w, "feature_projection.layer_norm"), eps), below(w, "feature_projection.projection"))
    for n in range(config["num_hidden_layers"]):
        x = block(x, below(w, f"encoder.layers.{n}"), config)  # (T, C)
    if not is_bert(config):
        x = layer_norm(x, below(w, "encoder.layer_norm"), eps)
    if config.get("use_intermediate_ffn_before_adapter"):
        x = x + 0.5 * feed_forward(x, below(w, "intermediate_ffn"), "relu")
    if config["add_adapter"]:
        x = adapter(x, below(w, "adapter"), config)
    return linear(x, below(weights, "lm_head"))


def greedy_text(scores, tokens, blank):
    """The best token of each frame, runs of one token merged, then blanks taken out: (T, V) -> text."""
    best = scores.argmax(1)
    kept = [n for t, n in enumerate(best) if (t == 0 or n != best[t - 1]) and n != blank]
    return "".join(tokens[n] for n in kept if tokens[n] not in ("<s>", "</s>", "<unk>")).replace("|", " ").strip()


def recognise(folder, samples, dtype=np.float32):
    """The text of float samples (N,) at 16 kHz, by the checkpoint in the folder."""
    config, vocabulary = (json.loads((Path(folder) / name).read_text()) for name in ("config.json", "vocab.json"))
    weights = {name: array.astype(dtype) for name, array in load_file(Path(folder) / "model.safetensors").items()}
    if is_bert(config):
        inputs = filterbank(samples)
    else:
        inputs = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    scores = logits(inputs.astype(dtype), weights, config)  # (T, V)
    return greedy_text(scores, {n: token for token, n in vocabulary.items()}, config["pad_token_id"])


if __name__ == "__main__":
    import soundfile

    samples, rate = soundfile.read(sys.argv[2], dtype="float32", always_2d=True)
    if rate != 16000:
        sys.exit(f"{sys.argv[2]}: expected 16000 samples a second, got {rate}")
    print(recognise(sys.argv[1], samples.mean(1)))
