"""The depthwise convolution over time and bands against loops, over strides, paddings and sizes; against torch."""

import numpy as np
import pytest
from operation_check import check_operation
from strict_device import STRICT

from npconformer import ops
from npconformer.ops import plane_depthwise as module
from npconformer.tape.autograd import Tensor


def naive(x, weight, bias=None, stride=1, padding=(0, 0)):
    """As the definition says: loops and a bounds check."""
    (batch, time, bands, channels), kernel = x.shape, weight.shape[2]
    sizes = [(n + 2 * p - kernel) // stride + 1 for n, p in zip((time, bands), padding)]
    y = np.zeros((batch, *sizes, channels))
    for b, u, v, c in np.ndindex(y.shape):
        for i, j in np.ndindex(kernel, kernel):
            t, f = u * stride + i - padding[0], v * stride + j - padding[1]
            if 0 <= t < time and 0 <= f < bands:
                y[b, u, v, c] += x[b, t, f, c] * weight[c, 0, i, j]
    return y if bias is None else y + bias


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = {
    "as in subsampling": dict(stride=2, padding=(1, 1)),
    "one frame, one band": dict(stride=2, padding=(1, 1), time=1, bands=1),
    "even sizes": dict(stride=2, padding=(1, 1), time=6, bands=4),
    "no padding": dict(),
    "padding of time alone": dict(padding=(2, 0)),
    "padding of bands alone": dict(stride=2, padding=(0, 1)),
    "kernel 1": dict(kernel=1, stride=3),
    "kernel 2, stride beyond it": dict(kernel=2, stride=3, time=8),
    "kernel 5": dict(kernel=5, padding=(2, 1)),
}


@pytest.mark.parametrize("at_once", [module.SUMMED_AT_ONCE, 1], ids=["one sum", "a sum for each time"])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_depthwise_conv2d(backend, monkeypatch, name, with_bias, at_once):
    monkeypatch.setattr(module, "SUMMED_AT_ONCE", at_once)
    case = dict(time=7, bands=5, kernel=3, stride=1, padding=(0, 0)) | CASES[name]
    x = draw(2, case["time"], case["bands"], 3)
    weight = draw(3, 1, case["kernel"], case["kernel"], seed=1)
    bias = draw(3, seed=2) if with_bias else None
    settings = (case["stride"], case["padding"])
    expected = naive(x, weight, bias, *settings)
    check_operation(ops.conv2d, x, weight, bias, *settings, 3, backend=backend, expected=expected)


def test_as_in_torch():
    torch = pytest.importorskip("torch")
    x, weight, bias = draw(2, 11, 8, 3), draw(3, 1, 3, 3, seed=1), draw(3, seed=2)
    theirs = torch.nn.functional.conv2d(
        torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(weight), torch.tensor(bias), stride=2, padding=1, groups=3
    )
    ours = ops.conv2d(x, weight, bias, stride=2, padding=(1, 1), groups=3).numpy()
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 2, 3, 1), rtol=1e-12, atol=1e-13)


def test_many_threads_give_the_same():
    """A picture large enough to be cut into ranges of output times."""
    x, weight = draw(2, 301, 40, 64), draw(64, 1, 3, 3, seed=1)
    found = ops.conv2d(x, weight, None, 2, (1, 1), 64).numpy()
    rows = [0, 1, 75, 149, 150]
    for u in rows:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))[:, 2 * u : 2 * u + 3]  # (B, 3, F + 2, C)
        np.testing.assert_allclose(found[:, u : u + 1], naive_rows(padded, weight), rtol=1e-12, atol=1e-12)


def naive_rows(padded, weight):
    """One output time of stride 2, from the three padded times that it sees."""
    bands = (padded.shape[2] - 3) // 2 + 1
    parts = [padded[:, :, 2 * v : 2 * v + 3] for v in range(bands)]
    return np.stack([np.einsum("bijc,cij->bc", part, weight[:, 0]) for part in parts], axis=1)[:, None]


def test_no_utterance():
    assert ops.conv2d(draw(0, 4, 4, 3), draw(3, 1, 3, 3), padding=(1, 1), groups=3).shape == (0, 4, 4, 3)


def test_the_device_is_never_waited_for():
    from strict_array import count_synchronisations

    x, weight = (STRICT.from_host(draw(*shape).astype("float32")) for shape in ((1, 9, 6, 2), (2, 1, 3, 3)))
    with count_synchronisations() as waits:
        y = ops.conv2d(Tensor(x, requires_grad=True), Tensor(weight, requires_grad=True), None, 2, (1, 1), 2)
        y.backward(STRICT.from_host(np.ones(y.shape, "float32")))
    assert waits.sites == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(weight=draw(2, 2, 3, 3)), "does not fit 2 input channels"),
        (dict(groups=3), "3 groups of 2 channels to 2; expected 1, or one for each"),
        (dict(groups=0), "0 groups"),
        (dict(groups=1), "does not fit 2 input channels"),
        (dict(weight=draw(4, 1, 3, 3), bias=draw(4)), "2 groups of 2 channels to 4"),
        (dict(bias=draw(3)), r"expected a bias of shape \(2,\), got \(3,\)"),
        (dict(x=draw(1, 2, 4, 2)), "smaller than a kernel of 3"),
    ],
)
def test_bad_input(change, message):
    arguments = dict(x=draw(1, 4, 4, 2), weight=draw(2, 1, 3, 3), bias=draw(2), groups=2) | change
    with pytest.raises(ValueError, match=message):
        ops.conv2d(**arguments)
