"""The matrix products of a forward pass, with their shapes, from the configuration alone.

Counted are the products that the model cannot do without, each once and on the shapes in which both programs make them:

    feature encoder      a convolution as rows of windows times its kernel: (B U, K C) (K C, C')
    feature projection   (B T, conv_dim) (conv_dim, C)
    feed-forward         two in each of two modules: (B T, C) (C, I) and back
    query, key, value, output, and the two pointwise convolutions: (B T, C) (C, C), (B T, C) (C, 2C)
    relative table       (2T-1, C) (C, C), once a layer whatever the batch
    scores, context      for each utterance and head, in pieces of Q queries: (Q, D) (D, T) and (Q, T) (T, D)
    relative scores      likewise with the T+Q-1 relative positions that Q queries meet: (Q, D) (D, T+Q-1)
    distance scores      with relative_key, the queries times the table of R clipped distances: (T, D) (D, R)
    adapter              two convolutions (B U, K C) (K C, 2C), attention without positions and feed-forward
    CTC head             (B T, C) (C, V)

npconformer keeps the relative table's products from one pass to the next, and may be below the floor for it. The
reference multiplies all 2T-1 relative positions for every query; pieces need little more than half of that. The
positional convolution of the checkpoints is in neither program's forward pass, and the depthwise convolution and rotary
positions are no matrix products: none of them is counted.

Letters: B batch, T frames, U outputs of a convolution, K kernel, C channels, I inner width, H heads, D = C / H,
V vocabulary, Q queries in a piece, R = left + right + 1 distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCORES_IN_A_PIECE, FEWEST_QUERIES = 64 * 1024, 256  # pieces that stay in the cache, yet are not too narrow


@dataclass(frozen=True)
class Product:
    """`stack` products (rows, inner) (inner, columns), made in one call.

    `weight`: the right side is a weight, which no other product reads. `transposed`: it is stored (columns, inner), as
    weights and keys are.
    """

    what: str
    rows: int
    inner: int
    columns: int
    stack: int = 1
    weight: bool = True
    transposed: bool = True

    @property
    def flops(self) -> int:
        """A multiplication and an addition count as two."""
        return 2 * self.stack * self.rows * self.inner * self.columns

    @property
    def left_size(self) -> int:
        return self.stack * self.rows * self.inner

    @property
    def right_size(self) -> int:
        return self.stack * self.inner * self.columns

    @property
    def out_size(self) -> int:
        return self.stack * self.rows * self.columns


def forward_products(config: Mapping[str, Any], samples: int, batch: int) -> list[Product]:
    """All products of one forward pass of a CTC model, in order.

    config: the fields of config.json. samples: the length of the model's input, for Wav2Vec2-BERT in rows of features.
    """
    result = []
    length, channels = samples, config.get("feature_projection_input_dim", 1)
    for out, kernel, stride in zip(*(config.get(f"conv_{name}", ()) for name in ("dim", "kernel", "stride"))):
        length = (length - kernel) // stride + 1
        result.append(Product("feature encoder", batch * length, kernel * channels, out))
        channels = out
    width = config["hidden_size"]
    result.append(Product("feature projection", batch * length, channels, width))
    for _ in range(config["num_hidden_layers"]):
        result += _layer_products(config, length, batch)
    if config.get("add_adapter"):
        for _ in range(config["num_adapter_layers"]):
            kernel, stride = config["adapter_kernel_size"], config["adapter_stride"]
            length = (length + 2 * (stride // 2) - kernel) // stride + 1
            result += _adapter_products(config, length, batch, kernel)
    result.append(Product("CTC head", batch * length, width, config["vocab_size"]))
    return result


def _adapter_products(config: Mapping[str, Any], frames: int, batch: int, kernel: int) -> list[Product]:
    """A layer of Wav2Vec2-BERT's adapter, of the encoder's width, that gives so many frames."""
    width, inner, rows = config["hidden_size"], config["intermediate_size"], batch * frames
    heads = config["num_attention_heads"]
    projections = [Product("query, key, value, output", rows, width, width)]
    return [
        *[Product("adapter", rows, kernel * width, 2 * width)] * 2,
        *projections * 3,
        *_attention_products(frames, batch * heads, width, heads, False),
        *projections,
        Product("feed-forward", rows, width, inner),
        Product("feed-forward", rows, inner, width),
    ]


def _layer_products(config: Mapping[str, Any], frames: int, batch: int) -> list[Product]:
    width, inner, rows = config["hidden_size"], config["intermediate_size"], batch * frames
    feed_forward = [
        Product("feed-forward", rows, width, inner),
        Product("feed-forward", rows, inner, width),
    ]
    projections = [Product("query, key, value, output", rows, width, width)]
    relative = config["position_embeddings_type"] == "relative"
    stack = batch * config["num_attention_heads"]
    distances: list[Product] = []
    if config["position_embeddings_type"] == "relative_key":
        count = config["left_max_position_embeddings"] + config["right_max_position_embeddings"] + 1
        distances = [Product("distance scores", frames, width // config["num_attention_heads"], count, stack, False)]
    return [
        *feed_forward,
        *projections * 3,
        *([Product("relative table", 2 * frames - 1, width, width)] if relative else []),
        *distances,
        *_attention_products(frames, stack, width, config["num_attention_heads"], relative),
        *projections,
        Product("pointwise convolutions", rows, width, 2 * width),
        Product("pointwise convolutions", rows, width, width),
        *feed_forward,
    ]


def _attention_products(frames: int, stack: int, width: int, heads: int, relative: bool) -> list[Product]:
    head, step = width // heads, queries_in_a_piece(frames)
    result = []
    for first in range(0, frames, step):
        queries = min(step, frames - first)
        result.append(Product("scores", queries, head, frames, stack, weight=False))
        if relative:
            result.append(Product("relative scores", queries, head, frames + queries - 1, stack, weight=False))
        result.append(Product("context", queries, frames, head, stack, weight=False, transposed=False))
    return result


def queries_in_a_piece(frames: int) -> int:
    """Q for T keys."""
    return max(FEWEST_QUERIES, SCORES_IN_A_PIECE // frames)
