"""Losses by torch's arguments: weights, smoothing, layouts; the plain ones are tested beside `losses`."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import functional as F
from npconformer import losses
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

random = np.random.default_rng(0)
X = random.normal(size=(5, 4))
LABELS = np.array([0, 3, -100, 1, 3])
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])


def smoothed(weight, smoothing, reduction):
    """By the definition: the label is a distribution, (1 - s) at it and s / C everywhere."""
    terms, weights = [], []
    for row, label in zip(X.tolist(), LABELS.tolist()):
        total = math.log(math.fsum(map(math.exp, row)))
        parts = [weight[c] * (total - row[c]) for c in range(4)]
        is_counted = label != -100
        terms.append(is_counted * ((1 - smoothing) * parts[label % 4] + smoothing * math.fsum(parts) / 4))
        weights.append(is_counted * weight[label % 4])
    return np.array({"none": terms, "sum": math.fsum(terms), "mean": math.fsum(terms) / math.fsum(weights)}[reduction])


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_cross_entropy(backend, reduction, smoothing, weight):
    arguments = {"weight": weight, "label_smoothing": smoothing, "reduction": reduction}
    if weight is not None:
        arguments["weight"] = backend.from_host(weight)
    expected = smoothed(np.ones(4) if weight is None else weight, smoothing, reduction)
    check_operation(lambda x: F.cross_entropy(x, LABELS, **arguments), X, backend=backend, expected=expected)

    def classes_second(x):
        return F.cross_entropy(x, LABELS[None], **arguments).reshape(expected.shape)

    check_operation(classes_second, X.T[None].copy(), backend=backend, expected=expected)  # (1, C, N)


def test_cross_entropy_with_probabilities(backend):
    share = random.dirichlet(np.ones(4), 5)
    log_probs = X - np.log(np.exp(X).sum(axis=1, keepdims=True))
    terms = -(share * log_probs).sum(axis=1)
    check_operation(lambda x, p: F.cross_entropy(x, p, reduction="none"), X, share, backend=backend, expected=terms)
    check_operation(F.cross_entropy, X, share, backend=backend, expected=terms.mean())
    spread = 0.8 * share + 0.2 / 4
    expected = -(spread * log_probs * WEIGHT).sum()
    check_operation(
        lambda x, p, w: F.cross_entropy(x, p, w, reduction="sum", label_smoothing=0.2), X, share, WEIGHT,
        wrt=[0, 1], backend=backend, expected=expected)  # fmt: skip


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_nll_loss(backend, reduction):
    terms = np.array([0 if k == -100 else -WEIGHT[k] * X[n, k] for n, k in enumerate(LABELS.tolist())])
    weights = sum(WEIGHT[k] for k in LABELS.tolist() if k != -100)
    expected = {"none": terms, "sum": terms.sum(), "mean": terms.sum() / weights}[reduction]
    check_operation(
        lambda x: F.nll_loss(x, LABELS, WEIGHT, reduction=reduction), X, backend=backend, expected=np.array(expected)
    )


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_binary_cross_entropy(backend, reduction):
    share, weight, positive = random.uniform(size=X.shape), random.uniform(size=4), np.array([2.0, 0.5, 1.0, 3.0])
    p = 1 / (1 + np.exp(-X))
    terms = -weight * (positive * share * np.log(p) + (1 - share) * np.log(1 - p))
    expected = {"none": terms, "sum": terms.sum(), "mean": terms.mean()}[reduction]
    check_operation(
        lambda x, w, q: F.binary_cross_entropy_with_logits(x, share, w, reduction=reduction, pos_weight=q),
        X, weight, positive, wrt=[0], backend=backend, expected=np.asarray(expected))  # fmt: skip


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_differences(backend, reduction):
    target = random.normal(size=4)
    of = {"none": lambda x: x, "sum": np.sum, "mean": np.mean}[reduction]
    squares, distances = np.asarray(of((X - target) ** 2)), np.asarray(of(np.abs(X - target)))
    check_operation(lambda x, y: F.mse_loss(x, y, reduction=reduction), X, target, backend=backend, expected=squares)
    check_operation(lambda x, y: F.l1_loss(x, y, reduction=reduction), X, target, backend=backend, expected=distances)


def test_difference_of_single_numbers(backend):
    check_operation(F.mse_loss, np.array(3.0), np.array(1.0), backend=backend, expected=np.array(4.0))


SCORES = random.normal(size=(7, 3, 5))  # (T, B, V)
TARGETS, FRAMES, COUNTS = np.array([[1, 2], [3, 3], [4, 0]]), np.array([7, 6, 5]), np.array([2, 2, 1])


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_ctc(backend, reduction):
    logits = np.ascontiguousarray(SCORES.transpose(1, 0, 2))
    expected = losses.ctc_loss(logits, TARGETS, FRAMES, COUNTS, reduction=reduction, compute_dtype=None).numpy()
    for targets in (TARGETS, np.array([1, 2, 3, 3, 4])):
        check_operation(
            lambda x, targets=targets: F.ctc_loss(F.log_softmax(x, -1), targets, FRAMES, COUNTS, reduction=reduction),
            SCORES, backend=backend, expected=expected, value_tolerance=1e-10)  # fmt: skip


def test_ctc_takes_the_numbers_as_they_are(backend):
    """Adding c to every logarithm of a frame takes c off the loss: nothing is normalised behind the caller's back."""
    x = log_softmax(SCORES)
    one, other = (
        F.ctc_loss(Tensor(backend.from_host(one)), TARGETS, FRAMES, COUNTS, reduction="none").tolist()
        for one in (x, x + 0.5)
    )
    np.testing.assert_allclose(np.subtract(one, other), 0.5 * FRAMES, rtol=1e-10)


def test_ctc_of_one_recording(backend):
    x = Tensor(backend.from_host(log_softmax(SCORES)))
    whole = F.ctc_loss(x, TARGETS, FRAMES, COUNTS, reduction="none")
    single = F.ctc_loss(x[:, 1], np.array([3, 3]), np.array(6), np.array(2), reduction="none")
    assert single.shape == () and single.item() == pytest.approx(whole[1].item(), rel=1e-12)


@pytest.mark.parametrize(
    "action, what",
    [
        (lambda x: F.cross_entropy(x, LABELS, weight=np.ones(3)), "weight"),
        (lambda x: F.cross_entropy(x, np.full(5, -100)), "ignored"),
        (lambda x: F.nll_loss(x, np.full(5, -100)), "ignored"),
        (lambda x: F.cross_entropy(x, np.full(5, 4), label_smoothing=0.1), "no class"),
        (lambda x: F.cross_entropy(x, np.ones((5, 3))), "target"),
        (lambda x: F.cross_entropy(x, LABELS, reduction="avg"), "reduction"),
        (lambda x: F.binary_cross_entropy_with_logits(x, np.full((5, 4), -100.0)), "0 to 1"),
        (lambda x: F.ctc_loss(x[:, None], np.array([1, 2]), [5], [3]), "add up to 3"),
        (lambda x: F.ctc_loss(x[0], np.array([1, 2]), [5], [2]), "log_probs|axis"),
    ],
)
def test_bad_arguments(action, what):
    with pytest.raises(ValueError, match=what):
        action(Tensor(X))


@pytest.mark.parametrize("function", [F.cross_entropy, F.nll_loss, F.mse_loss, F.l1_loss])
def test_what_reduction_replaced_is_refused(function):
    with pytest.raises(TypeError, match="reduction="):
        function(Tensor(X), Tensor(X), reduce=True)


def test_gradients_stop_nowhere_between_two_predictions():
    x, y = Tensor(X, requires_grad=True), Tensor(X[::-1].copy(), requires_grad=True)
    F.mse_loss(x, y).backward()
    np.testing.assert_allclose(to_host(y.grad), -to_host(x.grad))
