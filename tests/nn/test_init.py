"""Initial weights: the distributions that the reference draws from, on layers large enough to tell."""

import math

import numpy as np
import pytest

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2ConformerForCTC
from npconformer.nn import init


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    npconformer.manual_seed(0)
    config = Wav2Vec2ConformerConfig(
        vocab_size=64,
        hidden_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=512,
        conv_dim=(96, 96),
        conv_kernel=(10, 3),
        conv_stride=(5, 2),
        conv_bias=True,
        initializer_range=0.05,
        conv_depthwise_kernel_size=15,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    model = Wav2Vec2ConformerForCTC(config)
    return {name.removeprefix("wav2vec2_conformer."): p.data for name, p in model.named_parameters()}


LAYER = "encoder.layers.0."
NORMAL = {
    "lm_head.weight": 0.05,
    LAYER + "ffn1.intermediate_dense.weight": 0.05,
    LAYER + "ffn2.output_dense.weight": 0.05,
    LAYER + "self_attn.linear_q.weight": 0.05,
    LAYER + "self_attn.linear_pos.weight": 0.05,
    LAYER + "conv_module.pointwise_conv1.weight": math.sqrt(2 / 128),
    LAYER + "conv_module.depthwise_conv.weight": math.sqrt(2 / 15),
    "feature_extractor.conv_layers.0.conv.weight": math.sqrt(2 / 10),
    "feature_extractor.conv_layers.1.conv.weight": math.sqrt(2 / (96 * 3)),
    "encoder.pos_conv_embed.conv.parametrizations.weight.original1": 2 * math.sqrt(1 / (16 * 128)),
}
UNIFORM = {
    LAYER + "self_attn.pos_bias_u": math.sqrt(6 / (4 + 32)),
    LAYER + "self_attn.pos_bias_v": math.sqrt(6 / (4 + 32)),
    "feature_projection.projection.weight": math.sqrt(1 / 96),
    "feature_projection.projection.bias": math.sqrt(1 / 96),
    "feature_extractor.conv_layers.1.conv.bias": math.sqrt(1 / (96 * 3)),
}


@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights(weights, name):
    array = weights[name]
    assert array.dtype == np.float32
    assert array.std() == pytest.approx(NORMAL[name], rel=5 / math.sqrt(array.size))
    assert abs(array.mean()) < 5 * NORMAL[name] / math.sqrt(array.size)
    assert abs(array).max() > 2.3 * NORMAL[name]  # normal, not uniform


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_weights(weights, name):
    array, bound = weights[name], UNIFORM[name]
    assert 0.9 * bound < abs(array).max() <= bound
    assert array.std() == pytest.approx(bound / math.sqrt(3), rel=4 / math.sqrt(array.size))


def test_constants_and_the_mask_vector(weights):
    for name, array in weights.items():
        if "norm" in name:
            assert (array == name.endswith("weight")).all(), name
    assert (weights[LAYER + "self_attn.linear_k.bias"] == 0).all()
    assert 0 <= weights["masked_spec_embed"].min() and weights["masked_spec_embed"].max() > 0.9


def test_weight_norm_starts_at_the_length_of_its_direction(weights):
    prefix = "encoder.pos_conv_embed.conv.parametrizations.weight."
    direction = weights[prefix + "original1"]
    length = np.sqrt((direction**2).sum(axis=(0, 1), keepdims=True))
    np.testing.assert_allclose(weights[prefix + "original0"], length, rtol=1e-5)


def test_the_seed_decides_and_no_init_draws_nothing():
    npconformer.manual_seed(3)
    first = init.normal(0.0, 1.0, 5)
    state = npconformer.arrays.generator.get_state()
    with init.no_init():
        init.normal(0.0, 1.0, 5), init.uniform(0.0, 1.0, 5), init.constant(1.0, 5)
    assert npconformer.arrays.generator.get_state() == state
    npconformer.manual_seed(3)
    np.testing.assert_array_equal(init.normal(0.0, 1.0, 5), first)
