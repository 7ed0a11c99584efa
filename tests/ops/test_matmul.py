"""Matrix products against loops over elements."""

from importlib import import_module

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays import threads
from npconformer.tape.autograd import Tensor

matmul = import_module("npconformer.ops.matmul")  # its function of that name hides it in the package


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_matmul(a, b):
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, lead + a.shape[-2:]), np.broadcast_to(b, lead + b.shape[-2:])
    y = np.zeros(lead + (a.shape[-2], b.shape[-1]))
    for i in np.ndindex(y.shape):
        y[i] = sum(a[i[:-1]][k] * b[i[:-2]][k, i[-1]] for k in range(a.shape[-1]))
    return y


@pytest.mark.parametrize(
    "a, b",
    [
        ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (2, 2, 3, 4)),
        ((2, 1, 2, 3), (3, 3, 1)),
        ((0, 3), (3, 4)),
        ((2, 0), (0, 4)),
        ((1, 1), (1, 1)),
    ],
    ids=str,
)
def test_matmul(backend, a, b):
    a, b = draw(*a), draw(*b, seed=1)
    check_operation(ops.matmul, a, b, backend=backend, expected=naive_matmul(a, b))
    check_operation(lambda a, b: a @ b, a, b, backend=backend)


def test_matmul_with_an_array_on_the_left(backend):
    a, b = draw(2, 3), draw(3, 4)
    check_operation(lambda b, a: a @ b, b, a, wrt=[0], backend=backend, expected=naive_matmul(a, b))


def test_square(backend):
    check_operation(lambda x: x @ x.transpose(0, 2, 1), draw(2, 3, 4), backend=backend)


@pytest.mark.parametrize("lead", [(5,), (2, 3), (), (2, 2, 2), (0,), (2, 0)], ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear(backend, lead, with_bias):
    x, w, b = draw(*lead, 3), draw(4, 3, seed=1), draw(4, seed=2) if with_bias else None
    expected = np.zeros((*lead, 4))
    for i in np.ndindex(expected.shape):
        expected[i] = sum(x[i[:-1]][k] * w[i[-1], k] for k in range(3)) + (b[i[-1]] if with_bias else 0)
    check_operation(ops.linear, x, w, b, backend=backend, expected=expected)


@pytest.mark.parametrize("rows", [2, matmul.FEW_ROWS, matmul.FEW_ROWS + 1])
@pytest.mark.parametrize("shared", [0, 10**9], ids=["weight on the left if rows are few", "weight on the right"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_however_the_weight_lies(backend, monkeypatch, rows, shared, with_bias):
    monkeypatch.setattr(matmul, "SHARED_PRODUCT", shared)
    monkeypatch.setattr(threads, "get_num_threads", lambda: 2)
    x, w, b = draw(rows, 3), draw(5, 3, seed=1), draw(5, seed=2) if with_bias else None
    expected = np.einsum("ni,oi->no", x, w) + (b if with_bias else 0)
    for weight in (w, np.asfortranarray(w)):
        arrays = [None if array is None else backend.from_host(array) for array in (x, weight, b)]
        y = ops.linear(*arrays).data
        assert y.flags.c_contiguous
        np.testing.assert_allclose(backend.to_host(y), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "action",
    [
        lambda a, b: ops.matmul(a, b),
        lambda a, b: ops.matmul(a[0], b),
        lambda a, b: ops.matmul(a, a),
        lambda a, b: ops.linear(a, b, None),
        lambda a, b: ops.linear(a, a[0]),
        lambda a, b: ops.linear(a, a.reshape(3, 2, 1)),
        lambda a, b: ops.linear(a, a, b[0]),
        lambda a, b: ops.linear(a, a, b[:3, :1]),
        lambda a, b: ops.linear(a, a, a[:, :1]),
    ],
)
def test_bad_shapes(backend, action):
    with pytest.raises(ValueError, match=r"matmul|linear"):
        action(Tensor(backend.from_host(draw(3, 2))), Tensor(backend.from_host(draw(4, 5))))


def test_linear_refuses_mixed_dtypes(backend):
    x, w = backend.from_host(draw(2, 3)), backend.from_host(draw(4, 3).astype(np.float32))
    with pytest.raises(ValueError, match="float32"):
        ops.linear(Tensor(x), Tensor(w))


def test_against_torch():
    torch = pytest.importorskip("torch")
    x, w, b = draw(2, 3, 5), draw(4, 5, seed=1), draw(4, seed=2)
    ours = [Tensor(a, requires_grad=True) for a in (x, w, b)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y, z = ops.linear(*ours), torch.nn.functional.linear(*theirs)
    g = draw(*y.shape, seed=3)
    y.backward(g), z.backward(torch.tensor(g))
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-12)
    for a, t in zip(ours, theirs):
        np.testing.assert_allclose(a.grad, t.grad.numpy(), rtol=1e-12, atol=1e-12)
