"""The list of matrix products behind the floor: its operations are those that a formula predicts."""

import math

import pytest

from benchmarks.cases import BASE, BERT, CONFIGS, LARGE, Case
from benchmarks.products import Product, forward_products, queries_in_a_piece

TINY = {
    "conv_dim": (4, 6),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 2),
    "hidden_size": 8,
    "intermediate_size": 20,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "vocab_size": 5,
    "position_embeddings_type": "relative",
}


def frames_of(config, samples):
    for kernel, stride in zip(config["conv_kernel"], config["conv_stride"]):
        samples = (samples - kernel) // stride + 1
    return samples


def predicted(config, samples, batch):
    """Operations without those of relative positions, written as one formula."""
    flops, length, channels = 0, samples, 1
    for out, kernel, stride in zip(config["conv_dim"], config["conv_kernel"], config["conv_stride"]):
        length = (length - kernel) // stride + 1
        flops += 2 * batch * length * kernel * channels * out
        channels = out
    width, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    weights = 4 * width * inner + 4 * width * width + 3 * width * width  # feed-forward, attention, pointwise
    flops += layers * 2 * batch * length * (weights + 2 * length * width)  # and scores and context
    return flops + 2 * batch * length * width * (channels + config["vocab_size"])


@pytest.mark.parametrize("config", [TINY, BASE, {**LARGE, "position_embeddings_type": "relative"}])
@pytest.mark.parametrize(("samples", "batch"), [(1000, 1), (16000, 3), (200_000, 2)])
def test_operations_follow_the_formula(config, samples, batch):
    products = forward_products(config, samples, batch)
    plain = [product for product in products if not product.what.startswith("relative")]
    assert sum(product.flops for product in plain) == predicted(config, samples, batch)


@pytest.mark.parametrize("samples", [1000, 16000, 200_000])
def test_relative_positions_multiply_the_table_once_a_layer_and_only_what_a_piece_meets(samples):
    products = forward_products(TINY, samples, batch=3)
    frames, layers = frames_of(TINY, samples), TINY["num_hidden_layers"]
    tables = [product for product in products if product.what == "relative table"]
    assert tables == [Product("relative table", 2 * frames - 1, 8, 8)] * layers
    relative = sum(product.flops for product in products if product.what == "relative scores")
    scores = sum(product.flops for product in products if product.what == "scores")
    assert scores <= relative < 2 * scores + layers * 1  # T to 2T-1 columns for a query
    step = queries_in_a_piece(frames)
    if frames > step:
        assert relative < scores * (1 + step / frames)


def test_rotary_positions_add_no_products():
    kinds = {product.what for product in forward_products({**TINY, "position_embeddings_type": "rotary"}, 1000, 1)}
    assert not any(kind.startswith("relative") for kind in kinds)
    assert {"scores", "context", "feed-forward", "CTC head", "feature encoder"} <= kinds


@pytest.mark.parametrize("frames", [1, 49, 499, 2999, 180_000])
def test_pieces_cover_every_query_once(frames):
    samples = frames
    for kernel, stride in list(zip(TINY["conv_kernel"], TINY["conv_stride"]))[::-1]:
        samples = (samples - 1) * stride + kernel
    scores = [product for product in forward_products(TINY, samples, 2) if product.what == "scores"]
    assert sum(product.rows for product in scores) == frames * TINY["num_hidden_layers"]
    assert {(product.columns, product.inner, product.stack) for product in scores} == {(frames, 4, 4)}


def test_the_weights_of_large_are_those_of_its_matrices():
    products = forward_products(CONFIGS["large-relative"], Case("large-relative", 10).samples, 1)
    weights = sum(product.inner * product.columns for product in products if product.weight)
    per_layer = 4 * 1024 * 4096 + 5 * 1024**2 + 3 * 1024**2
    encoder = 10 * 512 + 4 * 3 * 512**2 + 2 * 2 * 512**2
    assert weights == 24 * per_layer + encoder + 512 * 1024 + 1024 * 32


def test_sizes_of_a_product():
    product = Product("any", 2, 3, 5, stack=7)
    assert (product.left_size, product.right_size, product.out_size) == (42, 105, 70)
    assert product.flops == 2 * math.prod((7, 2, 3, 5))


@pytest.mark.parametrize(("rows", "batch"), [(50, 1), (499, 3)])
def test_features_need_no_encoder_and_distances_a_product_with_their_table(rows, batch):
    plain = {**BERT, "position_embeddings_type": None}
    assert (
        sum(p.flops for p in forward_products(plain, rows, batch))
        == predicted({**plain, "conv_dim": (), "conv_kernel": (), "conv_stride": ()}, rows, batch)
        + 2 * batch * rows * (160 - 1) * 1024
    )
    more = [p for p in forward_products(BERT, rows, batch) if p.what == "distance scores"]
    assert len(more) == 24 and more[0].flops == 2 * batch * 16 * rows * 64 * 73
    assert len(forward_products(BERT, rows, batch)) == len(forward_products(plain, rows, batch)) + 24


def test_an_adapters_products():
    products = [p for p in forward_products({**BERT, "add_adapter": True}, 499, 1) if p.what == "adapter"]
    assert [(p.rows, p.inner, p.columns) for p in products] == [(250, 3 * 1024, 2048)] * 2
    assert forward_products({**BERT, "add_adapter": True}, 499, 1)[-1].rows == 250
