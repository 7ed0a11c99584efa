"""Batch normalisation with given statistics (evaluation) and with the batch's own (training)."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_batch_norm(x, weight, bias, mean, variance, eps=1e-5):
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        c = i[2]
        y[i] = (x[i] - mean[c]) / (variance[c] + eps) ** 0.5 * weight[c] + bias[c]
    return y


X, W, B = draw(3, 4, 5) * 2 + 1, draw(5, seed=1), draw(5, seed=2)
MEAN, VARIANCE = draw(5, seed=3), np.abs(draw(5, seed=4)) + 0.1


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_evaluation(backend, eps):
    expected = naive_batch_norm(X, W, B, MEAN, VARIANCE, eps)
    check_operation(
        lambda x, w, b, m, v: ops.batch_norm(x, w, b, m, v, eps),
        *(X, W, B, MEAN, VARIANCE),
        wrt=[0, 1, 2],
        backend=backend,
        expected=expected,
    )


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 2, 5), (2, 1, 5)], ids=str)
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_training(backend, shape, eps):
    x = X[: shape[0], : shape[1]]
    expected = naive_batch_norm(x, W, B, x.mean(axis=(0, 1)), x.var(axis=(0, 1)), eps)
    check_operation(
        lambda x, w, b: ops.batch_norm_training(x, w, b, eps)[0],
        *(x, W, B),
        backend=backend,
        expected=expected,
        tolerance=1e-6,  # two values in a channel are far from linear over the steps of the check
        value_tolerance=1e-11,
        float32_tolerance=2e-2,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_are_those_of_the_batch(backend, dtype):
    y, mean, variance = ops.batch_norm_training(*(Tensor(backend.from_host(a.astype(dtype))) for a in (X, W, B)))
    assert mean.dtype == variance.dtype == y.dtype == dtype
    assert type(mean) is type(variance) is backend.array_type
    np.testing.assert_allclose(to_host(mean), [np.mean(X[:, :, c]) for c in range(5)], rtol=1e-5)
    np.testing.assert_allclose(to_host(variance), [np.var(X[:, :, c]) for c in range(5)], rtol=1e-5)


def test_one_value_for_each_channel_is_refused(backend):
    with pytest.raises(ValueError, match="more than one value"):
        ops.batch_norm_training(*(Tensor(backend.from_host(a)) for a in (X[:1, :1], W, B)))


@pytest.mark.parametrize("bad", range(5))
def test_bad_shapes(backend, bad):
    arrays = [X, W, B, MEAN, VARIANCE]
    arrays[bad] = arrays[bad][0] if bad == 0 else arrays[bad][:1]
    arrays = [Tensor(backend.from_host(a)) for a in arrays[:3]] + [backend.from_host(a) for a in arrays[3:]]
    with pytest.raises(ValueError, match="batch_norm"):
        ops.batch_norm(*arrays)
    if bad < 3:
        with pytest.raises(ValueError, match="batch_norm"):
            ops.batch_norm_training(*arrays[:3])
