"""Contrastive logits and losses: a slow twin, equal negatives, other utterances' negatives, what they refuse."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor, ops
from npconformer.losses import contrastive_logits, contrastive_loss, diversity_loss
from npconformer.losses.contrastive import ContrastiveLogits

RNG = np.random.default_rng(0)
CONTEXT, TARGETS = RNG.standard_normal((2, 2, 6, 5))
MASK = np.array([[0, 1, 1, 1, 0, 1], [1, 1, 0, 0, 1, 0]], bool)
OWN = RNG.integers(0, 6, (2, 6, 3)) + np.array([0, 6])[:, None, None]
ANYWHERE = RNG.integers(0, 12, (2, 6, 3))


def naive_logits(context, targets, negatives, temperature):
    flat = targets.reshape(-1, targets.shape[-1])
    logits = np.zeros((*negatives.shape[:2], negatives.shape[2] + 1))
    for b, t in np.ndindex(negatives.shape[:2]):
        c, q = context[b, t], targets[b, t]
        for k, other in enumerate([q, *flat[negatives[b, t]]]):
            if k and (other == q).all():
                logits[b, t, k] = -np.inf
            else:
                logits[b, t, k] = c @ other / (math.sqrt(c @ c) * math.sqrt(other @ other)) / temperature
    return logits


def naive_loss(logits, mask):
    return sum(math.log(np.exp(logits[i]).sum()) - logits[i][0] for i in map(tuple, np.argwhere(mask)))


@pytest.mark.parametrize("negatives", [OWN, ANYWHERE], ids=["own", "anywhere"])
def test_the_loss_as_an_operation(backend, negatives):
    expected = naive_loss(naive_logits(CONTEXT, TARGETS, negatives, 0.2), MASK)

    def loss(c, q):
        return contrastive_loss(contrastive_logits(c, q, negatives, 0.2, codes=np.arange(12).reshape(2, 6)), MASK)

    check_operation(loss, CONTEXT, TARGETS, backend=backend, expected=expected, float32_tolerance=1e-3, any_order=True)


@pytest.mark.parametrize("negatives", [OWN, ANYWHERE], ids=["own", "anywhere"])
def test_negatives_equal_to_the_positive_take_no_part(backend, negatives):
    targets = TARGETS.copy()
    targets[:, 3] = targets[:, 1]  # by their vectors, without codes
    targets[1, 1] = targets[0, 1]
    expected = naive_logits(CONTEXT, targets, negatives, 0.1)
    assert np.isneginf(expected).any()
    c, q = (Tensor(backend.from_host(x), requires_grad=True) for x in (CONTEXT, targets))
    logits = contrastive_logits(c, q, backend.from_host(negatives))
    np.testing.assert_allclose(backend.to_host(logits.data), expected, rtol=1e-11, atol=1e-12)
    loss = contrastive_loss(logits, MASK)
    loss.backward()
    assert loss.item() == pytest.approx(naive_loss(expected, MASK), rel=1e-11)
    assert np.isfinite(backend.to_host(c.grad)).all() and np.isfinite(backend.to_host(q.grad)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_minus_zero_equals_zero(dtype):
    """Frame 0 has the vector [0, 1], frame 1 [-0, 1]: each is the other's equal negative. Frame 2 has [0, -1]."""
    targets = np.array([[[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]]], dtype)
    logits = contrastive_logits(np.ones((1, 3, 2), dtype), targets, np.array([[[1, 2], [0, 2], [0, 1]]])).numpy()
    assert np.isneginf(logits).tolist() == [[[False, True, False], [False, True, False], [False, False, False]]]


def products_of(monkeypatch):
    """A list that gets (utterances, frames, frames) of each matrix product of all frames with all."""
    shapes, forward = [], ContrastiveLogits.forward

    def watched(self, context, targets):
        shapes.append((*context.shape[:2], targets.shape[1]))
        return forward(self, context, targets)

    monkeypatch.setattr(ContrastiveLogits, "forward", watched)
    return shapes


@pytest.mark.parametrize(
    ("utterance", "negative", "product"),
    [
        (1, 6, (2, 6, 6)),  # its own first frame
        (1, 5, (1, 12, 12)),  # the last one of the utterance before
        (0, 5, (2, 6, 6)),  # its own last frame
        (0, 6, (1, 12, 12)),  # the first one of the utterance after
    ],
)
def test_only_negatives_of_other_utterances_need_the_larger_product(utterance, negative, product, monkeypatch):
    shapes = products_of(monkeypatch)
    negatives = OWN.copy()
    negatives[utterance, 2, 1] = negative
    codes = np.arange(12).reshape(2, 6)
    c, q = (Tensor(x.copy(), requires_grad=True) for x in (CONTEXT, TARGETS))
    logits = contrastive_logits(c, q, negatives, 0.2, codes=codes)
    assert shapes == [product]
    expected = naive_logits(CONTEXT, TARGETS, negatives, 0.2)
    same = codes.reshape(-1)[negatives] == codes[:, :, None]
    expected[:, :, 1:][same] = -np.inf
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("short", ["context", "targets"])
@pytest.mark.parametrize("negatives", [OWN, ANYWHERE], ids=["own", "anywhere"])
def test_vectors_shorter_than_the_shortest_are_divided_by_it(backend, negatives, short):
    """v = 1e-8 x with |x| < 1: v / 1e-8 = x takes the place of v / |v|, so that the cosines are linear in it."""
    size = np.linspace(0.2, 0.9, 12).reshape(2, 6, 1)
    c, q = (size * x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (CONTEXT, TARGETS))
    codes = np.arange(12).reshape(2, 6)
    expected = naive_logits(c, q, negatives, 0.2)  # cosines, which lose what is not divided by the true length
    factor = size if short == "context" else size.reshape(-1)[np.concatenate([codes[:, :, None], negatives], axis=2)]

    def loss(c, q):
        c, q = (ops.multiply(c, 1e-8), q) if short == "context" else (c, ops.multiply(q, 1e-8))
        return contrastive_loss(contrastive_logits(c, q, negatives, 0.2, codes=codes), MASK)

    check_operation(
        loss,
        c,
        q,
        backend=backend,
        expected=naive_loss(expected * factor, MASK),
        float32_tolerance=1e-3,
        any_order=True,
    )


def test_codes_say_which_negatives_are_equal():
    codes = np.zeros((2, 6), int)
    codes[:, ::2] = 1
    logits = contrastive_logits(CONTEXT, TARGETS, OWN, codes=codes).numpy()
    same = codes.reshape(-1)[OWN] == codes[:, :, None]
    np.testing.assert_array_equal(np.isneginf(logits[:, :, 1:]), same)
    assert np.isfinite(logits[:, :, 0]).all()


def test_when_every_negative_equals_the_positive_there_is_nothing_to_learn():
    c = Tensor(CONTEXT, requires_grad=True)
    loss = contrastive_loss(contrastive_logits(c, TARGETS, OWN, codes=np.zeros((2, 6), int)), MASK)
    loss.backward()
    assert loss.item() == 0 and not c.grad.any()


def test_frames_that_are_not_masked_have_no_influence():
    c = Tensor(CONTEXT, requires_grad=True)
    contrastive_loss(contrastive_logits(c, TARGETS, OWN), MASK.astype(int)).backward()
    assert not c.grad[~MASK].any() and c.grad[MASK].any(axis=-1).all()


def test_no_negatives_and_vectors_of_zeros():
    logits = contrastive_logits(np.zeros_like(CONTEXT), TARGETS, np.zeros((2, 6, 0), int))
    assert logits.shape == (2, 6, 1) and not logits.numpy().any()
    assert contrastive_loss(logits, MASK).item() == 0


def test_diversity():
    perplexity = Tensor(np.float64(3.0), requires_grad=True)
    loss = diversity_loss(perplexity, 12, MASK)
    loss.backward()
    assert loss.item() == pytest.approx((12 - 3) / 12 * MASK.sum())
    assert perplexity.grad == pytest.approx(-MASK.sum() / 12)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("targets: expected float64", {"targets": TARGETS[:, 1:]}),
        ("targets: expected float64", {"targets": TARGETS.astype(np.float32)}),
        ("context: expected 3 axes", {"context": CONTEXT[0]}),
        ("temperature: expected a number above 0, got 0", {"temperature": 0}),
        (r"sampled_negative_indices: expected integers of shape \(2, 6, negatives\)", {"negative_indices": OWN[0]}),
        ("sampled_negative_indices: expected integers", {"negative_indices": OWN * 1.0}),
        (r"sampled_negative_indices: expected frames 0..11 of the batch, got", {"negative_indices": OWN + 6}),
        (r"codes: expected shape \(2, 6\)", {"codes": np.zeros(12, int)}),
    ],
)
def test_bad_input(message, changes):
    with pytest.raises(ValueError, match=message):
        contrastive_logits(**{"context": CONTEXT, "targets": TARGETS, "negative_indices": OWN} | changes)


def test_bad_masks():
    logits = contrastive_logits(CONTEXT, TARGETS, OWN)
    with pytest.raises(ValueError, match=r"mask_time_indices: expected shape \(2, 6\)"):
        contrastive_loss(logits, MASK[:1])
    with pytest.raises(ValueError, match="no frame is masked"):
        contrastive_loss(logits, np.zeros((2, 6)))
