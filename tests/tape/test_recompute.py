"""`checkpoint`: the same gradients, with the inner results computed twice instead of kept."""

import sys

import numpy as np
import pytest
from tape import Count, X, leaf

from npconformer import ops
from npconformer.arrays import generator
from npconformer.ops.activations import SiLU
from npconformer.tape.autograd import Tensor, backward
from npconformer.tape.grad_mode import is_grad_enabled, is_recomputing, no_grad
from npconformer.tape.recompute import recompute


@pytest.fixture(autouse=True)
def fresh_count():
    Count.forwards = Count.backwards = 0


def block(x, w):
    return ops.gelu(ops.softmax(x @ w) @ w)


def test_checkpoint_gives_the_same_gradients():
    results = []
    for function in (block, lambda x, w: recompute(block, x, w)):
        x, w = leaf(), leaf(np.random.default_rng(1).normal(size=(4, 4)))
        y = function(x * 2.0, w)
        y.backward(np.random.default_rng(2).normal(size=y.shape))
        results.append((y.data, x.grad, w.grad))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_both_runs_make_the_same_steps(monkeypatch):
    """What is computed otherwise, and may round otherwise, where nothing is recorded: here a feed-forward."""

    class Refused(Exception):
        pass

    def refuse(*arguments):
        raise Refused

    monkeypatch.setattr(sys.modules["npconformer.ops.feed_forward"].FeedForward, "forward", refuse)
    draw = np.random.default_rng(0).standard_normal
    x, w, v = draw((3, 4)), draw((8, 4)), draw((4, 8))
    with no_grad(), pytest.raises(Refused):
        ops.feed_forward(x, (w, None), (v, None), SiLU, x)
    y = recompute(lambda x: ops.feed_forward(x, (w, None), (v, None), SiLU, x), Tensor(x, requires_grad=True))
    y.sum().backward()
    with no_grad(), pytest.raises(Refused):  # a recompute without a recording is no first of two runs
        recompute(lambda x: ops.feed_forward(x, (w, None), (v, None), SiLU, x), Tensor(x))


def test_checkpoint_reaches_parameters_that_are_not_inputs():
    w = leaf(np.eye(4))
    y = recompute(lambda x: ops.exp(x @ w), Tensor(X))
    y.sum().backward()
    np.testing.assert_allclose(w.grad, X.T @ np.exp(X))


def test_checkpoint_keeps_only_its_inputs():
    y = recompute(lambda x: Count()(Count()(Count()(x))), leaf())
    assert Count.forwards == 3 and Count.backwards == 0
    assert len(y._maker.saved) == 1 and y._maker.saved[0].shape == X.shape
    y.sum().backward()
    assert Count.forwards == 6 and Count.backwards == 3


def test_checkpoint_repeats_dropout_and_leaves_the_stream_where_it_was():
    generator.manual_seed(3)
    x = leaf(np.ones((20, 20)))
    y = recompute(lambda x: ops.dropout(x, 0.5), x)
    next_number = generator.get_generator().random()
    y.backward(np.ones((20, 20)))
    np.testing.assert_array_equal(x.grad, y.data)
    following = generator.get_generator().random()
    generator.manual_seed(3)
    generator.get_generator().random((20, 20), dtype="float32")
    assert generator.get_generator().random() == next_number and generator.get_generator().random() == following


def test_checkpoint_tells_layers_that_it_runs_again():
    seen = []

    def function(x):
        seen.append(is_recomputing())
        return x * 2.0

    recompute(function, leaf()).sum().backward()
    assert seen == [False, True] and not is_recomputing()


def test_batch_norm_statistics_are_updated_once_under_checkpoint():
    nn = pytest.importorskip("npconformer.nn")
    results = []
    for recomputed in (False, True):
        layer = nn.BatchNorm1d(4).to(np.float64).train()
        x = leaf(np.random.default_rng(0).normal(size=(2, 3, 4)))
        y = recompute(layer, x) if recomputed else layer(x)
        y.backward(np.random.default_rng(1).normal(size=y.shape))
        results.append((np.array(layer.running_mean), np.array(layer.running_var), x.grad, layer.weight.grad))
        assert int(layer.num_batches_tracked) == 1
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoint_of_several_outputs_and_a_second_backward():
    x = leaf()
    first, second = recompute(lambda x: (ops.exp(x), ops.tanh(x)), x)
    second.sum().backward()
    np.testing.assert_allclose(x.grad, 1 - np.tanh(X) ** 2)
    x.grad = None
    backward([first, second], [np.ones(X.shape)] * 2)
    np.testing.assert_allclose(x.grad, np.exp(X) + 1 - np.tanh(X) ** 2)


def test_checkpoints_nest():
    x = leaf()
    recompute(lambda x: recompute(lambda x: ops.exp(x), x) * 2.0, x).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.exp(X))


def test_checkpoint_records_nothing_under_no_grad():
    with no_grad():
        y = recompute(ops.exp, leaf())
    assert y.is_leaf and not y.requires_grad


def test_checkpoint_of_a_function_that_returns_its_input():
    x = leaf()
    recompute(lambda x: x, x).sum().backward()
    assert (x.grad == 1).all()


def test_failing_function_leaves_the_modes_as_they_were():
    def fail_again(x):
        if is_recomputing():
            raise KeyError("on purpose")
        return x * 2.0

    y = recompute(fail_again, leaf()).sum()
    with no_grad(), pytest.raises(KeyError):
        y.backward()
    assert is_grad_enabled() and not is_recomputing()


@pytest.mark.parametrize(
    "result, found",
    [
        (lambda x: [x], "got list"),
        (lambda x: x.data, "got ndarray"),
        (lambda x: None, "got NoneType"),
        (lambda x: (x, 3), "with one of type int"),
    ],
)
def test_checkpoint_of_a_function_that_returns_no_tensor(result, found):
    with pytest.raises(ValueError, match=f"must return a tensor or a tuple of tensors, .*{found}"):
        recompute(result, leaf())
