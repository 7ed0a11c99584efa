"""New tensors by torch's rules for number types."""

import numpy as np
import pytest
from strict_device import STRICT

import npconformer
from npconformer import Tensor
from npconformer.arrays import backend as backends


@pytest.mark.parametrize(
    "data, dtype",
    [
        ([1, 2], "int64"),
        ([1.5, 2], "float32"),
        ([[True]], "bool"),
        (3, "int64"),
        (2.5, "float32"),
        (np.array([1.5]), "float64"),
        (np.float64(1.5), "float64"),
        ([np.float64(1.5)], "float64"),
        (np.ones(2, np.float16), "float16"),
        ([], "float32"),
    ],
    ids=str,
)
def test_dtype_of_a_new_tensor(data, dtype):
    x = npconformer.tensor(data)
    assert x.dtype == dtype and x.tolist() == np.asarray(data).tolist() and not x.requires_grad


def test_dtype_and_gradient_may_be_asked_for():
    x = npconformer.tensor(data=[1, 2], dtype=npconformer.float64, device="cpu", requires_grad=True)
    assert x.dtype == np.float64 and x.requires_grad
    with pytest.raises(ValueError, match="int64"):
        npconformer.tensor([1], requires_grad=True)


def test_memory_is_its_own_or_the_array_s():
    array = np.zeros(2)
    own, shared = npconformer.tensor(array), npconformer.from_numpy(array)
    array[:] = 1
    assert own.tolist() == [0, 0] and shared.tolist() == [1, 1]
    x = Tensor(array)
    npconformer.tensor(x).zero_()
    assert x.tolist() == [1, 1]
    with pytest.raises(TypeError, match="list"):
        npconformer.from_numpy([1.0])


def test_filled_tensors():
    assert npconformer.zeros(2, 1).tolist() == [[0], [0]] and npconformer.zeros(2).dtype == np.float32
    assert npconformer.ones((1, 2), dtype=npconformer.long).tolist() == [[1, 1]]
    assert npconformer.arange(3).tolist() == [0, 1, 2] and npconformer.arange(3).dtype == np.int64
    assert npconformer.arange(1, 2, 0.5).tolist() == [1, 1.5] and npconformer.arange(1, 2, 0.5).dtype == np.float32
    assert npconformer.ones(1, requires_grad=True).requires_grad


def test_they_lie_where_new_models_do_or_where_asked(monkeypatch):
    monkeypatch.setattr(backends, "_default", STRICT)
    assert all(type(x.data) is STRICT.array_type for x in (npconformer.zeros(1), npconformer.arange(2)))
    assert type(npconformer.zeros(1, device="cpu").data) is np.ndarray
    assert type(npconformer.tensor([1], device="strict").data) is STRICT.array_type


def test_names_of_number_types():
    names = {"float": "float32", "double": "float64", "half": "float16", "long": "int64", "bool": "bool"}
    for name, dtype in names.items():
        assert getattr(npconformer, name) == dtype
        assert npconformer.zeros(1, dtype=getattr(npconformer, name)).dtype == dtype
    assert not set(names) & set(npconformer.__all__)  # `import *` leaves Python's own alone


def test_modules_and_functions_at_the_top_level():
    assert npconformer.nn.functional is npconformer.functional
    for name in (
        "argmax",
        "sigmoid",
        "stack",
        "cat",
        "softmax",
        "log_softmax",
        "cosine_similarity",
        "set_grad_enabled",
    ):
        assert callable(getattr(npconformer, name)) and name in npconformer.__all__
    a, b = npconformer.tensor([[1.0, 0.0]]), npconformer.tensor([[1.0, 1.0]])
    assert npconformer.nn.CosineSimilarity(dim=-1)(a, b).item() == pytest.approx(0.5**0.5)
    assert npconformer.nn.CosineSimilarity(eps=10.0)(a, b).item() == pytest.approx(0.01)
    with pytest.raises(AttributeError, match="nonsense"):
        npconformer.nonsense  # noqa: B018
