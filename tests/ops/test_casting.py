"""The same numbers in another dtype, on another device, in memory of their own."""

import numpy as np
import pytest
from backends import backend  # noqa: F401
from operation_check import check_operation
from strict_device import STRICT

from npconformer.arrays.backend import NUMPY, to_host
from npconformer.arrays.device import Device
from npconformer.tape.autograd import Tensor

X = np.random.default_rng(0).normal(size=(2, 3))


def test_clone(backend):  # noqa: F811
    check_operation(lambda x: x.clone(), X, backend=backend, expected=X)
    x = Tensor(backend.from_host(X))
    y = x.clone()
    y.zero_()
    np.testing.assert_array_equal(to_host(x.data), X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "bool"])
def test_to_a_dtype(backend, dtype):  # noqa: F811
    x = Tensor(backend.from_host(10 * X), requires_grad=True)
    name = {"float16": "half", "float32": "float", "float64": "double", "int32": "int", "int64": "long"}.get(
        dtype, dtype
    )
    for y in (x.to(dtype), x.to(np.dtype(dtype)), x.to(dtype=dtype), x.to("cpu" if backend is NUMPY else None, dtype),
              getattr(x, name)(), x.astype(dtype), x.type_as(Tensor(np.zeros(1, dtype)))):  # fmt: skip
        assert y.dtype == dtype and type(y.data) is backend.array_type
        np.testing.assert_array_equal(to_host(y.data), (10 * X).astype(dtype))
        assert y.requires_grad == dtype.startswith("float")


def test_the_gradient_comes_back_in_the_dtype_it_went(backend):  # noqa: F811
    x = Tensor(backend.from_host(X), requires_grad=True)
    (x.float() * 3).sum().backward()
    assert x.grad.dtype == np.float64 and to_host(x.grad).tolist() == [[3] * 3] * 2


def test_between_devices():
    x = Tensor(X, requires_grad=True)
    y = x.to(Tensor(STRICT.from_host(X.astype(np.float32))))
    assert type(y.data) is STRICT.array_type and y.dtype == np.float32
    z = y.cpu()
    assert type(z.data) is np.ndarray
    (z * 2).sum().backward()
    assert type(x.grad) is np.ndarray and x.grad.tolist() == [[2] * 3] * 2
    there = Tensor(STRICT.from_host(X), requires_grad=True)
    for leaf, moved in ((x, x.to(there)), (there, there.cpu())):
        leaf.grad = None
        (moved * 3).sum().backward()
        assert type(leaf.grad) is type(leaf.data) and to_host(leaf.grad).tolist() == [[3] * 3] * 2


def test_nothing_to_do_gives_the_tensor_itself(backend):  # noqa: F811
    x = Tensor(backend.from_host(X))
    assert x.to(x) is x.to(np.float64) is x.to() is x.double() is x.contiguous() is x.to(x, non_blocking=True) is x
    assert x.to(np.float64, copy=True) is not x and x.copy() is not x
    assert x.to("cpu").tolist() == X.tolist()
    assert x.T.contiguous().data.flags.c_contiguous and x.T.contiguous().tolist() == X.T.tolist()


def test_python_s_types(backend):  # noqa: F811
    x = Tensor(backend.from_host(X.astype(np.float32)))
    assert [x.to(kind).dtype for kind in (float, int, bool)] == [np.float64, np.int64, np.bool_]


def test_devices():
    assert Tensor(X).device == "cpu" and Tensor(X).device.type == "cpu" and Tensor(X).device.index is None
    assert Device("cuda:1").type == "cuda" and Device("cuda:1").index == 1
    assert Tensor(X).to(Tensor(X).device).device == "cpu"
    assert Tensor(STRICT.from_host(X)).device == "strict"


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"dtype of NumPy.*'nonsense'"):
        Tensor(X).to("nonsense")
    with pytest.raises(TypeError, match="dtyp"):
        Tensor(X).to(dtyp="float32")
