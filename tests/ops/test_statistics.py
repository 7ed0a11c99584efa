"""Variance, length of vectors, logarithm of a sum, running sums."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 3, 4))


def along(x, axis, function, keepdims=False):
    """function(list of numbers) for each line along the axes."""
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    lines = np.moveaxis(x, list(axes), range(-len(axes), 0)).reshape(*kept, -1)
    result = np.array([function(line) for line in lines.reshape(-1, lines.shape[-1]).tolist()])
    return result.reshape([1 if i in axes else n for i, n in enumerate(x.shape)] if keepdims else kept)


def variance(line, correction):
    middle = math.fsum(line) / len(line)
    return math.fsum((one - middle) ** 2 for one in line) / (len(line) - correction)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_spread_and_lengths(backend, axis, keepdims):
    cases = {
        lambda x: x.var(axis, keepdims=keepdims): lambda line: variance(line, 1),
        lambda x: x.var(dim=axis, unbiased=False, keepdim=keepdims): lambda line: variance(line, 0),
        lambda x: x.var(axis=axis, ddof=0, keepdims=keepdims): lambda line: variance(line, 0),
        lambda x: x.std(axis, keepdim=keepdims): lambda line: variance(line, 1) ** 0.5,
        lambda x: x.std(axis, correction=0, keepdim=keepdims): lambda line: variance(line, 0) ** 0.5,
        lambda x: x.norm(dim=axis, keepdim=keepdims): lambda line: math.hypot(*line),
        lambda x: x.norm(1, axis, keepdims): lambda line: math.fsum(map(abs, line)),
        lambda x: x.norm(3, axis, keepdims): lambda line: math.fsum(abs(one) ** 3 for one in line) ** (1 / 3),
        lambda x: x.norm(math.inf, axis, keepdims): lambda line: max(map(abs, line)),
        lambda x: x.norm(-math.inf, axis, keepdims): lambda line: min(map(abs, line)),
        lambda x: x.logsumexp(axis, keepdims): lambda line: math.log(math.fsum(map(math.exp, line))),
    }
    for operation, twin in cases.items():
        check_operation(operation, X, backend=backend, expected=along(X, axis, twin, keepdims))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cumsum(backend, axis):
    lines = np.moveaxis(X, axis, -1)
    expected = np.array([[[math.fsum(row[: k + 1]) for k in range(len(row))] for row in part] for part in lines])
    check_operation(lambda x: x.cumsum(axis), X, backend=backend, expected=np.moveaxis(expected, -1, axis))
    with pytest.raises(TypeError, match="dim"):
        Tensor(X).cumsum()


def test_gradient_of_a_length_of_zero_is_zero(backend):
    for operation in (lambda x: x.norm(), lambda x: (x + 1).std()):
        x = Tensor(backend.from_host(np.zeros(3)), requires_grad=True)
        operation(x).backward()
        assert to_host(x.grad).tolist() == [0, 0, 0]


def test_logsumexp_of_large_numbers(backend):
    x = Tensor(backend.from_host(np.array([1000.0, 1000.0])))
    assert x.logsumexp(0).item() == pytest.approx(1000 + math.log(2))


def test_variance_of_one_number_is_nan_as_in_torch(backend):
    x = Tensor(backend.from_host(np.ones((1, 2))))
    with np.errstate(all="ignore"):
        assert np.isnan(x.var(0).numpy()).all() and np.isnan(x.std(0).numpy()).all()


def test_number_of_nonzero(backend):
    x = Tensor(backend.from_host(np.array([0.0, 1.0, -3.0])))
    assert x.norm(0).item() == 2
    with pytest.raises(ValueError, match="p to be a number"):
        x.norm("nuc")
