"""The CTC loss and its gradient against torch's, where torch is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer import Tensor
from npconformer.losses import ctc_loss

torch = pytest.importorskip("torch")


def ours(x, labels, lengths, counts, **options):
    tensor = Tensor(x, requires_grad=True)
    loss = ctc_loss(tensor, labels, lengths, counts, compute_dtype=None, **options)
    loss.backward(np.linspace(1, 2, loss.size, dtype=loss.dtype).reshape(loss.shape))
    return loss.numpy(), tensor.grad


def theirs(x, labels, lengths, counts, **options):
    tensor = torch.tensor(x, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(
        tensor.log_softmax(-1).transpose(0, 1), *map(torch.tensor, (labels, lengths, counts)), **options
    )
    loss.backward(torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).reshape(loss.shape))
    return loss.detach().numpy(), tensor.grad.numpy()


@st.composite
def batches(draw):
    batch, frames, classes = draw(st.integers(1, 5)), draw(st.integers(1, 40)), draw(st.integers(2, 9))
    blank = draw(st.integers(0, classes - 1))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = rng.integers(0, classes - 1, (batch, draw(st.integers(1, 12))))
    labels += labels >= blank
    if draw(st.booleans()):  # many repeats
        labels[:, 1::2] = labels[:, : labels.shape[1] - 1 : 2][:, : labels[:, 1::2].shape[1]]
    options = {
        "blank": blank,
        "reduction": draw(st.sampled_from(["none", "sum", "mean"])),
        "zero_infinity": draw(st.booleans()),
    }
    x = rng.standard_normal((batch, frames, classes)) * draw(st.sampled_from([0.1, 1.0, 5.0]))
    return x, labels, rng.integers(1, frames + 1, batch), rng.integers(0, labels.shape[1] + 1, batch), options


@given(batches())
@settings(max_examples=50, deadline=None)
@pytest.mark.parametrize("reduction", ["mean_batch", "mean_volume"])
def test_the_means_of_nemo(reduction, case):
    """Of torch's losses one by one, as NeMo takes them: `losses.mean()`, or their sum by the number of all labels."""
    x, labels, lengths, counts, options = case
    counts[0] = max(counts[0], 1)  # without any label, NeMo divides by 0
    options = {"blank": options["blank"], "zero_infinity": True}
    tensor = torch.tensor(x, requires_grad=True)
    criterion = torch.nn.CTCLoss(reduction="none", **options)
    losses = criterion(tensor.log_softmax(-1).transpose(0, 1), *map(torch.tensor, (labels, lengths, counts)))
    expected = losses.mean() if reduction == "mean_batch" else losses.sum() / counts.sum()
    expected.backward()
    loss, grad = ours(x, labels, lengths, counts, reduction=reduction, **options)
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=0, atol=1e-10)


@given(batches())
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_loss_and_gradient(dtype, tolerance, case):
    """Against torch in float64, for the same numbers: its own float32 gradients are wrong by up to 2e-4."""
    x, *rest, options = case
    x = x.astype(dtype)
    loss, grad = ours(x, *rest, **options)
    their_loss, their_grad = theirs(x.astype(np.float64), *rest, **options)
    assert loss.dtype == grad.dtype == dtype
    np.testing.assert_allclose(loss, their_loss, rtol=tolerance, atol=tolerance * 1e-2)
    np.testing.assert_allclose(grad, their_grad, rtol=0, atol=tolerance)  # NaN in the same places


def test_long_input():
    """3000 frames (a minute of audio) and 400 labels: log p is near -7000, far below what a float holds as p."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((2, 3000, 32)), rng.integers(1, 32, (2, 400))
    case = labels, np.array([3000, 2500]), np.array([400, 311])
    (loss, grad), (their_loss, their_grad) = (f(x, *case, reduction="none") for f in (ours, theirs))
    assert np.isfinite(loss).all() and np.isfinite(grad).all()
    np.testing.assert_allclose(loss, their_loss, rtol=1e-12)
    np.testing.assert_allclose(grad, their_grad, rtol=0, atol=1e-9)
    loss32, grad32 = ours(x.astype(np.float32), *case, reduction="none")
    np.testing.assert_allclose(loss32, loss, rtol=1e-6)
    np.testing.assert_allclose(grad32, grad, rtol=0, atol=5e-6)
