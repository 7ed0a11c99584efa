"""The convolution over time and bands against loops, over strides, paddings and sizes; against torch where it is."""

import numpy as np
import pytest
from operation_check import check_operation
from strict_device import STRICT

from npconformer import ops
from npconformer.ops import plane_convolution as module
from npconformer.tape.autograd import Tensor


def naive(x, weight, bias=None, stride=1, padding=(0, 0), groups=1):
    """As the definition says: loops and a bounds check."""
    (batch, time, bands, _), (out, _, kernel, _) = x.shape, weight.shape
    sizes = [(n + 2 * p - kernel) // stride + 1 for n, p in zip((time, bands), padding)]
    y = np.zeros((batch, *sizes, out))
    for b, u, v, o in np.ndindex(y.shape):
        for i, j in np.ndindex(kernel, kernel):
            t, f = u * stride + i - padding[0], v * stride + j - padding[1]
            if 0 <= t < time and 0 <= f < bands:
                y[b, u, v, o] += x[b, t, f] @ weight[o, :, i, j]
    return y if bias is None else y + bias


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = {
    "as in subsampling": dict(stride=2, padding=(1, 1)),
    "one channel": dict(stride=2, padding=(1, 1), channels=1),
    "one frame, one band": dict(stride=2, padding=(1, 1), time=1, bands=1),
    "even sizes": dict(stride=2, padding=(1, 1), time=6, bands=4),
    "no padding": dict(),
    "padding of time alone": dict(padding=(2, 0)),
    "padding of bands alone": dict(stride=2, padding=(0, 1)),
    "kernel 1": dict(kernel=1, stride=3),
    "kernel 2, stride beyond it": dict(kernel=2, stride=3, time=8),
    "kernel 5": dict(kernel=5, padding=(2, 1)),
}


@pytest.mark.parametrize("piece", [module.ROWS_SIZE, 0], ids=["one piece", "a time at once"])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_conv2d(backend, monkeypatch, name, with_bias, piece):
    monkeypatch.setattr(module, "ROWS_SIZE", piece)
    case = dict(time=7, bands=5, channels=2, kernel=3, stride=1, padding=(0, 0)) | CASES[name]
    x = draw(2, case["time"], case["bands"], case["channels"])
    weight = draw(3, case["channels"], case["kernel"], case["kernel"], seed=1)
    bias = draw(3, seed=2) if with_bias else None
    settings = (case["stride"], case["padding"])
    expected = naive(x, weight, bias, *settings)
    check_operation(ops.conv2d, x, weight, bias, *settings, backend=backend, expected=expected)


def test_as_in_torch():
    torch = pytest.importorskip("torch")
    x, weight, bias = draw(2, 11, 8, 3), draw(4, 3, 3, 3, seed=1), draw(4, seed=2)
    theirs = torch.nn.functional.conv2d(
        torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(weight), torch.tensor(bias), stride=2, padding=1
    )
    ours = ops.conv2d(x, weight, bias, stride=2, padding=(1, 1)).numpy()
    np.testing.assert_allclose(ours, theirs.numpy().transpose(0, 2, 3, 1), rtol=1e-12, atol=1e-13)


def test_no_utterance():
    assert ops.conv2d(draw(0, 4, 4, 2), draw(3, 2, 3, 3), padding=(1, 1)).shape == (0, 4, 4, 3)


def test_the_device_is_never_waited_for():
    from strict_array import count_synchronisations

    x, weight = (STRICT.from_host(draw(*shape).astype("float32")) for shape in ((1, 9, 6, 2), (3, 2, 3, 3)))
    with count_synchronisations() as waits:
        y = ops.conv2d(Tensor(x, requires_grad=True), weight, None, 2, (1, 1))
        y.backward(STRICT.from_host(np.ones(y.shape, "float32")))
    assert waits.sites == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(x=draw(2, 4, 4)), r"expected x \(B, T, F, C\)"),
        (dict(weight=draw(3, 2, 3, 2)), r"weight \(O, C, K, K\)"),
        (dict(weight=draw(3, 4, 3, 3)), "does not fit 2 input channels"),
        (dict(weight=draw(3, 2, 3, 3).astype("float32")), "x is float64 but the weight is float32"),
        (dict(bias=draw(2)), r"expected a bias of shape \(3,\), got \(2,\)"),
        (dict(stride=0), "bad stride 0"),
        (dict(padding=(-1, 0)), r"padding \(-1, 0\)"),
        (dict(x=draw(1, 2, 4, 2)), "smaller than a kernel of 3"),
    ],
)
def test_bad_input(change, message):
    arguments = dict(x=draw(1, 4, 4, 2), weight=draw(3, 2, 3, 3), bias=draw(3), stride=1, padding=(0, 0)) | change
    with pytest.raises(ValueError, match=message):
        ops.conv2d(**arguments)
