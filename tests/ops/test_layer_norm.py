"""Layer normalisation over the channels of each row."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_layer_norm(x, weight, bias, eps):
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape[:-1]):
        row = [float(v) for v in x[i]]
        mean = sum(row) / len(row)
        variance = sum((v - mean) ** 2 for v in row) / len(row)
        y[i] = [(v - mean) / (variance + eps) ** 0.5 * w + b for v, w, b in zip(row, weight, bias)]
    return y


@pytest.mark.parametrize("shape", [(2, 3, 8), (5,), (4, 3), (2, 1, 2, 6), (0, 4)], ids=str)
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_layer_norm(backend, shape, eps):
    x, w, b = draw(*shape) * 3 + 1, draw(shape[-1], seed=1), draw(shape[-1], seed=2)
    expected = naive_layer_norm(x, w, b, eps)
    check_operation(
        lambda x, w, b: ops.layer_norm(x, w, b, eps),
        x,
        w,
        b,
        backend=backend,
        expected=expected,
        float32_tolerance=2e-3,
    )


def test_one_channel_gives_the_bias(backend):
    x, w, b = draw(3, 1), draw(1), draw(1, seed=1)
    check_operation(ops.layer_norm, x, w, b, backend=backend, wrt=[1, 2], expected=np.broadcast_to(b, (3, 1)))


def test_constant_rows_are_finite(backend):
    x = Tensor(backend.from_host(np.full((2, 4), 7.0, np.float32)), requires_grad=True)
    ones, zeros = (backend.from_host(np.full(4, v, np.float32)) for v in (1, 0))
    y = ops.layer_norm(x, ones, zeros)
    y.backward(backend.from_host(draw(2, 4)))
    assert (to_host(y.data) == 0).all() and np.isfinite(to_host(x.grad)).all()


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_large_offset_in_float32(offset):
    x = (draw(4, 64) + offset).astype(np.float32)
    ones, zeros = np.ones(64, np.float32), np.zeros(64, np.float32)
    y = ops.layer_norm(x, ones, zeros).data
    np.testing.assert_allclose(y, naive_layer_norm(x, ones, zeros, 1e-5), atol=1e-6 * offset)


@pytest.mark.parametrize("w, b", [((3,), (4,)), ((4,), (3,)), ((1,), (4,)), ((1, 4), (4,))], ids=str)
def test_bad_shapes(backend, w, b):
    with pytest.raises(ValueError, match="layer_norm"):
        ops.layer_norm(*(Tensor(backend.from_host(np.ones(shape))) for shape in ((2, 4), w, b)))
