"""Windows give what the whole recording gives; the folded group norm is the group norm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strict_device import STRICT

import npconformer
from npconformer import Tensor, no_grad
from npconformer.arrays.backend import to_host
from npconformer.models.wav2vec2_conformer import Wav2Vec2ConformerConfig
from npconformer.models.wav2vec2_conformer.feature_encoder import Wav2Vec2ConformerFeatureEncoder
from npconformer.models.wav2vec2_conformer.feature_windows import encode_in_windows

STACKS = [((10, 3, 2), (5, 2, 2)), ((4, 5), (3, 1)), ((3,), (4,)), ((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))]


def make_encoder(norm, stack, bias=True, dtype="float64"):
    kernels, strides = stack
    npconformer.manual_seed(1)
    config = Wav2Vec2ConformerConfig(
        conv_dim=(6,) * len(kernels),
        conv_kernel=kernels,
        conv_stride=strides,
        num_feat_extract_layers=len(kernels),
        feat_extract_norm=norm,
        conv_bias=bias,
    )
    encoder = Wav2Vec2ConformerFeatureEncoder(config)
    rng = np.random.default_rng(2)
    for parameter in encoder.parameters():
        parameter.data = (parameter.data + rng.normal(scale=0.3, size=parameter.shape)).astype(dtype)
    return encoder.eval()


def both_ways(encoder, samples, lengths=None, frames_at_once=None):
    recorded = encoder(Tensor(samples), lengths)
    assert recorded.requires_grad
    with no_grad():
        return recorded.data, encode_in_windows(encoder.conv_layers, samples, lengths, frames_at_once)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(STACKS),
    st.sampled_from(["group", "layer"]),
    st.booleans(),
    st.integers(0, 600),
    st.integers(1, 3),
    st.integers(1, 40),
)
def test_windows_give_what_the_whole_gives(stack, norm, bias, more, batch, frames_at_once):
    encoder = make_encoder(norm, stack, bias)
    samples = np.random.default_rng(3).normal(0.2, 1, (batch, 400 + more))
    lengths = 400 + np.arange(batch) * more // batch if more % 2 else None
    whole, windows = both_ways(encoder, samples, lengths, frames_at_once)
    np.testing.assert_allclose(windows, whole, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_float32_with_an_offset(norm):
    encoder = make_encoder(norm, STACKS[0], dtype="float32")
    samples = np.random.default_rng(4).normal(3, 0.5, (2, 5000)).astype(np.float32)
    whole, windows = both_ways(encoder, samples)
    assert windows.dtype == np.float32
    np.testing.assert_allclose(windows, whole, atol=2e-5 * abs(whole).max())


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_on_a_device(norm):
    encoder = make_encoder(norm, STACKS[0])
    samples = np.random.default_rng(5).normal(size=(2, 2000))
    lengths = np.array([2000, 1500])
    with no_grad():
        expected = encoder(Tensor(samples), lengths).data
        encoder.to(STRICT)
        found = encoder(Tensor(STRICT.from_host(samples)), lengths).data
    np.testing.assert_allclose(to_host(found), expected, rtol=1e-10)


def test_what_is_frozen_runs_in_windows_and_the_input_may_still_ask_for_its_gradient():
    encoder = make_encoder("group", STACKS[0])
    samples = np.random.default_rng(6).normal(size=(1, 900))
    for parameter in encoder.parameters():
        parameter.requires_grad = False
    assert not encoder(Tensor(samples)).requires_grad
    x = Tensor(samples, requires_grad=True)
    encoder(x).sum().backward()
    assert np.abs(x.grad).max() > 0
