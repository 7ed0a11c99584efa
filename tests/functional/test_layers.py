"""Layers' operations with channels before time."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import functional as F
from npconformer.arrays.backend import to_host
from npconformer.arrays.generator import manual_seed
from npconformer.tape.autograd import Tensor

random = np.random.default_rng(0)
X = random.normal(size=(2, 4, 7))  # (B, C, T)
WEIGHT, BIAS = random.normal(size=(6, 2, 3)), random.normal(size=6)


def convolved(x, weight, bias, stride, left, right, dilation, groups):
    """By the definition, one number after the other."""
    (batch, _, _), (out, width, kernel) = x.shape, weight.shape
    x = np.pad(x, [(0, 0), (0, 0), (left, right)])
    steps = (x.shape[2] - dilation * (kernel - 1) - 1) // stride + 1
    y = np.zeros((batch, out, steps))
    for b, o, u in np.ndindex(*y.shape):
        first = o // (out // groups) * width
        y[b, o, u] = bias[o] + sum(
            x[b, first + c, u * stride + k * dilation] * weight[o, c, k] for c in range(width) for k in range(kernel)
        )
    return y


@pytest.mark.parametrize(
    "arguments, plain",
    [
        ({}, (1, 0, 0, 1)),
        ({"stride": 2, "padding": 1}, (2, 1, 1, 1)),
        ({"stride": (2,), "padding": [1], "dilation": (2,)}, (2, 1, 1, 2)),
        ({"padding": "same"}, (1, 1, 1, 1)),
        ({"padding": "valid", "dilation": 3}, (1, 0, 0, 3)),
        ({"padding": "same", "dilation": 2}, (1, 2, 2, 2)),
    ],
    ids=str,
)
def test_conv1d(backend, arguments, plain):
    stride, left, right, dilation = plain
    expected = convolved(X, WEIGHT, BIAS, stride, left, right, dilation, 2)
    check_operation(
        lambda x, w, b: F.conv1d(x, w, b, groups=2, **arguments), X, WEIGHT, BIAS, backend=backend, expected=expected
    )


def test_conv1d_of_one_recording_and_of_an_even_kernel(backend):
    weight = random.normal(size=(3, 4, 2))
    expected = convolved(X[:1], weight, np.zeros(3), 1, 0, 1, 1, 1)[0]  # the zero more is at the end
    check_operation(lambda x, w: F.conv1d(x, w, padding="same"), X[0], weight, backend=backend, expected=expected)


def test_layer_norm(backend):
    x, w, b = X, random.normal(size=(4, 7)), random.normal(size=(4, 7))
    n = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    check_operation(lambda x, w, b: F.layer_norm(x, (4, 7), w, b), x, w, b, backend=backend, expected=n * w + b,
                    value_tolerance=1e-10)  # fmt: skip
    check_operation(lambda x: F.layer_norm(x, [4, 7]), x, backend=backend, expected=n, value_tolerance=1e-10)
    n = (x - x.mean(axis=2, keepdims=True)) / np.sqrt(x.var(axis=2, keepdims=True) + 0.5)
    check_operation(lambda x: F.layer_norm(x, 7, eps=0.5), x, backend=backend, expected=n, value_tolerance=1e-10)


def test_group_norm(backend):
    parts = X.reshape(2, 2, 14)
    n = (parts - parts.mean(-1, keepdims=True)) / np.sqrt(parts.var(-1, keepdims=True) + 1e-5)
    n, w, b = n.reshape(X.shape), random.normal(size=4), random.normal(size=4)
    check_operation(lambda x, w, b: F.group_norm(x, 2, w, b), X, w, b, backend=backend,
                    expected=n * w[:, None] + b[:, None], value_tolerance=1e-10)  # fmt: skip
    check_operation(lambda x: F.group_norm(x, 2), X, backend=backend, expected=n, value_tolerance=1e-10)
    check_operation(lambda x: F.group_norm(x, 2), X.reshape(2, 28), backend=backend, expected=n.reshape(2, 28),
                    value_tolerance=1e-10)  # fmt: skip


def test_embedding(backend):
    table, ids = random.normal(size=(5, 3)), np.array([[4, 0, 4], [1, 1, 2]])
    expected = np.array([[table[i].tolist() for i in row] for row in ids])
    check_operation(lambda w: F.embedding(ids, w), table, backend=backend, expected=expected)
    w = Tensor(backend.from_host(table), requires_grad=True)
    F.embedding(ids, w, padding_idx=-1).sum().backward()
    assert to_host(w.grad)[:, 0].tolist() == [1, 2, 1, 0, 0]


def test_dropout(backend):
    x = Tensor(backend.from_host(np.ones((40, 50))))
    manual_seed(0)
    y = to_host(F.dropout(x, 0.2).data)
    assert set(np.unique(y)) == {0, 1.25} and abs((y == 0).mean() - 0.2) < 0.03
    assert F.dropout(x, training=False) is x and F.dropout(x, p=0) is x
    assert not any(np.ravel(F.dropout(x, 1.0, inplace=True).tolist())) and not any(np.ravel(x.tolist()))


@pytest.mark.parametrize(
    "action",
    [
        lambda x: F.conv1d(x, Tensor(WEIGHT), groups=2, padding="same", stride=2),
        lambda x: F.conv1d(x, Tensor(WEIGHT), groups=2, padding="full"),
        lambda x: F.conv1d(x, Tensor(WEIGHT), groups=2, stride=(1, 2)),
        lambda x: F.conv1d(x[0, 0], Tensor(WEIGHT)),
        lambda x: F.conv1d(x, Tensor(WEIGHT)),
        lambda x: F.layer_norm(x, (4,)),
        lambda x: F.layer_norm(x, ()),
        lambda x: F.group_norm(x, 3),
        lambda x: F.group_norm(x[0, 0], 1),
        lambda x: F.dropout(x, 1.1, training=False),
        lambda x: F.embedding(np.array([7]), x[0]),
        lambda x: F.embedding(np.array([0.0]), x[0]),
        lambda x: F.linear(x, Tensor(WEIGHT)),
    ],
)
def test_bad_arguments(action):
    with pytest.raises(ValueError):
        action(Tensor(X))
