"""Limits follow from dtype, kind, and what the reference itself rounds."""

import numpy as np
import pytest

from npconformer.verify.tolerances import KINDS, has_zero_gradient, limits_for

NO_TABLE = {"position_embeddings_type": "relative_key"}
TABLE = {"position_embeddings_type": "rotary"}


def test_float32_counts_roundings():
    """24 blocks, 14 roundings of 2^-24 in each; gradients ten times that."""
    limits = limits_for(TABLE, "float32", frames=3000, loss_gradients=True)
    assert limits == limits_for(NO_TABLE, "float32", frames=10)
    assert limits["outputs"] == pytest.approx(24 * 14 * 2**-24, rel=0.01)
    assert limits["gradients"] == 10 * limits["outputs"] and set(limits) == set(KINDS)


def test_float64_where_nothing_leaves_it():
    assert limits_for(NO_TABLE, "float64", 500) == {"outputs": 1e-9, "modules": 1e-9, "loss": 5e-6, "gradients": 1e-9}
    assert limits_for(NO_TABLE, "float64", 500, loss_gradients=True)["gradients"] == 5e-6


@pytest.mark.parametrize(("frames", "limit"), [(10, 5e-6), (84, 84 * 2**-24), (200, 200 * 2**-24), (3000, 2e-5)])
def test_float64_with_a_table_of_positions(frames, limit):
    limits = limits_for(TABLE, "float64", frames)
    assert limits["outputs"] == limits["modules"] == pytest.approx(limit, rel=2e-3)
    assert limits["gradients"] == pytest.approx(max(5e-6, frames * 2**-24), rel=1e-12)


def test_zero_gradients():
    group = {"feat_extract_norm": "group"}
    distances = {"left_max_position_embeddings": 0, "right_max_position_embeddings": 0}
    for name, config, expected in (
        ("encoder.layers.0.self_attn.linear_k.bias", {}, True),
        ("encoder.layers.0.self_attn.linear_k.weight", {}, False),
        ("encoder.layers.0.self_attn.linear_q.bias", {}, False),
        ("feature_extractor.conv_layers.0.conv.bias", group, True),
        ("feature_extractor.conv_layers.1.conv.bias", group, False),
        ("feature_extractor.conv_layers.0.conv.bias", {"feat_extract_norm": "layer"}, False),
        ("encoder.layers.0.self_attn.distance_embedding.weight", distances, True),
        (
            "encoder.layers.0.self_attn.distance_embedding.weight",
            {**distances, "right_max_position_embeddings": 1},
            False,
        ),
    ):
        assert has_zero_gradient(name, config) is expected, name
    assert np.isfinite(list(limits_for(TABLE, "float64", 0).values())).all()
