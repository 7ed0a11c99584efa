"""`Tensor` as users meet it: an array to NumPy, operators with anything, dtypes kept."""

import threading

import numpy as np
import pytest
from backends import backend  # noqa: F401
from tape import X, leaf

from npconformer import ops
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_grad_enabled, no_grad


def test_tensor_is_an_array_to_numpy():
    x = leaf()
    np.testing.assert_array_equal(np.asarray(x), X)
    assert np.asarray(x) is x.numpy() or np.shares_memory(np.asarray(x), x.data)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert x.shape == (3, 4) and x.ndim == 2 and x.size == 12 and len(x) == 3 and x.dtype == np.float64
    assert float(x.sum()) == x.sum().item() == pytest.approx(X.sum())
    assert "requires_grad=True" in repr(x) and "Sum" in repr(x.sum())


def test_array_on_the_left_gives_a_tensor():
    x = leaf()
    for y in (X + x, X - x, X * x, X / x, X.T @ x, np.float64(2) * x, np.float32(2) + x):
        assert type(y) is Tensor and y.requires_grad


def test_gradients_of_single_numbers_are_arrays():
    x = leaf(2.0)
    (x * x + x).backward()
    assert type(x.grad) is np.ndarray and x.grad.shape == () and x.grad == 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_through_a_chain(backend, dtype):  # noqa: F811
    x = Tensor(backend.from_host(X.astype(dtype)), requires_grad=True)
    y = ((2 * x + 1) / 3 - 0.5) * np.float64(1.5) * X.astype(np.float64)
    z = (y @ y.transpose() * 0.1)[0].sum() ** 2
    z.backward()
    assert y.dtype == z.dtype == x.grad.dtype == dtype


def test_device_results_stay_on_the_device(backend):  # noqa: F811
    x = Tensor(backend.from_host(X), requires_grad=True)
    y = ops.gelu(ops.softmax(x @ Tensor(backend.from_host(np.eye(4)))))
    y.backward(backend.from_host(X))
    assert type(y.data) is type(x.grad) is backend.array_type
    assert type(y.numpy()) is np.ndarray and type(y.sum().item()) is float


def test_module_state_is_private_to_threads():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]
