"""Modules: names, state, modes, moving; and the stock layers that no model's forward reaches."""

import numpy as np
import pytest

from npconformer import Tensor, nn


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = nn.ModuleList([nn.BatchNorm1d(4), nn.LayerNorm(4)])
        self.scale = nn.Parameter(np.ones(1, np.float32))
        self.register_buffer("scratch", np.zeros(2), persistent=False)


def test_names_follow_the_order_of_assignment():
    names = [name for name, _ in Pair().named_parameters()]
    assert names == [
        "scale",
        "first.weight",
        "first.bias",
        "rest.0.weight",
        "rest.0.bias",
        "rest.1.weight",
        "rest.1.bias",
    ]
    assert Pair().num_parameters() == 1 + 16 + 16
    assert "scratch" not in Pair().state_dict() and "rest.0.running_mean" in Pair().state_dict()


def test_one_name_has_one_place():
    module = Pair()
    module.first = None
    assert module.first is None and not [n for n, _ in module.named_parameters() if n.startswith("first")]
    module.first = nn.Linear(3, 2)
    assert module.first.weight.shape == (2, 3)
    with pytest.raises(TypeError, match="scale is a parameter"):
        module.scale = np.zeros(1)
    with pytest.raises(AttributeError, match="Pair has no attribute 'second'"):
        module.second  # noqa: B018


def test_state_is_taken_over_whole_or_not_at_all():
    module, other = Pair(), Pair()
    module.load_state_dict(other.state_dict())
    for name, array in module.state_dict().items():
        assert np.shares_memory(array, other.state_dict()[name]), name
    state = {**Pair().state_dict(), "first.bias": np.zeros(9, np.float32)}
    with pytest.raises(ValueError, match=r"first\.bias has shape \(9,\)"):
        module.load_state_dict(state)
    with pytest.raises(ValueError, match=r"missing names \['scale'\].*unexpected names \['x'\]"):
        module.load_state_dict({**{k: v for k, v in state.items() if k != "scale"}, "x": np.zeros(1)})
    np.testing.assert_array_equal(module.first.weight.data, other.first.weight.data)


def test_modes_casts_and_gradients():
    module = Pair()
    assert module.training and module.eval() is module and not module.rest[0].training
    assert module.train().rest[1].training and len(module.rest) == 2
    assert {p.dtype for p in module.to("float64").parameters()} == {np.dtype("float64")}
    assert module.rest[0].num_batches_tracked.dtype == np.int64
    module.first(Tensor(np.ones((2, 3)))).sum().backward()
    assert module.first.bias.grad.tolist() == [2, 2, 2, 2]
    module.zero_grad()
    assert module.first.bias.grad is None
    assert not module.requires_grad_(False).first(Tensor(np.ones((2, 3)))).requires_grad
    for target in ("cuda:1", "int32", "fast"):
        with pytest.raises(ValueError, match="target"):
            module.to(target)


@pytest.mark.parametrize("kernel", [4, 5])
def test_positional_convolution_keeps_the_length(kernel):
    from npconformer import Wav2Vec2ConformerConfig
    from npconformer.models.wav2vec2_conformer.encoder import Wav2Vec2ConformerPositionalConvEmbedding

    config = Wav2Vec2ConformerConfig(
        hidden_size=4,
        num_attention_heads=1,
        num_conv_pos_embeddings=kernel,
        num_conv_pos_embedding_groups=2,
        feat_extract_activation="relu",
    )
    layer = Wav2Vec2ConformerPositionalConvEmbedding(config).to("float64")
    rng = np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.data = rng.standard_normal(parameter.shape)
    x = rng.standard_normal((1, 6, 4))
    parts = layer.conv.parametrizations.weight
    g, v = parts.original0.data, parts.original1.data
    weight = g * v / np.sqrt((v**2).sum(axis=(0, 1), keepdims=True))  # (4, 2, K)
    expected = np.zeros((6, 4))
    for t, channel, k in np.ndindex(6, 4, kernel):
        source = t + k - kernel // 2
        group = slice(0, 2) if channel < 2 else slice(2, 4)
        if 0 <= source < 6:
            expected[t, channel] += x[0, source, group] @ weight[channel, :, k]
    expected = np.maximum(expected + layer.conv.bias.data, 0)
    np.testing.assert_allclose(layer(Tensor(x)).numpy()[0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 4])
def test_a_convolution_padded_on_the_left_only_is_causal(groups):
    layer = nn.Conv1d(4, 4, 3, padding=(2, 0), groups=groups)
    x = np.random.default_rng(0).normal(size=(1, 8, 4)).astype(np.float32)
    later = x.copy()
    later[:, 5:] = 100
    y, z = layer(x).data, layer(later).data
    assert y.shape == x.shape
    np.testing.assert_array_equal(y[:, :5], z[:, :5])
    assert (y[:, 5] != z[:, 5]).any()
