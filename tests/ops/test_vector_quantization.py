"""Choosing codewords, and the perplexity of the choices."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor, ops
from npconformer.arrays.backend import to_host

RNG = np.random.default_rng(0)
LOGITS, CODEBOOK, NOISE = RNG.standard_normal((6, 2, 5)), RNG.standard_normal((2, 5, 3)), RNG.gumbel(size=(6, 2, 5))
SOFT = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
COUNTED = np.array([1, 0, 1, 1, 0, 1], bool)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("noise", [None, NOISE], ids=["evaluation", "training"])
def test_the_largest_is_chosen(backend, noise):
    choice = (LOGITS if noise is None else LOGITS + noise).argmax(-1)
    expected = CODEBOOK[np.arange(2), choice]
    check_operation(
        lambda codebook: ops.choose_codewords(backend.from_host(LOGITS), codebook, noise)[0],
        CODEBOOK,
        backend=backend,
        expected=expected,
        any_order=True,
    )
    words, found = ops.choose_codewords(backend.from_host(LOGITS), backend.from_host(CODEBOOK), noise, 0.5)
    np.testing.assert_array_equal(to_host(found.data), choice)
    np.testing.assert_array_equal(to_host(words.data), expected)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_the_gradient_is_that_of_the_soft_choice(backend, temperature):
    """Straight-through: the words' gradient as if they were softmax((x + noise) / temperature) @ codebook."""
    upstream = RNG.standard_normal((6, 2, 3))
    x = Tensor(backend.from_host(LOGITS), requires_grad=True)
    words, _ = ops.choose_codewords(x, Tensor(backend.from_host(CODEBOOK), True), NOISE, temperature)
    words.backward(backend.from_host(upstream))
    expected = np.zeros_like(LOGITS)
    for i in np.ndindex(LOGITS.shape):
        moved = []
        for h in (1e-5, -1e-5):
            z = LOGITS.copy()
            z[i] += h
            moved.append((np.einsum("ngv,gvd->ngd", softmax((z + NOISE) / temperature), CODEBOOK) * upstream).sum())
        expected[i] = (moved[0] - moved[1]) / 2e-5
    np.testing.assert_allclose(to_host(x.grad), expected, rtol=1e-6, atol=1e-9)


def test_against_torchs_gumbel_softmax():
    torch = pytest.importorskip("torch")
    logits, codebook = (torch.tensor(a, requires_grad=True) for a in (LOGITS, CODEBOOK))
    soft = torch.softmax((logits + torch.tensor(NOISE)) / 0.7, dim=-1)
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0) - soft.detach() + soft
    torch.einsum("ngv,gvd->ngd", hard, codebook).square().sum().backward()
    ours = [Tensor(a.copy(), requires_grad=True) for a in (LOGITS, CODEBOOK)]
    words, _ = ops.choose_codewords(*ours, NOISE, 0.7)
    (words * words).sum().backward()
    for mine, theirs in zip(ours, (logits, codebook)):
        np.testing.assert_allclose(mine.grad, theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("counted", [None, COUNTED], ids=["all", "some"])
def test_perplexity(backend, counted):
    p = SOFT[np.ones(6, bool) if counted is None else counted].mean(axis=0)
    expected = np.exp(-(p * np.log(p)).sum(-1)).sum()
    check_operation(lambda x: ops.perplexity(x, counted), SOFT, backend=backend, expected=expected)


def test_perplexity_of_uniform_distributions_is_the_number_of_codevectors():
    """Both kinds: every frame uniform, and every codeword chosen equally often."""
    assert ops.perplexity(np.full((7, 2, 5), 1 / 5)).item() == pytest.approx(10)
    chosen = np.eye(5)[np.arange(20)[:, None] % [5, 5]]
    assert ops.perplexity(chosen).item() == pytest.approx(10)
    mask = np.arange(20) < 5
    assert ops.perplexity(chosen, mask).item() == pytest.approx(10)
    assert ops.perplexity(chosen[:, :1], np.arange(20) < 1).item() == pytest.approx(1)


def test_perplexity_of_one_codeword_is_the_number_of_codebooks():
    x = Tensor(np.eye(5)[np.zeros((7, 2), int)], requires_grad=True)
    y = ops.perplexity(x)
    y.backward()
    assert y.item() == pytest.approx(2) and np.isfinite(x.grad).all()


def test_bad_input():
    with pytest.raises(ValueError, match="codebook: expected logits"):
        ops.choose_codewords(LOGITS, CODEBOOK[:, 1:])
    with pytest.raises(ValueError, match="temperature: expected a number above 0"):
        ops.choose_codewords(LOGITS, CODEBOOK, NOISE, 0.0)
    with pytest.raises(ValueError, match="noise: expected shape"):
        ops.choose_codewords(LOGITS, CODEBOOK, NOISE[1:])
    for counted in (np.zeros(6, bool), np.ones(5, bool)):
        with pytest.raises(ValueError, match="counted: expected 6 booleans, one of them true"):
            ops.perplexity(SOFT, counted)
