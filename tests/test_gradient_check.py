"""The checkers themselves: planted errors must be found, or a green suite means nothing."""

import numpy as np
import pytest
from gradient_check import GradientError, check_gradients, elementwise_gradient
from operation_check import check_operation

from npconformer.arrays.backend import NUMPY
from npconformer.tape.autograd import AnomalyError, Operation

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
