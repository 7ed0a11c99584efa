"""The checkers themselves: planted errors must be found, or a green suite means nothing."""

import numpy as np
import pytest
from operation_check import check_operation
from small_models import KINDS, make_inputs, make_model

from npconformer import nn, ops
from npconformer.arrays.backend import NUMPY
from npconformer.tape.autograd import AnomalyError, Operation
from npconformer.verify.gradient_check import GradientError, check_gradients, elementwise_gradient

X = np.random.default_rng(0).normal(size=(3, 4))


class Cube(Operation):
    """y = x^3, and a place to plant errors."""

    def forward(self, x):
        self.save(x)
        return x * x * x

    def backward(self, grad):
        (x,) = self.saved
        return 3 * x * x * grad


class WrongFactor(Cube):
    def backward(self, grad):
        return super().backward(grad) * (1 + 1e-5)


class ZeroGradient(Cube):
    def backward(self, grad):
        return np.zeros_like(grad)


class OneWrongElement(Cube):
    def backward(self, grad):
        dx = super().backward(grad)
        dx[1, 2] += 1.0
        return dx


class MissingTerm(Operation):
    """The softmax whose backward forgets that rows sum to one: an upstream gradient of ones would not notice."""

    def forward(self, x):
        e = np.exp(x)
        y = e / e.sum(axis=-1, keepdims=True)
        self.save(y)
        return y

    def backward(self, grad):
        return np.zeros_like(grad)


class NotANumber(Cube):
    def backward(self, grad):
        return np.full_like(grad, np.nan)


@pytest.mark.parametrize("operation", [WrongFactor, ZeroGradient, OneWrongElement, MissingTerm, NotANumber])
def test_planted_gradient_errors_are_found(operation):
    with pytest.raises(GradientError, match="input 0"):
        check_gradients(lambda x: operation()(x), X)


def test_right_gradient_passes():
    check_gradients(lambda x: Cube()(x), X)
    check_operation(lambda x: Cube()(x), X, expected=X**3)
    check_operation(lambda x: Cube()(x), np.array(2.0), expected=np.array(8.0))


def test_worst_element_is_named():
    with pytest.raises(GradientError, match=r"1 of 12 elements are wrong, the worst at \(1, 2\)"):
        check_gradients(lambda x: OneWrongElement()(x), X)


def test_elementwise_gradient():
    gradient = elementwise_gradient(lambda x: Cube()(x), [X], [0], 0, [np.ones_like(X)], NUMPY)
    np.testing.assert_allclose(gradient, 3 * X**2, rtol=1e-9)


class EditsInput(Cube):
    def forward(self, x):
        y = super().forward(x.copy())
        x *= 2
        return y


class EditsSaved(Cube):
    def backward(self, grad):
        dx = super().backward(grad)
        self.saved[0][...] = 0
        return dx


class EditsSavedCopy(Cube):
    def forward(self, x):
        return super().forward(x.copy())

    def backward(self, grad):
        dx = super().backward(grad)
        self.saved[0][...] = 0
        return dx


class EditsUpstream(Cube):
    def backward(self, grad):
        dx = super().backward(grad)
        grad *= 2
        return dx


class EditsOutput(Operation):
    def forward(self, x):
        y = np.exp(x)
        self.save(y)
        return y

    def backward(self, grad):
        (y,) = self.saved
        dx = grad * y
        y += 1
        return dx


class NeedsContiguous(Cube):
    def forward(self, x):
        y = super().forward(x)
        return y if x.flags.c_contiguous else y + 1e-6


class WidensOutput(Cube):
    def forward(self, x):
        return super().forward(x).astype(np.float64)


class DiffersUnderNoGrad(Cube):
    def forward(self, x):
        y = super().forward(x)
        return y if self.recording else y * 1.001


@pytest.mark.parametrize(
    "operation",
    [EditsInput, EditsSaved, EditsSavedCopy, EditsUpstream, EditsOutput, NeedsContiguous, WidensOutput]
    + [DiffersUnderNoGrad],
)
def test_planted_breaches_of_the_contract_are_found(operation):
    with pytest.raises((AssertionError, AnomalyError, ValueError)):
        check_operation(lambda x: operation()(x), X.copy())


def test_wrong_values_and_shapes_are_found():
    with pytest.raises(AssertionError):
        check_operation(lambda x: Cube()(x), X, expected=X**3 * (1 + 1e-9))
    with pytest.raises(AssertionError, match="shape"):
        check_operation(lambda x: Cube()(x), X, expected=(X**3)[None])


class ComputesTooMuch(Operation):
    def forward(self, a, b):
        self.save(a, b)
        return a * b

    def backward(self, grad):
        a, b = self.saved
        return grad * b, grad * a


def test_gradients_that_nobody_asked_for_are_found():
    with pytest.raises(AssertionError, match="which nobody needs"):
        check_operation(lambda a, b: ComputesTooMuch()(a, b), X, X + 1)


class ForgetsUnused(Operation):
    """Two outputs, whose gradients must add up."""

    def forward(self, x):
        return x * 2, x * 3

    def backward(self, first, second):
        return 2 * first + 3 * second if first.any() else 2 * first + second


def test_mistakes_with_unused_outputs_are_found():
    with pytest.raises(AssertionError):
        check_operation(lambda x: ForgetsUnused()(x), X)


# ---- modules


class Small(nn.Module):
    """tanh of a linear map, and a parameter that forward does not use."""

    def __init__(self, activation=ops.tanh):
        super().__init__()
        self.inner = nn.Linear(4, 3, std=0.5)
        self.unused = nn.Parameter(np.ones(2))
        self.activation = activation

    def forward(self, x, factor=1.0):
        return (self.activation(self.inner(x)) * factor,)


def test_a_module_is_checked_with_its_parameters():
    module = Small().to("float64")
    before = {name: (parameter, parameter.data) for name, parameter in module.named_parameters()}
    check_gradients(module, X, 2.0)
    for name, parameter in module.named_parameters():
        assert parameter is before[name][0] and parameter.data is before[name][1] and parameter.grad is None


def test_the_wrong_parameter_of_a_module_is_named():
    """A linear map whose bias gradient is wrong: the weight's and the input's are right."""

    class WrongBias(Operation):
        def forward(self, x, weight, bias):
            self.save(x, weight)
            return x @ weight.T + bias

        def backward(self, grad):
            x, weight = self.saved
            return grad @ weight, grad.T @ x, 1.001 * grad.sum(axis=0)

    class Wrong(nn.Linear):
        def forward(self, x):
            return WrongBias()(x, self.weight, self.bias)

    module = Small()
    module.inner = Wrong(4, 3)
    with pytest.raises(GradientError, match=r"^inner\.bias: .* 3 of 3 elements are wrong"):
        check_gradients(module.to("float64"), X)


def test_a_parameter_whose_gradient_is_lost_is_named():
    class Lost(nn.Linear):
        def forward(self, x):
            return ops.linear(x, self.weight.detach(), self.bias)

    module = Small()
    module.inner = Lost(4, 3, std=0.5)
    with pytest.raises(GradientError, match=r"^inner\.weight: 0 along a direction"):
        check_gradients(module.to("float64"), X)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_model(kind):
    inputs = make_inputs(kind, (5, 3), dtype="float64")
    check_gradients(make_model(kind, dtype="float64", layers=1), *inputs.values(), directions=1)


@pytest.mark.parametrize(
    ("function", "arrays", "message"),
    [
        (lambda x: Cube()(x), [X.astype(np.float32)], "input 0: gradients are checked in float64, got float32"),
        (Small().to("float32"), [X], r"unused: gradients are checked in float64, got float32"),
        (lambda x: x, [3], "there is nothing to check"),
    ],
)
def test_what_is_refused(function, arrays, message):
    with pytest.raises(ValueError, match=message):
        check_gradients(function, *arrays)
