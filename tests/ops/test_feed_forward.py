"""Two linear maps with an activation between them, against loops over elements and against the recorded operations."""

import math

import numpy as np
import pytest
from operation_check import check_operation
from stored_matrices import stored_as

from npconformer import enable_grad, no_grad, ops
from npconformer.arrays import threads
from npconformer.arrays.backend import to_host
from npconformer.arrays.int8_weights import Int8Weight
from npconformer.arrays.stored_weights import BFloat16Weight, Float16Weight
from npconformer.ops.activations import GELU, ReLU, SiLU


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive(x, w, b, v, c, residual, factor):
    """SiLU between, element by element."""
    y = np.zeros(residual.shape)
    for i in np.ndindex(x.shape[:-1]):
        z = [sum(x[i][k] * w[h][k] for k in range(len(x[i]))) + (0 if b is None else b[h]) for h in range(len(w))]
        hidden = [number / (1 + math.exp(-number)) for number in z]
        for o in range(len(v)):
            total = sum(hidden[h] * v[o][h] for h in range(len(w))) + (0 if c is None else c[o])
            y[i][o] = factor * total + residual[i][o]
    return y


@pytest.mark.parametrize("lead", [(5,), (2, 3), (), (0,)], ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_against_loops(backend, lead, with_bias, factor):
    x, w, v, residual = draw(*lead, 3), draw(6, 3, seed=1), draw(4, 6, seed=2), draw(*lead, 4, seed=3)
    b, c = (draw(6, seed=4), draw(4, seed=5)) if with_bias else (None, None)
    expected = naive(x, w, b, v, c, residual, factor)

    def run(x, w, b, v, c, residual):
        return ops.feed_forward(x, (w, b), (v, c), SiLU, residual, factor)

    check_operation(run, x, w, b, v, c, residual, backend=backend, expected=expected)
    arrays = [None if array is None else backend.from_host(array) for array in (x, w, b, v, c, residual)]
    with no_grad():
        np.testing.assert_allclose(to_host(run(*arrays).data), expected, rtol=0, atol=1e-13)


@pytest.fixture(params=[1, 2, 3])
def number(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


@pytest.mark.parametrize("activation", [SiLU, GELU, ReLU])
@pytest.mark.parametrize("rows", [1, 40, 130, 300, 901])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-4)])
def test_shared_by_rows_and_by_hidden_channels(number, activation, rows, dtype, tolerance):
    """Large enough to be shared: bands of rows where there are many, hidden channels where there are few."""
    sizes = [(rows, 250), (611, 250), (611,), (250, 611), (250,), (rows, 250)]
    x, w, b, v, c, residual = (draw(*size, seed=k).astype(dtype) for k, size in enumerate(sizes))
    with enable_grad():
        expected = ops.feed_forward(x, (w, b), (v, c), activation, residual, 0.5).numpy()
    with no_grad():
        found = ops.feed_forward(x, (w, b), (v, c), activation, residual, 0.5).numpy()
        again = ops.feed_forward(x, (w, b), (v, c), activation, residual, 0.5).numpy()
    assert found.dtype == dtype and found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * abs(expected).max())
    np.testing.assert_array_equal(found, again)


def test_weights_that_lie_transposed_and_inputs_that_do_not_follow_one_another():
    x, w, v, residual = draw(2, 9, 6)[:, ::2, ::2], draw(8, 3, seed=1), draw(3, 8, seed=2), draw(3, 5, 2, seed=3).T
    expected = naive(x, w, None, v, None, residual, 1.0)
    with no_grad():
        y = ops.feed_forward(x, (np.asfortranarray(w), None), (np.asfortranarray(v), None), SiLU, residual)
    np.testing.assert_allclose(y.numpy(), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "x, w, v, residual",
    [
        ((2, 3), (6, 4), (3, 6), (2, 3)),
        ((2, 3), (6, 3), (3, 5), (2, 3)),
        ((2, 3), (6, 3), (3, 6), (3, 3)),
        ((2, 3), (6, 3), (4, 6), (2, 3)),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit(x, w, v, residual):
    for mode in (no_grad, enable_grad):
        with mode(), pytest.raises(ValueError, match=r"\(2, 3\)|fit"):
            ops.feed_forward(draw(*x), (draw(*w), None), (draw(*v), None), SiLU, draw(*residual))


@pytest.mark.parametrize("place", [0, 1, 3, 5])
def test_one_of_another_dtype(place):
    sizes = [(2, 3), (6, 3), (6,), (3, 6), (3,), (2, 3)]
    arrays = [draw(*size).astype("float32" if k == place else "float64") for k, size in enumerate(sizes)]
    x, w, b, v, c, residual = arrays
    for mode in (no_grad, enable_grad):
        with mode(), pytest.raises(ValueError, match="float32"):
            ops.feed_forward(x, (w, b), (v, c), SiLU, residual)


@pytest.mark.parametrize("kind", [Float16Weight, BFloat16Weight, Int8Weight])
@pytest.mark.parametrize("rows", [1, 130, 901])
def test_stored_weights_are_read_as_arrays_are(number, kind, rows):
    x, b, c, residual = (
        draw(*shape, seed=i).astype(np.float32) for i, shape in enumerate(((rows, 96), (512,), (96,), (rows, 96)))
    )
    first, second = stored_as(kind, (512, 96)), stored_as(kind, (96, 512))
    with no_grad():
        found = ops.feed_forward(x, (first, b), (second, c), SiLU, residual, 0.5)
        expected = ops.feed_forward(x, (first.whole(), b), (second.whole(), c), SiLU, residual, 0.5)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
