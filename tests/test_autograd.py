"""The tape: long chains, several outputs, accumulation, freeing, anomalies, recomputation."""

import gc
import weakref

import numpy as np
import pytest
from backends import backend  # noqa: F401

from npconformer import autograd, ops, random
from npconformer.autograd import (
    AnomalyError,
    Operation,
    Tensor,
    backward,
    checkpoint,
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    is_recomputing,
    no_grad,
)

X = np.random.default_rng(0).normal(size=(3, 4))


def leaf(values=X, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


class Count(Operation):
    """y = x, and counts how often each direction runs and what it saved."""

    forwards = backwards = 0

    def forward(self, x):
        Count.forwards += 1
        self.save(x)
        return x + 0

    def backward(self, grad):
        Count.backwards += 1
        return grad + 0


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


@pytest.mark.parametrize("length", [100_000])
def test_long_chain_runs_forward_backward_and_is_freed(length):
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


# Memory


@pytest.fixture
def no_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_memory_goes_by_reference_count(no_garbage_collector):
    x = leaf()
    y = ops.exp(x)
    saved = weakref.ref(y._maker.saved[0])
    z = ops.sum(y * 2.0)
    del y
    assert saved() is not None  # exp's backward needs it
    makers = [weakref.ref(z._maker)]
    z.backward()
    del z
    assert saved() is None and makers[0]() is None


def test_intermediate_results_that_no_backward_needs_are_freed_at_once(no_garbage_collector):
    x = leaf()
    y = x + 1.0
    array = weakref.ref(y.data)
    z = y * 2.0
    del y
    assert array() is None
    z.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(X.shape, 2.0))


def test_backward_frees_saved_arrays_as_it_goes(no_garbage_collector):
    freed = []

    class Observe(Count):
        def backward(self, grad):
            freed.append(later_saved() is None)
            return grad

    x = leaf()
    y = ops.exp(Observe()(x))
    later_saved = weakref.ref(y._maker.saved[0])
    z = y.sum()
    del y
    z.backward(retain_graph=False)
    assert freed == [True]


def test_gradients_on_their_way_are_freed(no_garbage_collector):
    references = []

    class Remember(Count):
        def backward(self, grad):
            dx = grad * 1.0
            references.append(weakref.ref(dx))
            return dx

    x = leaf()
    y = Remember()(ops.negative(Remember()(x)))
    y.sum().backward()
    assert references[0]() is None and references[1]() is x.grad


# Recomputation


def block(x, w):
    return ops.gelu(ops.softmax(x @ w) @ w)


def test_checkpoint_gives_the_same_gradients():
    results = []
    for function in (block, lambda x, w: checkpoint(block, x, w)):
        x, w = leaf(), leaf(np.random.default_rng(1).normal(size=(4, 4)))
        y = function(x * 2.0, w)
        y.backward(np.random.default_rng(2).normal(size=y.shape))
        results.append((y.data, x.grad, w.grad))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoint_reaches_parameters_that_are_not_inputs():
    w = leaf(np.eye(4))
    y = checkpoint(lambda x: ops.exp(x @ w), Tensor(X))
    y.sum().backward()
    np.testing.assert_allclose(w.grad, X.T @ np.exp(X))


def test_checkpoint_keeps_only_its_inputs():
    y = checkpoint(lambda x: Count()(Count()(Count()(x))), leaf())
    assert Count.forwards == 3 and Count.backwards == 0
    assert len(y._maker.saved) == 1 and y._maker.saved[0].shape == X.shape
    y.sum().backward()
    assert Count.forwards == 6 and Count.backwards == 3


def test_checkpoint_repeats_dropout_and_leaves_the_stream_where_it_was():
    random.manual_seed(3)
    x = leaf(np.ones((20, 20)))
    y = checkpoint(lambda x: ops.dropout(x, 0.5), x)
    next_number = random.get_generator().random()
    y.backward(np.ones((20, 20)))
    np.testing.assert_array_equal(x.grad, y.data)
    following = random.get_generator().random()
    random.manual_seed(3)
    random.get_generator().random((20, 20), dtype="float32")
    assert random.get_generator().random() == next_number and random.get_generator().random() == following


def test_checkpoint_tells_layers_that_it_runs_again():
    seen = []

    def function(x):
        seen.append(is_recomputing())
        return x * 2.0

    checkpoint(function, leaf()).sum().backward()
    assert seen == [False, True] and not is_recomputing()


def test_batch_norm_statistics_are_updated_once_under_checkpoint():
    nn = pytest.importorskip("npconformer.nn")
    results = []
    for use_checkpoint in (False, True):
        layer = nn.BatchNorm1d(4).to(np.float64).train()
        x = leaf(np.random.default_rng(0).normal(size=(2, 3, 4)))
        y = checkpoint(layer, x) if use_checkpoint else layer(x)
        y.backward(np.random.default_rng(1).normal(size=y.shape))
        results.append((np.array(layer.running_mean), np.array(layer.running_var), x.grad, layer.weight.grad))
        assert int(layer.num_batches_tracked) == 1
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoint_of_several_outputs_and_a_second_backward():
    x = leaf()
    first, second = checkpoint(lambda x: (ops.exp(x), ops.tanh(x)), x)
    second.sum().backward()
    np.testing.assert_allclose(x.grad, 1 - np.tanh(X) ** 2)
    x.grad = None
    backward([first, second], [np.ones(X.shape)] * 2)
    np.testing.assert_allclose(x.grad, np.exp(X) + 1 - np.tanh(X) ** 2)


def test_checkpoints_nest():
    x = leaf()
    checkpoint(lambda x: checkpoint(lambda x: ops.exp(x), x) * 2.0, x).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.exp(X))


def test_checkpoint_records_nothing_under_no_grad():
    with no_grad():
        y = checkpoint(ops.exp, leaf())
    assert y.is_leaf and not y.requires_grad


def test_checkpoint_of_a_function_that_returns_its_input():
    x = leaf()
    checkpoint(lambda x: x, x).sum().backward()
    assert (x.grad == 1).all()


def test_failing_function_leaves_the_modes_as_they_were():
    def fail_again(x):
        if is_recomputing():
            raise KeyError("on purpose")
        return x * 2.0

    y = checkpoint(fail_again, leaf()).sum()
    with no_grad(), pytest.raises(KeyError):
        y.backward()
    assert is_grad_enabled() and not is_recomputing()


# Tensor


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
    y = block(x, Tensor(backend.from_host(np.eye(4))))
    y.backward(backend.from_host(X))
    assert type(y.data) is type(x.grad) is backend.array_type
    assert type(y.numpy()) is np.ndarray and type(y.sum().item()) is float


def test_module_state_is_private_to_threads():
    import threading

    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(autograd.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]
