"""Batches: attributes, tensors, devices and dtypes."""

import builtins

import numpy as np
import pytest

from npconformer import BatchEncoding, BatchFeature
from npconformer.arrays.backend import BackendError
from npconformer.arrays.batch_feature import check_truncation
from npconformer.arrays.device import device_backend
from npconformer.arrays.dtypes import floating_dtype


@pytest.fixture
def batch():
    return BatchFeature({"x": np.array([[0.5, 1]], np.float32), "labels": np.array([3]), "name": ["a"]})


def test_a_dtype_is_for_floats_and_changes_the_batch_itself(batch):
    labels = batch.labels
    assert batch.to("cpu", np.float64) is batch
    assert batch.x.dtype == np.float64
    assert batch.to("float16").x.dtype == batch.to(dtype="torch.float16").x.dtype == np.float16
    assert batch.labels is labels
    assert batch["name"] == ["a"]


def test_lists_of_arrays_are_cast_too():
    batch = BatchFeature({"x": [np.zeros(2, np.float32), np.zeros(3, np.float32)]}).to(np.float64)
    assert [one.dtype for one in batch.x] == [np.float64] * 2


@pytest.mark.parametrize("arguments", [{"dtype": "int8"}, {"device": "tpu"}, {"device": "cuda:1"}, {"device": 2}])
def test_what_is_no_device_or_dtype(batch, arguments):
    with pytest.raises(ValueError, match=r"expected|CUDA_VISIBLE_DEVICES"):
        batch.to(**arguments)


def test_an_unknown_argument(batch):
    with pytest.raises(TypeError, match="devise"):
        batch.to(devise="cpu")


def test_devices_by_their_names(monkeypatch):
    for name in ("cpu", -1, "CPU", "cpu:0"):
        assert device_backend(name).name == "numpy"

    def no_gpu(name):
        raise BackendError("no GPU here.")

    monkeypatch.setattr("npconformer.arrays.device.get_backend", no_gpu)
    for name in (0, "cuda", "cuda:0"):
        with pytest.raises(BackendError, match=r"no GPU here.*device=-1"):
            device_backend(name)


def test_dtypes_by_their_names():
    assert floating_dtype("torch.float64") == np.float64
    assert floating_dtype("cpu") is floating_dtype(np.int64) is floating_dtype(None) is None


def test_tensors():
    batch = BatchEncoding({"ids": [[1, 2]], "rate": [0.5]}, tensor_type="np", prepend_batch_axis=True)
    assert batch.ids.shape == (1, 1, 2)
    assert batch.ids.dtype == np.int64
    with pytest.raises(ValueError, match="ids has rows of several lengths"):
        BatchFeature({"ids": [[1], [1, 2]]}, "np")
    with pytest.raises(ValueError, match='write "np"'):
        BatchFeature({}, "tf")


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    batch = BatchFeature({"x": [[0.5]], "n": [1]}, "pt")
    assert batch.x.dtype == torch.float32
    batch.to("cpu", torch.float16)
    assert (batch.x.dtype, batch.n.dtype) == (torch.float16, torch.int64)


def test_without_torch_a_word_says_what_to_write(monkeypatch):
    real = builtins.__import__

    def without_torch(name, *arguments, **named):
        if name == "torch":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(ValueError, match='write return_tensors="np"'):
        BatchFeature({"x": [1]}, "pt")


def test_truncation():
    assert [check_truncation(one) for one in (True, False, None, "only_first", "only_second")] == [1, 0, 0, 1, 0]
    with pytest.raises(ValueError, match="bogus"):
        check_truncation("bogus")
