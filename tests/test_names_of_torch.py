"""`import npconformer as torch`: the names that programs for these models use beside the models."""

import numpy as np
import pytest

import npconformer as torch
from npconformer.arrays.backend import BackendError


def test_methods_are_functions_too():
    x = torch.tensor([[1.0, 3.0, 2.0], [4.0, 6.0, 5.0]])
    np.testing.assert_array_equal(torch.topk(x, 2, dim=-1).values.numpy(), [[3, 2], [6, 5]])
    np.testing.assert_array_equal(torch.max(x, dim=1).indices.numpy(), [1, 1])
    np.testing.assert_array_equal(torch.sum(x, dim=0).numpy(), [5, 9, 7])
    assert torch.isfinite(x).all().item()


@pytest.mark.parametrize("name", sorted(torch._METHODS))
def test_each_is_a_method(name):
    assert getattr(torch, name) is getattr(torch.Tensor, name)


def test_names_that_would_hide_others_are_not_exported():
    assert not {"sum", "max", "min", "abs", "all", "any", "round", "pow"} & set(torch.__all__)


@pytest.mark.parametrize(
    ("given", "text"), [(("cpu",), "cpu"), (("cuda",), "cuda"), (("cuda:0",), "cuda:0"), (("cuda", 1), "cuda:1")]
)
def test_devices(given, text):
    device = torch.device(*given)
    assert device == text and device.type == text.split(":")[0]


@pytest.mark.parametrize("given", [("bogus",), ("cuda:x",), ("cuda", -1)])
def test_unknown_devices(given):
    with pytest.raises(ValueError, match="is not known"):
        torch.device(*given)


def test_whether_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_backend", lambda name: None)
    assert torch.cuda.is_available() and torch.cuda.device_count() == 1

    def missing(name):
        raise BackendError("no GPU")

    monkeypatch.setattr(torch.cuda, "get_backend", missing)
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0


def test_optimisers_take_parameters_alone():
    parameters = [torch.nn.Parameter(np.ones(2)), torch.nn.Parameter(np.ones(3))]
    optimizer = torch.optim.SGD(iter(parameters), lr=0.5)
    parameters[1].grad = np.ones(3)
    optimizer.step()
    assert [name for name, _ in optimizer.named_parameters()] == ["0", "1"]
    np.testing.assert_array_equal(parameters[1].numpy(), 0.5)
    np.testing.assert_array_equal(parameters[0].numpy(), 1)
    with pytest.raises(ValueError, match="expected a model"):
        torch.optim.SGD([parameters[0], "x"], lr=0.5)
