"""The quantizer as a module: training and evaluation, codes, temperature, seeds, devices, what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from backends import backend  # noqa: F401

import npconformer
from npconformer import Tensor
from npconformer.arrays.backend import to_host
from npconformer.models.heads.gumbel_quantizer import GumbelVectorQuantizer

RNG = np.random.default_rng(0)
FEATURES, NOISE = RNG.standard_normal((2, 7, 6)), RNG.gumbel(size=(2, 7, 2, 5))


def make(**settings) -> GumbelVectorQuantizer:
    npconformer.manual_seed(1)
    base = dict(num_codevector_groups=2, num_codevectors_per_group=5, codevector_dim=8, conv_dim=(4, 6))
    return GumbelVectorQuantizer(SimpleNamespace(**{**base, **settings})).to("float64")


def naive(quantizer: GumbelVectorQuantizer, noise: np.ndarray | float) -> np.ndarray:
    """Frame by frame, the codewords of the largest logits, one behind the other."""
    book = quantizer.codevectors.data[0].reshape(2, 5, 4)
    logits = FEATURES @ quantizer.weight_proj.weight.data.T + quantizer.weight_proj.bias.data
    choice = (logits.reshape(2, 7, 2, 5) + noise).argmax(axis=-1)
    return np.array([[np.concatenate([book[g, k] for g, k in enumerate(frame)]) for frame in row] for row in choice])


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_codewords_on_every_device(backend, train: bool) -> None:  # noqa: F811
    quantizer = make().train(train)
    expected = naive(quantizer, NOISE if train else 0)
    quantizer.to(backend)
    words, perplexity = quantizer(Tensor(backend.from_host(FEATURES)), gumbel_noise=backend.from_host(NOISE))
    np.testing.assert_array_equal(to_host(words.data), expected)
    assert perplexity.shape == () and 2 <= perplexity.item() <= 10
    (words * words).sum().backward()
    assert (quantizer.weight_proj.weight.grad is not None) == train
    assert quantizer.codevectors.grad.shape == quantizer.codevectors.shape


def test_codes_tell_codewords_apart() -> None:
    quantizer = make().eval()
    words, _, codes = quantizer.quantize(Tensor(np.tile(FEATURES, (1, 2, 1))))
    words = words.numpy()
    assert codes.shape == (2, 14)
    same = (words[:, :, None] == words[:, None]).all(axis=-1)
    np.testing.assert_array_equal(codes[:, :, None] == codes[:, None], same)
    assert same.sum() > 2 * 14 and not same.all()


def test_the_temperature_changes_the_gradient_and_not_the_choice() -> None:
    results = []
    for temperature in (2.0, 0.5):
        quantizer = make()
        assert quantizer.temperature == 2
        quantizer.temperature = temperature
        words, _ = quantizer(Tensor(FEATURES), gumbel_noise=NOISE)
        (words * words).sum().backward()
        results.append((words.numpy(), quantizer.weight_proj.weight.grad))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert np.abs(results[0][1] - results[1][1]).max() > 1e-3


def test_perplexity_looks_at_the_masked_frames_only() -> None:
    quantizer = make()
    mask = np.zeros((2, 7), bool)
    mask[0, 3] = mask[1, :2] = True
    perplexity = quantizer(Tensor(FEATURES), mask, NOISE)[1].item()
    changed = FEATURES.copy()
    changed[~mask] = 100
    assert quantizer(Tensor(changed), mask, NOISE)[1].item() == pytest.approx(perplexity, rel=1e-12)
    one = np.zeros((2, 7), bool)
    one[0, 0] = True
    assert quantizer.eval()(Tensor(FEATURES), one)[1].item() == pytest.approx(2)


def test_noise_is_seeded_and_samples_the_softmax() -> None:
    quantizer = make(num_codevector_groups=1, codevector_dim=4)
    frame = Tensor(np.repeat(FEATURES[:1, :1], 20000, axis=1) * 0.3)
    npconformer.manual_seed(4)
    first, _, codes = quantizer.quantize(frame)
    npconformer.manual_seed(4)
    np.testing.assert_array_equal(first.numpy(), quantizer(frame)[0].numpy())
    assert (quantizer(frame)[0].numpy() != first.numpy()).any()
    logits = frame.numpy()[0, 0] @ quantizer.weight_proj.weight.data.T
    np.testing.assert_allclose(
        np.bincount(codes[0], minlength=5) / 20000, np.exp(logits) / np.exp(logits).sum(), atol=0.015
    )


def test_float32_stays_float32() -> None:
    quantizer = make().to("float32")
    words, perplexity = quantizer(Tensor(FEATURES.astype(np.float32)), gumbel_noise=NOISE)
    (words.sum() + perplexity).backward()
    assert words.dtype == perplexity.dtype == np.float32
    assert {p.grad.dtype for p in quantizer.parameters()} == {np.dtype(np.float32)}


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"config.codevector_dim: 8 is no multiple"):
        make(num_codevector_groups=3)
    with pytest.raises(ValueError, match=r"gumbel_noise: expected shape \(batch, frames, 2, 5\) for 14 frames"):
        make()(Tensor(FEATURES), gumbel_noise=NOISE[:, 1:])


def test_an_exponential_of_zero_gives_large_noise_and_not_infinite(monkeypatch) -> None:
    """Float32 numbers of that distribution can be exactly 0, whose logarithm decided every choice."""

    class Zeros:
        def standard_exponential(self, shape, dtype):
            return np.zeros(shape, dtype)

    quantizer = make()
    monkeypatch.setattr("npconformer.arrays.generator.get_generator", Zeros)
    noise = quantizer._noise(None, (14, 2, 5), Tensor(np.zeros(1, np.float32)))
    np.testing.assert_allclose(noise, 24 * np.log(2), rtol=1e-6)  # what torch's finest uniform number gives: 16.6
