"""Noted calls give, for other numbers, what the function itself gives for them; what cannot be noted is refused."""

import copy
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer import Tensor
from npconformer.arrays import pool
from npconformer.arrays.call_plan import capture_calls
from npconformer.arrays.capture import Capture, Captured, Diverged, NotCapturable, bare, current
from npconformer.arrays.kept_memory import empty

SHAPE = (6, 8)
WEIGHT = np.random.default_rng(1).standard_normal((8, 8)).astype(np.float32)
MASK = np.random.default_rng(2).random(SHAPE) < 0.5


def array(seed, shape=SHAPE, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_same(function, x=None, other=None):
    """What is noted for x gives for another array, to the bit, what function gives; and again for x."""
    x, other = array(3) if x is None else x, array(4) if other is None else other
    expected = [np.array(function(one.copy())) for one in (x, other)]
    plan = capture_calls(function, x.copy())
    assert isinstance(plan.result, Captured)
    for one, wanted in ((other, expected[1]), (x, expected[0])):
        plan.run(one)
        found = bare(plan.result)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()
    return plan


def into(function):
    """The function's result written into part of an array of kept memory."""

    def call(x):
        y = empty(np, (8, 10), x.dtype)
        y[...] = 0
        function(x, y)
        return y

    return call


def change(function):
    def call(x):
        x = x.copy()
        function(x)
        return x

    return call


def outlives(view, x):
    other = np.exp(x)  # lies where what the view was made of lay, if nobody has that any more
    return view + other


CALLS = {
    "ufunc": lambda x: np.exp(x),
    "operators": lambda x: -(2 * x + 1) / (x * x + np.float32(0.5)),
    "reflected": lambda x: WEIGHT[:6] - x,
    "comparison": lambda x: (x > 0) & ~(x > 1),
    "power": lambda x: (x * x) ** 0.5,
    "in place": lambda x: change(lambda y: y.__iadd__(x))(x),
    "product": lambda x: x @ WEIGHT,
    "product, transposed": lambda x: WEIGHT @ x.T,
    "of a transposed view": lambda x: x.T + 1,
    "of a transposed product": lambda x: (WEIGHT @ x.T).T + WEIGHT[0],
    "vector product": lambda x: x @ WEIGHT[0],
    "sum": lambda x: x.sum(axis=1, keepdims=True),
    "sum of all": lambda x: x.sum(),
    "mean, variance": lambda x: x.mean(axis=-1) + x.var(axis=-1) + x.std(axis=-1),
    "max": lambda x: x - x.max(axis=-1, keepdims=True),
    "all, any": lambda x: (x > 0).any(axis=0) | (x > -9).all(axis=0),
    "argmax": lambda x: x.argmax(axis=1),
    "argsort": lambda x: x.argsort(axis=1, kind="stable"),
    "sort": change(lambda y: y.sort(axis=1)),
    "fill": change(lambda y: y[2:4].fill(7)),
    "cumsum": lambda x: x.cumsum(axis=0),
    "numpy.cumsum": lambda x: np.cumsum(x, axis=0),
    "clip": lambda x: x.clip(-1, 1) + np.clip(x, 0, None),
    "round": lambda x: x.round(1),
    "copies": lambda x: copy.copy(x * 2) + copy.deepcopy(x * 3),
    "plain view that outlives its array": lambda x: outlives(np.broadcast_to(x * 2, (2, 6, 8)), x),
    "astype": lambda x: x.astype(np.float64).astype(np.float16),
    "reshape": lambda x: x.reshape(3, 16) + 1,
    "reshape with a copy": lambda x: x.T.reshape(-1) * 2,
    "swapaxes": lambda x: x.swapaxes(0, 1).copy(),
    "copy in another order": lambda x: x.copy(order="F") + 1,
    "ravel, flatten": lambda x: x.ravel() + x.T.flatten(),
    "repeat": lambda x: x.repeat(2, axis=1),
    "numpy.repeat": lambda x: np.repeat(x, 2, axis=1),
    "take": lambda x: x.take([2, 0, 2], axis=1),
    "rows by number": lambda x: x[[4, 0, 4]],
    "rows by what is in it": lambda x: x[x.argmax(axis=1) % 6],
    "views of plain views": lambda x: np.broadcast_to(x * 2, (2, 6, 8))[:, 1:].swapaxes(0, 1) * 3,
    "by a mask": lambda x: x[MASK],
    "one number": lambda x: x[1, 2] * x,
    "a column": lambda x: x[:, 3:4] * x,
    "new axis": lambda x: x[:, None, ::-1] * 2,
    "set": into(lambda x, y: y.__setitem__((slice(1, 7), slice(1, 9)), x)),
    "set by numbers": into(lambda x, y: y.__setitem__([1, 3, 5, 7, 0, 2], np.pad(np.ones((6, 8)), ((0, 0), (1, 1))))),
    "set by a mask": change(lambda y: y.__setitem__(MASK, 3)),
    "set what it is": change(lambda y: y.__setitem__(slice(0, 2), y[0:2].__imul__(3))),
    "a view grows": change(lambda y: y[2:].__iadd__(y[:1])),
    "out": into(lambda x, y: np.multiply(x, 2, out=y[:6, :8])),
    "product into a part": into(lambda x, y: np.matmul(x, WEIGHT, out=y[2:, 1:9])),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, WEIGHT),
    "einsum into a part": into(lambda x, y: np.einsum("ij,kj->ik", x, WEIGHT, out=y[:6, :8])),
    "where": lambda x: np.where(x > 0, x, np.float32(0)),
    "masked ufunc": change(lambda y: np.exp(y, out=y, where=MASK)),
    "concatenate": lambda x: np.concatenate([x, WEIGHT, x[:1]]),
    "stack": lambda x: np.stack([x, x + 1], axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 6, 8)) + 1,
    "expand_dims, transpose": lambda x: np.transpose(np.expand_dims(x, 0), (2, 1, 0)) * 2,
    "copyto": into(lambda x, y: np.copyto(y[:6, :8], x)),
    "reduction into": into(lambda x, y: np.add.reduce(x, axis=0, out=y[0, :8])),
    "outer": lambda x: np.multiply.outer(x[0], x[1]),
    "accumulate": lambda x: np.maximum.accumulate(x, axis=1),
    "at": change(lambda y: np.add.at(y, [0, 0, 1], 2)),
    "scatter": change(lambda y: np.add.at(y, (y[:, 0] > 0).astype(np.int64), 1)),
    "bits": lambda x: x.view(np.uint32) & 1,
    "isnan": lambda x: np.isnan(x).any(axis=1),
    "zero-dimensional": lambda x: np.sqrt(np.abs(x.sum())) + x.min(),
    "nothing in it": lambda x: x[:0].sum(axis=0) + x[0],
    "trace, diagonal": lambda x: x.diagonal() * x.trace(),
    "as strided": lambda x: np.lib.stride_tricks.as_strided(x, (6, 7, 2), (*x.strides, x.strides[1]), subok=True) * 2,
    "softmax": lambda x: np.exp(x - x.max(axis=1, keepdims=True)) / np.exp(x - x.max(axis=1, keepdims=True)).sum(),
    "shape asked": lambda x: x * np.shape(x)[0] * np.ndim(x) * len(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_same_calls_for_other_numbers(name):
    assert_same(CALLS[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
def test_of_other_dtypes(dtype):
    x, other = (array(seed).astype(dtype) for seed in (3, 4))
    assert_same(lambda x: (x * 2 + 1).sum(axis=0) - x[1], x, other)


def test_an_input_that_lies_otherwise():
    x = array(3, (8, 6)).T
    assert_same(lambda x: x * 2, x, array(4, (8, 6)).T)
    assert_same(lambda x: x * 2, array(3, (6, 16))[:, ::2], array(4, (6, 16))[:, ::2])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (Tensor(x)[:, 2:6] * 2).data,
        lambda x: (Tensor(x)[0, 1] * 2).data,
        lambda x: (Tensor(x).sum() * 2).data,
        lambda x: (Tensor(x) > 0).data & (Tensor(x) < 1).data,
        lambda x: Tensor(x).argmax(1).data * 2,
    ],
)
def test_tensors(function):
    assert_same(function)


STEPS = [
    lambda x: x + 1,
    lambda x: np.tanh(x) @ WEIGHT,
    lambda x: x - x.max(axis=-1, keepdims=True),
    lambda x: x[::-1],
    lambda x: x[:, ::-1].copy(),
    lambda x: np.where(x > 0, x, 0.1 * x),
    lambda x: (x.T @ x)[:6],
    lambda x: change(lambda y: y[1:].__iadd__(x[:-1]))(x),
    lambda x: x.T.reshape(6, 8),
    lambda x: into(lambda x, y: np.multiply(x, x, out=y[1:7, 2:]))(x)[1:7, 1:9],
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=12))
def test_chains_whose_memory_is_used_again(chain):
    def function(x):
        early = x * 3
        for number in chain:
            x = STEPS[number](x)
        return x + early

    assert_same(function)


def test_memory_is_used_again_once_nobody_has_it():
    def function(x):
        for _ in range(50):
            x = x + 1
        return x

    plan = assert_same(function, array(3, (64, 64)), array(4, (64, 64)))
    assert len(plan) == 50 and plan.size == 2 * 64 * 64 * 4


def test_too_much_memory_is_refused():
    with pytest.raises(NotCapturable, match="1000 bytes"):
        capture_calls(lambda x: x + 1, array(3, (64, 64)), most_memory=1000)


def test_a_truth_that_has_changed_is_noticed():
    def function(x):
        return x * 2 if (x > 0).all() else x

    plan = capture_calls(function, np.ones(3))
    plan.run(np.full(3, 5.0))
    np.testing.assert_array_equal(bare(plan.result), [10, 10, 10])
    with pytest.raises(Diverged):
        plan.run(np.array([1.0, -1, 1]))


@pytest.mark.parametrize(
    "ask", [lambda x: float(x[0]), lambda x: int(x[0]), lambda x: x[0].item(), lambda x: x.tolist(), lambda x: 1.0 in x]
)
def test_a_number_that_has_changed_is_noticed(ask):
    def function(x):
        return x * len(str(ask(x)))

    plan = capture_calls(function, np.ones(3))
    plan.run(np.ones(3))
    with pytest.raises(Diverged):
        plan.run(np.full(3, 2.0))


def test_as_many_numbers_as_there_are_of_a_kind_are_noticed():
    plan = capture_calls(lambda x: x[x > 0] * 2, np.array([1.0, -1, 1]))
    plan.run(np.array([-1.0, 3, 4]))
    np.testing.assert_array_equal(bare(plan.result), [6, 8])
    with pytest.raises(Diverged):
        plan.run(np.ones(3))


def test_an_array_made_elsewhere_is_not_written_to():
    def function(x):
        y = np.zeros(SHAPE, np.float32)
        y += x
        return y * x

    with pytest.raises(NotCapturable, match="made elsewhere"):
        capture_calls(function, array(3))


@pytest.mark.parametrize("function", [lambda x: np.split(x, 2), lambda x: np.linalg.qr(x), lambda x: divmod(x, 2)])
def test_several_results_are_refused(function):
    with pytest.raises(NotCapturable):
        capture_calls(function, array(3))


def test_no_capture_inside_another():
    with pytest.raises(NotCapturable, match="inside another"), Capture().at_work(), Capture().at_work():
        pass
    assert current() is None


def test_outside_of_a_capture_it_is_an_array_like_any_other():
    x = array(3).view(Captured)
    y = x * 2
    assert type(y) is np.ndarray and float(x[0, 0]) == x.tolist()[0][0] and (x > -9).all()
    x[0] = 1
    x += 1
    x.fill(3)
    np.testing.assert_array_equal(np.add(x, 1, out=x), np.full(SHAPE, 4))
    np.testing.assert_array_equal(np.where(x > 3, x, 0), np.full(SHAPE, 4))
    assert type(empty(np, (2,), np.float32)) is np.ndarray


def test_another_thread_is_not_noted():
    seen = []

    def function(x):
        thread = threading.Thread(target=lambda: seen.append((type(x * 2), current())))
        thread.start()
        thread.join()
        return x + 1

    assert len(capture_calls(function, array(3))) == 1
    assert seen == [(np.ndarray, None)]


def test_an_error_ends_the_capture():
    with pytest.raises(ZeroDivisionError):
        capture_calls(lambda x: 1 // 0, array(3))
    assert current() is None and type(empty(np, (2,), np.float32)) is np.ndarray
    done = []
    pool.share(done.append, 3, 2)
    assert sorted(done) == [0, 1, 2]
