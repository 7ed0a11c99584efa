"""float16 is summed in float32: results are rounded once or twice, and sums beyond float16's range are no infinity."""

import numpy as np
import pytest
from backends import backend  # noqa: F401

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.ops.activation_names import get_activation
from npconformer.tape.autograd import Tensor

RNG = np.random.default_rng(0)
EPS = float(np.finfo(np.float16).eps)  # a rounding errs by half of it
SMALLEST = float(np.finfo(np.float16).smallest_subnormal)
LONG = RNG.normal(100, 20, (2, 3000, 6))  # whose sums, 3e5, and squares are beyond float16's 65504
WIDE = RNG.normal(50, 30, (2, 5, 2048))
VECTOR = RNG.normal(1, 0.2, (6,))
ROW = RNG.normal(1, 0.2, (2048,))
SMALL = RNG.normal(0, 3, (2, 40, 8))
TAPS = RNG.normal(0, 1, (6, 1, 31))

# name: function of tensors, arrays, how many roundings a result has
CASES = {
    "layer norm": (lambda x, w, b: ops.layer_norm(x, w, b), (WIDE, ROW, ROW), 2),
    "group norm": (lambda x, w, b: ops.group_norm(x, w, b, 6), (LONG, VECTOR, VECTOR), 1),
    "batch norm": (lambda x, w, b: ops.batch_norm_training(x, w, b)[0], (LONG, VECTOR, VECTOR), 1),
    "softmax": (lambda x: ops.softmax(x), (WIDE / 10,), 1),
    "log-softmax": (lambda x: ops.log_softmax(x), (WIDE / 10,), 1),
    "mean pool": (lambda x: ops.mean_pool(x), (LONG,), 1),
    "statistics pool": (lambda x: ops.statistics_pool(x), (LONG,), 1),
    "mean": (lambda x: x.mean(axis=1), (LONG,), 2),
    "weight norm": (lambda g, v: ops.weight_norm(g, v), (VECTOR[:, None] / 10, LONG[0].T), 1),
    "depthwise": (lambda x, w: ops.conv1d(x, w, groups=6), (LONG, TAPS), 1),
    "swish": (get_activation("swish"), (SMALL,), 1),
    "gelu": (get_activation("gelu"), (SMALL,), 1),
    "gate": (lambda x: ops.glu(x), (SMALL,), 1),
}
ROUNDED_ONCE = {"softmax", "log-softmax", "swish", "gate"}  # every number by itself


@pytest.mark.parametrize("name", CASES)
def test_against_float64(name, backend):  # noqa: F811
    function, arrays, roundings = CASES[name]
    halves = [array.astype(np.float16) for array in arrays]
    exact = [Tensor(array.astype(np.float64), requires_grad=True) for array in halves]
    tensors = [Tensor(backend.from_host(array), requires_grad=True) for array in halves]
    y, expected = function(*tensors), function(*exact)
    assert y.dtype == np.float16
    error, size = np.abs(y.numpy() - expected.numpy()), np.abs(expected.numpy())
    if name in ROUNDED_ONCE:
        assert (error <= 0.51 * EPS * size + SMALLEST).all()
    else:
        assert error.max() <= roundings * EPS * size.max()
    upstream = RNG.normal(0, 1 / 64, y.shape).astype(np.float16)
    y.backward(backend.from_host(upstream))
    expected.backward(upstream.astype(np.float64))
    for tensor, reference in zip(tensors, exact):
        assert tensor.grad.dtype == np.float16
        size = np.abs(reference.grad).max()
        assert np.abs(to_host(tensor.grad) - reference.grad).max() <= 8 * EPS * size + SMALLEST


def test_the_statistics_of_a_batch_stay_float16(backend):  # noqa: F811
    x, weight = (backend.from_host(array.astype(np.float16)) for array in (SMALL, np.ones(8)))
    y, mean, variance = ops.batch_norm_training(x, weight, weight)
    assert y.dtype == mean.dtype == variance.dtype == np.float16
    np.testing.assert_allclose(to_host(variance), SMALL.var(axis=(0, 1)), rtol=2 * EPS)
