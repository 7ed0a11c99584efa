"""Additive-margin softmax: a slow twin, the reference's module, what it does not depend on, what it refuses."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor, ops
from npconformer.losses import am_softmax_loss, cross_entropy

RNG = np.random.default_rng(0)
VECTORS, WEIGHT, LABELS = RNG.standard_normal((4, 6)), RNG.standard_normal((6, 5)), np.array([1, 0, 4, 1])


def naive(vectors, weight, labels, scale, margin):
    losses = []
    for h, k in zip(vectors, labels):
        z = [
            scale * (h @ w / (math.sqrt(h @ h) * math.sqrt(w @ w)) - margin * (j == k)) for j, w in enumerate(weight.T)
        ]
        losses.append(math.log(sum(math.exp(v) for v in z)) - z[k])
    return np.array(losses)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize(("scale", "margin"), [(30.0, 0.4), (1.0, 0.0), (5.0, 1.2)])
def test_promises_of_an_operation(backend, reduction, scale, margin):
    expected = naive(VECTORS, WEIGHT, LABELS, scale, margin)
    check_operation(
        lambda h, w: am_softmax_loss(h, w, LABELS, scale, margin, reduction),
        VECTORS,
        WEIGHT,
        backend=backend,
        expected={"none": expected, "sum": expected.sum(), "mean": expected.mean()}[reduction],
        float32_tolerance=1e-3,
    )


def test_lengths_do_not_matter():
    loss = am_softmax_loss(VECTORS, WEIGHT, LABELS).item()
    assert am_softmax_loss(VECTORS * 7, WEIGHT * RNG.uniform(1, 9, 5), LABELS).item() == pytest.approx(loss, rel=1e-12)


def test_without_a_margin_it_is_the_cross_entropy_of_cosines():
    h, w = (x / np.linalg.norm(x, axis=axis, keepdims=True) for x, axis in ((VECTORS, 1), (WEIGHT, 0)))
    expected = cross_entropy(30 * (h @ w), LABELS).item()
    assert am_softmax_loss(VECTORS, WEIGHT, LABELS, margin=0).item() == pytest.approx(expected, rel=1e-12)


def test_a_vector_of_zeros_gives_finite_numbers():
    vectors = Tensor(np.zeros((1, 6), np.float32), requires_grad=True)
    loss = am_softmax_loss(vectors, WEIGHT.astype(np.float32), [2])
    loss.backward()
    assert np.isfinite(loss.item()) and np.isfinite(vectors.grad).all()


@pytest.mark.parametrize("short", ["vectors", "weight"])
def test_what_is_shorter_than_the_shortest_is_divided_by_it(backend, short):
    """v = 1e-12 x with |x| < 1: v / 1e-12 = x takes the place of v / |v|, so that the cosines are linear in it."""
    h = VECTORS * (np.array([0.3, 0.5, 0.7, 0.9]) / np.linalg.norm(VECTORS, axis=1))[:, None]
    w = WEIGHT * np.linspace(0.2, 0.9, 5) / np.linalg.norm(WEIGHT, axis=0)
    own, others = (h, w / np.linalg.norm(w, axis=0)) if short == "vectors" else (w, h)
    cosines = own @ others if short == "vectors" else (h / np.linalg.norm(h, axis=1, keepdims=True)) @ w
    z = 5.0 * (cosines - 0.2 * (np.arange(5) == LABELS[:, None]))
    expected = np.log(np.exp(z).sum(axis=1)) - z[np.arange(4), LABELS]

    def loss(h, w):
        h, w = (ops.multiply(h, 1e-12), w) if short == "vectors" else (h, ops.multiply(w, 1e-12))
        return am_softmax_loss(h, w, LABELS, 5.0, 0.2, "none")

    check_operation(loss, h, w, backend=backend, expected=expected)


def test_against_the_reference():
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer")
    module = reference.AMSoftmaxLoss(6, 5).double()
    module.weight.data = torch.tensor(WEIGHT)
    theirs, ours, weight = (
        torch.tensor(VECTORS, requires_grad=True),
        *(Tensor(x.copy(), requires_grad=True) for x in (VECTORS, WEIGHT)),
    )
    expected = module(theirs, torch.tensor(LABELS))
    expected.backward()
    loss = am_softmax_loss(ours, weight, LABELS)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(weight.grad, module.weight.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("labels: expected shape", {"labels": [1, 2]}),
        (r"labels: 5 at \[1\] is no class: expected 0..4$", {"labels": [1, 5, 0, 0]}),
        (r"labels: -100 at \[0\] is no class", {"labels": [-100, 1, 0, 0]}),
        ("labels: expected integers", {"labels": np.zeros(4)}),
        ("weight: float64 .* does not fit vectors", {"weight": WEIGHT.T}),
        ("weight: float32 .* does not fit vectors", {"weight": WEIGHT.astype(np.float32)}),
        ("vectors: expected 2 axes", {"vectors": VECTORS[None]}),
        ("reduction", {"reduction": "avg"}),
    ],
)
def test_bad_input(message, changes):
    with pytest.raises(ValueError, match=message):
        am_softmax_loss(**{"vectors": VECTORS, "weight": WEIGHT, "labels": LABELS} | changes)
