"""The tape: long chains, several outputs, accumulation, recording, errors, anomalies."""

import weakref

import numpy as np
import pytest
from tape import Count, X, leaf

from npconformer import ops
from npconformer.tape.autograd import AnomalyError, Operation, Tensor, backward
from npconformer.tape.grad_mode import detect_anomaly, enable_grad, is_grad_enabled, no_grad


class Split(Operation):
    """Two halves and a whole number."""

    def forward(self, x):
        return x[: len(x) // 2] * 2, x[len(x) // 2 :] * 3, np.array(len(x))

    def backward(self, first, second, length):
        return np.concatenate([first * 2, second * 3])


@pytest.fixture(autouse=True)
def fresh_count():
    Count.forwards = Count.backwards = 0


# Walking


@pytest.mark.slow
def test_long_chain_runs_forward_backward_and_is_freed(length=100_000):
    x = leaf([1.0])
    y = x
    for _ in range(length):
        y = y + 1.0
    assert y.item() == length + 1
    y.backward()
    assert x.grad.tolist() == [1.0]
    reference = weakref.ref(y._maker)
    del y
    assert reference() is None


@pytest.mark.slow
def test_million_steps_forward_and_backward():
    x = leaf([1.0])
    y = x
    for _ in range(1_000_000):
        y = ops.negative(y)
    y.backward(retain_graph=False)
    assert x.grad.tolist() == [1.0]


def test_diamonds_are_walked_once():
    x = leaf([1.0])
    y = x
    for _ in range(200):
        y = y + y  # 2^200 paths
    y.backward()
    assert x.grad.tolist() == [2.0**200]
    z = Count()(x)
    (z * z + z).backward()
    assert Count.backwards == 1


def test_gradient_waits_for_every_user():
    x = leaf([3.0])
    y = Count()(x)
    late = y * 1.0
    for _ in range(5):
        late = late * 2.0
    (y * y + late).backward()
    assert x.grad.tolist() == [6.0 + 32.0] and Count.backwards == 1


def test_two_tensors_at_once():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    backward([y, y * 3.0, x], [np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([5.0, 5.0])])
    assert x.grad.tolist() == [7.0, 11.0]


def test_gradients_accumulate_until_cleared():
    x = leaf()
    (x * 2.0).sum().backward()
    held = x.grad
    (x * 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(X.shape, 5.0))
    assert x.grad is held
    x.grad = None
    (x * 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(X.shape, 3.0))


def test_leaves_never_share_a_gradient():
    a, b = leaf(), leaf()
    g = np.ones(X.shape)
    (a + b).backward(g)
    assert a.grad is not b.grad and a.grad is not g and b.grad is not g
    a.grad *= 2
    assert (b.grad == 1).all() and (g == 1).all()


class GiveTheSameTwice(Operation):
    def forward(self, a, b):
        return a + b

    def backward(self, grad):
        fresh = grad * 1.0
        return fresh, fresh


def test_accumulating_in_a_leaf_does_not_reach_a_gradient_on_its_way():
    x = leaf([1.0])
    y = x * 1.0
    z = Count()(x * 1.0)  # its gradient reaches x between the two that GiveTheSameTwice sends
    GiveTheSameTwice()(x, y).backward()
    x.grad = None
    (GiveTheSameTwice()(x, y) + z).backward()
    assert x.grad.tolist() == [3.0]


def test_second_backward_is_identical():
    x, w = leaf(), leaf(X.T)
    y = ops.softmax(ops.gelu(x @ w)) * 2.0
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    first = x.grad, w.grad
    x.grad = w.grad = None
    y.backward(g)
    np.testing.assert_array_equal(x.grad, first[0])
    np.testing.assert_array_equal(w.grad, first[1])


def test_freed_graph_refuses_a_second_backward():
    x = leaf()
    y = ops.exp(x).sum()
    y.backward(retain_graph=False)
    with pytest.raises(RuntimeError, match=r"Sum a second time.*retain_graph=False"):
        y.backward()


def test_several_outputs():
    x = leaf([1.0, 2.0, 3.0, 4.0])
    first, second, length = Split()(x)
    assert length.item() == 4 and not length.requires_grad
    second.sum().backward()
    assert x.grad.tolist() == [0, 0, 3, 3]
    x.grad = None
    (first.sum() + second.sum()).backward()
    assert x.grad.tolist() == [2, 2, 3, 3]
    x.grad = None
    del first
    second.backward(np.array([1.0, 0.0]))
    assert x.grad.tolist() == [0, 0, 3, 0]


def test_retain_grad_keeps_an_intermediate_gradient():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y.retain_grad()
    z = y * y
    z.backward(np.ones(2))
    assert y.grad.tolist() == [4.0, 8.0] and z.grad is None
    y.grad *= 0
    assert x.grad.tolist() == [8.0, 16.0]
    x.retain_grad()  # a leaf has one anyway


# Recording


def test_nothing_is_recorded_where_nobody_needs_it():
    operation = Count()
    y = operation(Tensor(X))
    assert y.is_leaf and not y.requires_grad and operation.saved == () and operation.needs == (False,)
    with no_grad():
        operation = Count()
        y = operation(leaf())
    assert y.is_leaf and not y.requires_grad and operation.saved == () and not operation.recording


def test_no_grad_nests_and_decorates():
    @no_grad()
    def inside():
        return is_grad_enabled()

    assert is_grad_enabled() and not inside() and is_grad_enabled()
    with no_grad():
        with enable_grad():
            assert is_grad_enabled()
        with no_grad():
            pass
        assert not is_grad_enabled()
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert is_grad_enabled()


def test_one_no_grad_object_may_be_entered_again():
    switch = no_grad()
    with switch, switch:
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_detach_stops_gradients():
    x = leaf([2.0])
    (x * (x * 1.0).detach()).backward()
    assert x.grad.tolist() == [2.0]


def test_none_and_arrays_are_constants():
    x, w = leaf(), leaf(np.ones((2, 4)))
    ops.linear(Tensor(X), w, None).sum().backward()
    assert x.grad is None and w.grad is not None


# Errors


def test_backward_needs_an_upstream_gradient_of_the_right_shape():
    y = leaf() * 2.0
    with pytest.raises(ValueError, match=r"gradient: needed .*\(3, 4\)"):
        y.backward()
    with pytest.raises(ValueError, match="gradient: expected shape"):
        y.backward(np.ones(4))
    with pytest.raises(ValueError, match="does not require a gradient"):
        Tensor(X).backward(X)


def test_only_floating_tensors_have_gradients():
    with pytest.raises(ValueError, match="int64"):
        Tensor(np.arange(3), requires_grad=True)


class WrongShape(Count):
    def backward(self, grad):
        return grad[:1]


class WrongDtype(Count):
    def backward(self, grad):
        return grad.astype(np.float32)


class Missing(Count):
    def backward(self, grad):
        return None


class TooMany(Count):
    def backward(self, grad):
        return grad, grad


@pytest.mark.parametrize(
    "operation, message",
    [
        (WrongShape, r"WrongShape.*\n?gave float64 \(1, 4\) as the gradient of input 0, which is float64 \(3, 4\)"),
        (WrongDtype, r"WrongDtype.*\n?gave float32 \(3, 4\)"),
        (Missing, r"Missing.*\n?gave None"),
        (TooMany, r"TooMany: backward gave 2 gradients for 1 inputs"),
    ],
)
def test_wrong_gradients_are_refused_by_name(operation, message):
    with pytest.raises(RuntimeError, match=message):
        operation()(leaf()).sum().backward()


class NotANumber(Count):
    def backward(self, grad):
        return grad * np.nan


def test_anomaly_mode_names_the_operation_and_where_it_was_called():
    def build_the_model(x):
        return NotANumber()(x)

    x = leaf()
    with detect_anomaly():
        y = build_the_model(x).sum()
        with pytest.raises(AnomalyError, match=r"backward of NotANumber") as caught:
            y.backward()
    assert "test_autograd.py" in str(caught.value) and "in build_the_model" in str(caught.value)
    y.backward()  # outside, nothing is checked
    assert np.isnan(x.grad).all()


def test_anomaly_mode_checks_forward():
    with np.errstate(invalid="ignore"), detect_anomaly(), pytest.raises(AnomalyError, match=r"forward of Log"):
        ops.log(leaf([-1.0]))
