"""Cross entropy, binary cross entropy and mean squared error: slow twins, torch, reductions, what they refuse."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import Tensor
from npconformer.losses import binary_cross_entropy_with_logits, cross_entropy, mean_squared_error

REDUCTIONS = ["none", "sum", "mean"]
RNG = np.random.default_rng(0)
LOGITS = 3 * RNG.standard_normal((3, 4, 5))
LABELS = np.array([[0, 4, -100, 2], [1, 1, 3, -100], [-100, 0, 2, 4]])
BINARY = RNG.random((3, 4, 5)).round(1)
BINARY[0, 1] = -100
TARGETS = RNG.standard_normal((3, 4, 5))


def reduced(terms, counted, reduction):
    return {"none": terms, "sum": terms.sum(), "mean": terms.sum() / counted.sum()}[reduction]


def naive_cross_entropy(x, labels, reduction):
    losses = np.zeros(labels.shape)
    for i in np.ndindex(labels.shape):
        if labels[i] != -100:
            losses[i] = math.log(sum(math.exp(v) for v in x[i])) - x[i][labels[i]]
    return reduced(losses, labels != -100, reduction)


def naive_binary(x, targets, reduction):
    losses = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        if targets[i] != -100:
            p = 1 / (1 + math.exp(-x[i]))
            losses[i] = -targets[i] * math.log(p) - (1 - targets[i]) * math.log(1 - p)
    return reduced(losses, targets != -100, reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_promises_of_an_operation(backend, reduction):
    for loss, naive, labels in (
        (cross_entropy, naive_cross_entropy, LABELS),
        (binary_cross_entropy_with_logits, naive_binary, BINARY),
        (mean_squared_error, lambda x, t, r: reduced((x - t) ** 2, np.ones(t.shape), r), TARGETS),
    ):
        check_operation(
            lambda x, loss=loss, labels=labels: loss(x, labels, reduction=reduction),
            LOGITS,
            backend=backend,
            expected=naive(LOGITS, labels, reduction),
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_against_torch(reduction):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    upstream = np.random.default_rng(1).standard_normal((3, 4, 5))
    for ours, theirs, targets in (
        (cross_entropy, lambda x, t, **r: functional.cross_entropy(x.movedim(-1, 1), t, **r), LABELS),
        (binary_cross_entropy_with_logits, functional.binary_cross_entropy_with_logits, np.abs(BINARY) % 1),
        (mean_squared_error, functional.mse_loss, TARGETS),
    ):
        tensor, reference = Tensor(LOGITS.copy(), requires_grad=True), torch.tensor(LOGITS, requires_grad=True)
        mine, other = (
            ours(tensor, targets, reduction=reduction),
            theirs(reference, torch.from_numpy(targets), reduction=reduction),
        )
        np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-13)
        gradient = np.ones(()) if reduction != "none" else upstream[..., 0] if mine.ndim == 2 else upstream
        mine.backward(gradient)
        other.backward(torch.tensor(gradient))
        np.testing.assert_allclose(tensor.grad, reference.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_large_logits_overflow_nothing(backend):
    x = Tensor(backend.from_host(np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)), requires_grad=True)
    with np.errstate(over="raise", invalid="raise"):
        losses = (cross_entropy(x, [0, 0], reduction="none"), binary_cross_entropy_with_logits(x, np.eye(2)))
        for loss in losses:
            loss.backward(backend.from_host(np.ones(loss.shape, np.float32)))
    np.testing.assert_allclose(losses[0].numpy(), [0, 2e4])
    assert losses[1].item() == 0 and np.isfinite(backend.to_host(x.grad)).all()


def test_a_class_that_is_impossible_takes_no_part():
    x = LOGITS[0].copy()
    x[:, 3] = -np.inf
    tensor = Tensor(x, requires_grad=True)
    cross_entropy(tensor, [0, 4, 1, 2]).backward()
    alone = Tensor(np.delete(x, 3, axis=1), requires_grad=True)
    cross_entropy(alone, [0, 3, 1, 2]).backward()
    assert not tensor.grad[:, 3].any()
    np.testing.assert_allclose(np.delete(tensor.grad, 3, axis=1), alone.grad, rtol=1e-12)


def test_ignored_rows_may_hold_anything(backend):
    x = LOGITS.copy()
    x[0, 2] = [np.nan, np.inf, -np.inf, 1e300, 0]
    tensor = Tensor(backend.from_host(x), requires_grad=True)
    with np.errstate(invalid="ignore"):
        loss = cross_entropy(tensor, backend.from_host(LABELS))
        loss.backward()
    assert loss.item() == pytest.approx(naive_cross_entropy(LOGITS, LABELS, "mean"), rel=1e-12)
    assert not backend.to_host(tensor.grad)[0, 2].any() and np.isfinite(backend.to_host(tensor.grad)).all()


def test_other_index_to_ignore():
    labels = np.where(LABELS == -100, 3, LABELS)
    expected = naive_cross_entropy(LOGITS, np.where(labels == 3, -100, labels), "mean")
    assert cross_entropy(LOGITS, labels, ignore_index=3).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("message", "loss", "labels"),
    [
        (r"labels: expected shape \(3, 4\), got \(3,\)", cross_entropy, [1, 2, 3]),
        (r"labels: expected integers, got dtype float64", cross_entropy, LABELS * 1.0),
        (r"labels: 5 at \[0, 0\] is no class: expected 0..4, or -100", cross_entropy, np.full((3, 4), 5)),
        (r"labels: -1 at \[0, 0\] is no class", cross_entropy, np.full((3, 4), -1)),
        (r"labels: every one is ignored", cross_entropy, np.full((3, 4), -100)),
        (r"labels: expected numbers, got dtype", cross_entropy, [["a"]]),
        (r"labels: expected shape \(3, 4, 5\)", binary_cross_entropy_with_logits, LABELS),
        (r"labels: 1.5 at \[0, 0, 0\]: expected 0, 1", binary_cross_entropy_with_logits, np.full((3, 4, 5), 1.5)),
        (r"labels: nan at \[0, 0, 0\]: expected 0, 1", binary_cross_entropy_with_logits, np.full((3, 4, 5), np.nan)),
        (r"labels: every one is ignored", binary_cross_entropy_with_logits, np.full((3, 4, 5), -100)),
        (r"labels: expected shape \(3, 4, 5\)", mean_squared_error, TARGETS[0]),
        (r"labels: a target of a regression is NaN", mean_squared_error, np.full((3, 4, 5), np.inf)),
    ],
)
def test_bad_labels(message, loss, labels):
    with pytest.raises(ValueError, match=message):
        loss(LOGITS, labels)


@pytest.mark.parametrize("loss", [cross_entropy, binary_cross_entropy_with_logits, mean_squared_error])
def test_bad_arguments(loss):
    with pytest.raises(ValueError, match="reduction: expected one of none, sum, mean, got 'avg'"):
        loss(LOGITS, LABELS, reduction="avg")
    for wrong in (LABELS, [1.0, 2.0], np.zeros((3, 0))):
        with pytest.raises(ValueError, match="expected a floating array with the classes along its last axis"):
            loss(wrong, LABELS)


def test_there_is_no_mean_of_nothing():
    nothing = np.zeros((0, 3))
    with pytest.raises(ValueError, match=r"labels: the mean over nothing, of shape \(0, 3\)"):
        mean_squared_error(nothing, nothing)
    assert mean_squared_error(nothing, nothing, reduction="sum").item() == 0
