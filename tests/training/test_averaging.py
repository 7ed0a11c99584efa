"""The running average beside its formula, applied and taken away again."""

import numpy as np
import pytest

from npconformer.arrays.backend import to_host
from npconformer.nn import Linear
from npconformer.training import ExponentialAverage


def test_the_formula(backend):
    rng = np.random.default_rng(0)
    model = Linear(3, 2).to(backend)
    average = ExponentialAverage(model, 0.9)
    expected = to_host(model.weight.data).astype(float)
    for step in range(1, 120):
        new = rng.normal(size=(2, 3)).astype(np.float32)
        model.weight.data = backend.from_host(new)
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * new
    np.testing.assert_allclose(average.state_dict()["weight"], expected, rtol=1e-5, atol=1e-6)
    with average.applied():
        np.testing.assert_allclose(to_host(model.weight.data), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(to_host(model.weight.data), new)
    with pytest.raises(ZeroDivisionError), average.applied():
        raise ZeroDivisionError
    np.testing.assert_array_equal(to_host(model.weight.data), new)


def test_state():
    model = Linear(3, 2)
    model.bias.requires_grad = False
    average = ExponentialAverage(model, 0.5)
    state = average.state_dict()
    assert list(state) == ["weight"]  # what is not trained needs no average
    other = ExponentialAverage(model, 0.5)
    other.load_state_dict({"weight": np.ones((2, 3), np.float32)})
    np.testing.assert_array_equal(other.state_dict()["weight"], np.ones((2, 3)))
    for wrong in ({}, {"weight": np.ones((3, 2))}, {**state, "bias": np.ones(2)}):
        with pytest.raises(ValueError, match="averages"):
            other.load_state_dict(wrong)
    for decay in (1.0, -0.1):
        with pytest.raises(ValueError, match="decay"):
            ExponentialAverage(model, decay)
