"""Sums and means over axes."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 3, 4))
AXES = [None, 0, -1, 1, (0, 2), (-1, 0), (0, 1, 2), ()]


def naive_sum(x, axis, keepdims):
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    result = np.zeros([1 if i in axes else n for i, n in enumerate(x.shape)])
    for i in np.ndindex(x.shape):
        result[tuple(0 if k in axes else n for k, n in enumerate(i))] += x[i]
    return result if keepdims else result.reshape([n for k, n in enumerate(x.shape) if k not in axes])


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_sum_and_mean(backend, axis, keepdims):
    expected = naive_sum(X, axis, keepdims)
    check_operation(lambda x: ops.sum(x, axis, keepdims), X, backend=backend, expected=expected)
    mean = expected / (X.size / expected.size)
    check_operation(lambda x: ops.mean(x, axis, keepdims), X, backend=backend, expected=mean)


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 0)], ids=str)
def test_edge_shapes(backend, shape):
    x = np.ones(shape)
    check_operation(lambda x: x.sum(), x, backend=backend, expected=np.array(float(x.size)))
    if x.size:
        check_operation(lambda x: x.mean(), x, backend=backend, expected=np.array(1.0))


def test_sum_over_an_empty_axis_is_zero(backend):
    y = ops.sum(Tensor(backend.from_host(np.ones((2, 0), np.float32))), axis=1)
    assert y.dtype == np.float32 and to_host(y.data).tolist() == [0, 0]


def test_loss_of_one_element_needs_no_upstream_gradient(backend):
    x = Tensor(backend.from_host(X.astype(np.float32)), requires_grad=True)
    (x * x).mean().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(to_host(x.grad), 2 * X / X.size, rtol=1e-6)


def test_axis_out_of_range():
    with pytest.raises(ValueError):
        ops.sum(Tensor(X), axis=3)


def test_booleans_and_integers_are_counted(backend):
    x = Tensor(backend.from_host(X > 0))
    assert x.sum().item() == int((X > 0).sum()) > 1 and x.sum().dtype == np.int64
    assert Tensor(backend.from_host(np.full(3, 2**30, np.int32))).sum().item() == 3 * 2**30
