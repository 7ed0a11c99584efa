"""The CTC loss against its slow twins, differences, frozen values, and its promises at the edges."""

import numpy as np
import pytest
from ctc_twins import loss_by_enumeration, loss_by_recursion
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_check import check_operation

from npconformer import Tensor
from npconformer.losses import ctc_loss
from npconformer.verify.gradient_check import check_gradients

REDUCTIONS = ["none", "sum", "mean", "mean_batch", "mean_volume"]
# Repeats, a single label, no label, and one that needs every frame (a blank between equal labels).
LABELS = np.array([[1, 1, 2, 1], [3, -100, -100, -100], [-100, -100, -100, -100], [2, 2, 2, -100]])
LENGTHS = np.array([7, 6, 4, 5])

FROZEN_LOSSES = [15.701071619058405, 10.036657022736264, 15.288827200656005, 12.700179238773238]
FROZEN_GRADIENT = [
    -0.008113199645985461,
    -0.003633864899518718,
    0.00036432010455606526,
    0.0007150697039189524,
    0.010667674737029275,
]


def logits(*shape, seed=0, dtype=np.float64):
    return (2 * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def unpadded(labels):
    return [[int(k) for k in row if k >= 0] for row in labels]


def twin(x, labels, lengths, blank=0):
    return np.array([loss_by_recursion(x[b, :n], row, blank) for b, (n, row) in enumerate(zip(lengths, labels))])


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6])
def test_every_alignment_of_tiny_sizes(frames, blank):
    a, b = [k for k in range(3) if k != blank]
    targets = [[], [a], [b], [a, a], [a, b], [a, b, a], [b, b, a], [a, a, a]]
    x = logits(len(targets), frames, 3, seed=frames)
    labels = np.full((len(targets), 3), -100)
    for row, target in zip(labels, targets):
        row[: len(target)] = target
    losses = ctc_loss(x, labels, blank=blank, reduction="none", compute_dtype=None).numpy()
    np.testing.assert_allclose(losses, [loss_by_enumeration(x[i], t, blank) for i, t in enumerate(targets)], rtol=1e-12)
    np.testing.assert_allclose(losses, twin(x, targets, [frames] * len(targets), blank), rtol=1e-12)


@st.composite
def batches(draw):
    batch, frames, classes = draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(st.integers(2, 5))
    blank = draw(st.integers(0, classes - 1))
    label = st.sampled_from([k for k in range(classes) if k != blank])
    targets = draw(st.lists(st.lists(label, max_size=5), min_size=batch, max_size=batch))
    lengths = draw(st.lists(st.integers(1, frames), min_size=batch, max_size=batch))
    labels = np.full((batch, max(map(len, targets)) + draw(st.integers(0, 2))), -100)
    for row, target in zip(labels, targets):
        row[: len(target)] = target
    return logits(batch, frames, classes, seed=draw(st.integers(0, 1000))), labels, np.array(lengths), targets, blank


@given(batches())
@settings(max_examples=150, deadline=None)
def test_recursion_twin_over_shapes(case):
    x, labels, lengths, targets, blank = case
    expected = twin(x, targets, lengths, blank)
    losses = ctc_loss(x, labels, lengths, blank=blank, reduction="none", compute_dtype=None).numpy()
    np.testing.assert_allclose(losses, expected, rtol=1e-10)  # also where both are inf
    counts = np.array([len(t) for t in targets])
    by_length = ctc_loss(x, np.where(labels < 0, 0, labels), lengths, counts, blank, "none", compute_dtype=None)
    np.testing.assert_array_equal(by_length.numpy(), losses)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("blank", [0, 4])
def test_promises_of_an_operation(backend, reduction, blank):
    x = logits(4, 7, 5)
    labels = np.where(LABELS == blank, -100, LABELS)
    targets = unpadded(labels)
    expected = twin(x, targets, LENGTHS, blank)
    if reduction == "sum":
        expected = expected.sum()
    if reduction == "mean":
        expected = (expected / [max(len(t), 1) for t in targets]).mean()
    if reduction == "mean_batch":
        expected = expected.mean()
    if reduction == "mean_volume":
        expected = expected.sum() / sum(map(len, targets))
    check_operation(
        lambda x: ctc_loss(x, labels, LENGTHS, blank=blank, reduction=reduction, compute_dtype=None),
        x,
        backend=backend,
        expected=expected,
    )


def test_labels_on_the_device(backend):
    x, on_device = logits(4, 7, 5), backend.from_host
    expected = ctc_loss(x, LABELS, LENGTHS).item()
    assert ctc_loss(on_device(x), on_device(LABELS), on_device(LENGTHS)).item() == pytest.approx(expected, rel=1e-6)


def test_frozen_values():
    x = np.sin(np.arange(4 * 7 * 5)).reshape(4, 7, 5) * 3
    losses = ctc_loss(x, LABELS, LENGTHS, reduction="none", compute_dtype=None).numpy()
    np.testing.assert_allclose(losses, FROZEN_LOSSES, rtol=1e-12)
    tensor = Tensor(x, requires_grad=True)
    ctc_loss(tensor, LABELS, LENGTHS, reduction="mean", compute_dtype=None).backward()
    np.testing.assert_allclose(tensor.grad[0, 3], FROZEN_GRADIENT, rtol=1e-11)


def test_padding_may_be_anywhere():
    x = logits(2, 9, 5)
    compact = ctc_loss(x, [[1, 2, 2, -100], [3, -100, -100, -100]], reduction="none").numpy()
    spread = ctc_loss(x, [[1, -100, 2, -100, 2], [-100, -100, -100, 3, -100]], reduction="none").numpy()
    np.testing.assert_array_equal(compact, spread)


@pytest.mark.parametrize("labels", [np.zeros((2, 0), int), [[-100], [-100]]])
def test_empty_targets_are_all_blanks(labels):
    x = logits(2, 6, 4)
    log_probs = x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
    expected = [-log_probs[0, :6, 1].sum(), -log_probs[1, :4, 1].sum()]
    losses = ctc_loss(x, labels, [6, 4], blank=1, reduction="none", compute_dtype=None).numpy()
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    check_gradients(lambda x: ctc_loss(x, labels, [6, 4], blank=1, compute_dtype=None), x)


def test_frames_past_the_length_have_no_influence():
    x = logits(2, 8, 5)
    expected, clean = ctc_loss(x, LABELS[:2], [8, 4]).item(), Tensor(x, requires_grad=True)
    ctc_loss(clean, LABELS[:2], [8, 4]).backward()
    x = x.copy()
    x[1, 4:] = [np.nan, np.inf, -np.inf, 1e30, 0]
    garbage = Tensor(x, requires_grad=True)
    with np.errstate(invalid="ignore"):
        loss = ctc_loss(garbage, LABELS[:2], [8, 4])
        loss.backward()
    assert loss.item() == expected
    np.testing.assert_array_equal(garbage.grad, clean.grad)
    assert not garbage.grad[1, 4:].any()


INFEASIBLE = np.array([[1, 2], [1, 1], [1, 2]])  # in two frames: fits; needs a blank between; one frame only
INFEASIBLE_LENGTHS = np.array([2, 2, 1])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_infeasible_targets(backend, reduction):
    host = logits(3, 3, 4)
    x = Tensor(backend.from_host(host), requires_grad=True)
    loss = ctc_loss(x, INFEASIBLE, INFEASIBLE_LENGTHS, reduction=reduction)
    np.testing.assert_array_equal(np.isinf(loss.numpy()), [False, True, True] if reduction == "none" else True)
    assert np.all(loss.numpy() > 0)
    loss.backward(backend.from_host(np.ones(loss.shape, np.float32)))
    nan = np.isnan(backend.to_host(x.grad))
    np.testing.assert_array_equal(nan.all(axis=-1), [[0, 0, 0], [1, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(nan.any(axis=-1), nan.all(axis=-1))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_zero_infinity(backend, reduction):
    host = logits(3, 3, 4)
    x, alone = (Tensor(backend.from_host(h), requires_grad=True) for h in (host, host[:1]))
    loss = ctc_loss(x, INFEASIBLE, INFEASIBLE_LENGTHS, reduction=reduction, zero_infinity=True)
    fits = ctc_loss(alone, INFEASIBLE[:1], INFEASIBLE_LENGTHS[:1], reduction=reduction)
    counts = [len(one) for one in unpadded(np.array(INFEASIBLE))]
    of_labels = counts[0] / sum(counts)  # the others count in a mean, as 0
    share = {"mean": 1 / 3, "mean_batch": 1 / 3, "mean_volume": of_labels}.get(reduction, 1.0)
    np.testing.assert_allclose(loss.numpy().sum(), fits.numpy().sum() * share, rtol=1e-6)
    for output in (loss, fits):
        output.backward(backend.from_host(np.ones(output.shape, np.float32)))
    grad = backend.to_host(x.grad)
    np.testing.assert_allclose(grad[:1], backend.to_host(alone.grad) * share, rtol=1e-6)
    assert not grad[1:].any()


def test_dtypes():
    for dtype in (np.float16, np.float32, np.float64):
        x = Tensor(logits(4, 7, 5, dtype=dtype), requires_grad=True)
        loss = ctc_loss(x, LABELS, LENGTHS)
        assert loss.dtype == (np.float64 if dtype == np.float64 else np.float32)
        loss.backward()
        assert x.grad.dtype == dtype
        assert ctc_loss(x, LABELS, LENGTHS, compute_dtype="float32").dtype == np.float32
        assert ctc_loss(x, LABELS, LENGTHS, compute_dtype=np.float64).dtype == np.float64


def test_a_class_that_is_impossible():
    """A logit of -inf is a probability of 0: no NaN, and the others as if the class did not exist."""
    x = logits(4, 7, 5)
    x[:, :, 4] = -np.inf
    tensor = Tensor(x, requires_grad=True)
    loss = ctc_loss(tensor, LABELS, LENGTHS, compute_dtype=None)
    loss.backward()
    assert loss.item() == pytest.approx(ctc_loss(x[:, :, :4], LABELS, LENGTHS, compute_dtype=None).item(), rel=1e-12)
    assert np.isfinite(tensor.grad).all() and not tensor.grad[:, :, 4].any()


def test_gradient_sums_to_zero_over_the_classes():
    x = Tensor(logits(3, 50, 30), requires_grad=True)
    labels = np.random.default_rng(0).integers(1, 30, (3, 20))
    ctc_loss(x, labels, compute_dtype=None).backward()
    np.testing.assert_allclose(x.grad.sum(axis=-1), 0, atol=1e-13)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (r"logits: expected a floating array \(batch, frames, classes\)", {"logits": np.zeros((7, 5))}),
        (r"logits: expected a floating array", {"logits": np.zeros((2, 7, 5), int)}),
        (r"logits: expected a floating array", {"logits": np.zeros((2, 0, 5))}),
        (r"labels: expected shape \(2, labels\)", {"labels": [1, 2]}),
        (r"labels: expected shape \(2, labels\)", {"labels": [[1, 2]]}),
        (r"labels: expected integers, got dtype float64", {"labels": [[1.0], [2.0]]}),
        (r"labels: 5 at \[1, 0\] is no class: expected 0..4", {"labels": [[1, 2], [5, 1]]}),
        (r"labels: -1 at \[0, 1\] is no class", {"labels": [[1, -1], [3, 1]]}),
        (r"labels: 0 at \[0, 1\] is the blank", {"labels": [[1, 0], [3, 1]]}),
        (r"labels: -100 at \[0, 1\] is no class", {"labels": [[1, -100], [3, 1]], "target_lengths": [2, 2]}),
        (r"input_lengths: expected values in 1..7", {"input_lengths": [8, 7]}),
        (r"input_lengths: expected values in 1..7", {"input_lengths": [0, 7]}),
        (r"input_lengths: expected shape \(2,\)", {"input_lengths": [7]}),
        (r"input_lengths: expected integers", {"input_lengths": [7.0, 6.5]}),
        (r"target_lengths: expected values in 0..2", {"target_lengths": [3, 1]}),
        (r"target_lengths: expected values in 0..2", {"target_lengths": [-1, 1]}),
        (r"blank: expected a class in 0..4, got 5", {"blank": 5}),
        (r"blank: expected a class in 0..4, got -1", {"blank": -1}),
        (r"blank: expected a class in 0..4, got None \(of a model it is config.pad_token_id", {"blank": None}),
        (r"reduction: expected one of none, sum, mean, mean_batch, mean_volume, got 'avg'", {"reduction": "avg"}),
    ],
)
def test_bad_input(message, changes):
    with pytest.raises(ValueError, match=message):
        ctc_loss(**{"logits": np.zeros((2, 7, 5)), "labels": [[1, 2], [3, -100]]} | changes)
