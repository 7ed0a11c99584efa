"""One step: which gradient an error names, and that the step which failed changed nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from npconformer.nn import Module, Parameter
from npconformer.optim import SGD
from npconformer.tape.autograd import Operation
from npconformer.training import NonFiniteError
from npconformer.training.step import run_step
from npconformer.training.tasks import Task

NAMES = ("first", "second", "third", "fourth")


class SumWithSlope(Operation):
    """y = Σ x, whose gradient is said to be `slope`: a finite loss may have one that is not."""

    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        return np.asarray(x.sum())

    def backward(self, grad):
        return np.array([1.0, self.slope, 1.0]) * grad


class FourParameters(Module):
    """The loss is the sum of all numbers."""

    def __init__(self, slopes):
        super().__init__()
        self.slopes = slopes
        for index, name in enumerate(NAMES):
            setattr(self, name, Parameter(np.full(3, index + 1.0)))

    def forward(self, input_values):
        loss = 0.0
        for name in NAMES:
            loss = SumWithSlope(self.slopes.get(name, 1.0))(getattr(self, name)) + loss
        return SimpleNamespace(loss=loss)


def step(slopes):
    model = FourParameters(slopes)
    return model, lambda: run_step(model, [{"input_values": np.zeros((1, 1))}], Task(None), SGD(model, lr=0.1), 1.0)


@pytest.mark.parametrize(
    ("slopes", "name"),
    [
        ({"first": np.inf}, "first"),
        ({"second": np.nan}, "second"),
        ({"fourth": -np.inf}, "fourth"),
        ({"second": np.inf, "third": np.nan}, "second"),
        ({"second": np.nan, "fourth": np.inf}, "second"),
        ({"third": np.inf, "fourth": np.inf}, "third"),
    ],
)
def test_the_first_parameter_whose_gradient_is_not_finite_is_named(slopes, name):
    model, run = step(slopes)
    with pytest.raises(NonFiniteError) as caught:
        run()
    assert str(caught.value) == f"the gradient of {name} is the first that is not finite (the loss is 30)"
    for index, each in enumerate(NAMES):
        np.testing.assert_array_equal(getattr(model, each).data, np.full(3, index + 1.0))


def test_with_finite_gradients_all_weights_change():
    model, run = step({})
    result = run()
    assert result.loss == 30 and result.gradient_norm == pytest.approx(np.sqrt(12), rel=1e-15)
    moved = 0.1 / (np.sqrt(12) + 1e-6)  # the norm was above 1
    for index, name in enumerate(NAMES):
        np.testing.assert_allclose(getattr(model, name).data, np.full(3, index + 1 - moved), rtol=1e-15)
