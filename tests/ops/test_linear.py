"""Linear maps, alone and with what follows them in the same pass, against loops over elements."""

import math

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays import products, threads
from npconformer.arrays.backend import to_host
from npconformer.ops import activations
from npconformer.tape.autograd import Tensor, backward
from npconformer.tape.grad_mode import no_grad

LEADS = [(5,), (2, 3), (), (2, 2, 2), (0,), (2, 0)]
FUNCTIONS = {  # element by element, with the standard library alone
    activations.ReLU: lambda z: max(z, 0.0),
    activations.Sigmoid: lambda z: 1 / (1 + math.exp(-z)),
    activations.Tanh: math.tanh,
    activations.SiLU: lambda z: z / (1 + math.exp(-z)),
    activations.GELU: lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
    activations.GELUNew: lambda z: z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) / 2,
    activations.SELU: lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z)),
}
every_activation = pytest.mark.parametrize("activation", FUNCTIONS, ids=lambda kind: kind.__name__)
biased_or_not = pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])


@pytest.fixture
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive(x, w, b=None, function=lambda z: z, factor=1.0, residual=None):
    y = np.zeros((*x.shape[:-1], len(w)))
    for i in np.ndindex(y.shape):
        z = sum(x[i[:-1]][k] * w[i[-1], k] for k in range(w.shape[1])) + (0.0 if b is None else b[i[-1]])
        y[i] = factor * function(z) + (0.0 if residual is None else residual[i])
    return y


def naive_gated(x, w, b=None):
    z = naive(x, w, b)
    half = len(w) // 2
    return z[..., :half] / (1 + np.exp(-z[..., half:]))


@pytest.mark.parametrize("lead", LEADS, ids=str)
@biased_or_not
def test_linear(backend, lead, with_bias):
    x, w, b = draw(*lead, 3), draw(4, 3, seed=1), draw(4, seed=2) if with_bias else None
    check_operation(ops.linear, x, w, b, backend=backend, expected=naive(x, w, b))


@every_activation
@biased_or_not
def test_with_an_activation(backend, activation, with_bias):
    x, w, b = draw(2, 3, 3, seed=57), draw(4, 3, seed=1), draw(4, seed=2) if with_bias else None
    assert np.abs(naive(x, w, b)).min() > 0.02  # two of them have a kink at 0
    expected = naive(x, w, b, FUNCTIONS[activation])
    check_operation(lambda x, w, b: ops.linear(x, w, b, activation), x, w, b, backend=backend, expected=expected)


@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize("factor", [1.0, 0.5, -3.0])
@biased_or_not
def test_with_a_residual(backend, lead, factor, with_bias):
    x, w, b, r = draw(*lead, 3), draw(4, 3, seed=1), draw(4, seed=2) if with_bias else None, draw(*lead, 4, seed=3)
    check_operation(
        lambda x, w, b, r: ops.linear(x, w, b, residual=r, factor=factor),
        *(x, w, b, r),
        backend=backend,
        expected=naive(x, w, b, factor=factor, residual=r),
    )


@pytest.mark.parametrize("factor", [1.0, 0.5])
@pytest.mark.parametrize("activation", [activations.SiLU, activations.ReLU], ids=lambda kind: kind.__name__)
def test_with_everything(backend, activation, factor):
    x, w, b, r = draw(2, 3, 3), draw(4, 3, seed=1), draw(4, seed=2), draw(2, 3, 4, seed=3)
    check_operation(
        lambda x, w, b, r: ops.linear(x, w, b, activation, r, factor),
        *(x, w, b, r),
        backend=backend,
        expected=naive(x, w, b, FUNCTIONS[activation], factor, r),
    )


def test_the_residual_may_be_the_input(backend):
    x, w = draw(5, 3), draw(3, 3, seed=1)
    expected = naive(x, w, residual=x)
    check_operation(lambda x, w: ops.linear(x, w, residual=x), x, w, backend=backend, expected=expected)


@pytest.mark.parametrize("lead", LEADS, ids=str)
@biased_or_not
def test_gated(backend, lead, with_bias):
    x, w, b = draw(*lead, 3), draw(8, 3, seed=1), draw(8, seed=2) if with_bias else None
    check_operation(ops.gated_linear, x, w, b, backend=backend, expected=naive_gated(x, w, b))


@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize("maps", [1, 2, 3])
def test_together(backend, lead, maps):
    """Every other one has a bias."""
    x, weights = draw(*lead, 3), [draw(4, 3, seed=k + 1) for k in range(maps)]
    biases = [draw(4, seed=k + 9) if k % 2 == 0 else None for k in range(maps)]

    def function(x, *parts):
        results = ops.linear_together(x, *zip(parts[:maps], parts[maps:]))
        return results if maps > 1 else results[0]

    expected = tuple(naive(x, w, b) for w, b in zip(weights, biases))
    check_operation(function, x, *weights, *biases, backend=backend, expected=expected)


# -- large enough for several tiles and threads ---------------------------------------------------------------------


def large(rows, inner, outputs, dtype):
    w = draw(outputs, inner, seed=1) / inner**0.5  # so that what a gate sees is about 1
    return [a.astype(dtype) for a in (draw(rows, inner), w, draw(outputs, seed=2))]


CASES = {
    "plain": (lambda x, w, b, r: ops.linear(x, w, b), lambda x, w, b, r: x @ w.T + b),
    "activation": (
        lambda x, w, b, r: ops.linear(x, w, b, activations.SiLU),
        lambda x, w, b, r: (x @ w.T + b) / (1 + np.exp(-(x @ w.T + b))),
    ),
    "half a residual": (
        lambda x, w, b, r: ops.linear(x, w, b, residual=r, factor=0.5),
        lambda x, w, b, r: (x @ w.T + b) / 2 + r,
    ),
    "gated": (
        lambda x, w, b, r: ops.gated_linear(x, w, b),
        lambda x, w, b, r: (x @ w.T + b)[:, : len(w) // 2] / (1 + np.exp(-(x @ w.T + b)[:, len(w) // 2 :])),
    ),
    "together": (
        lambda x, w, b, r: ops.linear_together(x, (w, b), (w[::-1], None))[1],
        lambda x, w, b, r: x @ w[::-1].T,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("rows", "inner", "outputs"), [(450, 20, 30), (850, 7, 2), (20, 800, 1200)], ids=str)
def test_large_maps(two_threads, case, dtype, rows, inner, outputs):
    """Bands of rows, and columns where rows are few; recorded and not recorded to the same bits."""
    (x, w, b), residual = large(rows, inner, outputs, dtype), draw(rows, outputs, seed=3).astype(dtype)
    function, twin = CASES[case]
    recorded = function(*[Tensor(a, requires_grad=True) for a in (x, w, b, residual)])
    with no_grad():
        alone = function(x, w, b, residual)
    wide = twin(*[a.astype(np.float64) for a in (x, w, b, residual)])
    scale = np.abs(wide).max()
    np.testing.assert_allclose(recorded.data, wide, rtol=0, atol=scale * (1e-6 if dtype == np.float32 else 1e-14))
    np.testing.assert_array_equal(alone.data, recorded.data)
    assert recorded.dtype == alone.dtype == dtype and recorded.data.flags.c_contiguous


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_large_maps(two_threads, case):
    """Against those of the same rows in small pieces, which are computed whole in one thread."""
    rows, piece = 810, 90
    (x, w, b), residual = large(rows, 12, 20, np.float64), draw(rows, 20, seed=3)
    function, _ = CASES[case]
    leaves = [Tensor(a, requires_grad=True) for a in (x, w, b, residual)]
    y = function(*leaves)
    upstream = draw(*y.shape, seed=4)
    y.backward(upstream)
    parts = [Tensor(a, requires_grad=True) for a in (w, b)]
    for first in range(0, rows, piece):
        n = slice(first, first + piece)
        own = [Tensor(x[n], requires_grad=True), *parts, Tensor(residual[n], requires_grad=True)]
        function(*own).backward(upstream[n])
        for whole, part in ((leaves[0], own[0]), (leaves[3], own[3])):
            assert (whole.grad is None) == (part.grad is None)
            if part.grad is not None:
                np.testing.assert_allclose(whole.grad[n], part.grad, rtol=1e-12, atol=1e-13)
    for whole, part in zip(leaves[1:3], parts):
        assert (whole.grad is None) == (part.grad is None)
        if part.grad is not None:
            np.testing.assert_allclose(whole.grad, part.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("rows", [2, products.FEW_ROWS, products.FEW_ROWS + 1])
@biased_or_not
def test_however_the_weight_lies(backend, rows, with_bias):
    x, w, b = draw(rows, 3), draw(5, 3, seed=1), draw(5, seed=2) if with_bias else None
    expected = np.einsum("ni,oi->no", x, w) + (b if with_bias else 0)
    for weight in (w, np.asfortranarray(w)):
        arrays = [None if array is None else backend.from_host(array) for array in (x, weight, b)]
        y = ops.linear(*arrays).data
        assert y.flags.c_contiguous
        np.testing.assert_allclose(to_host(y), expected, rtol=0, atol=1e-14)


def test_what_was_saved_is_not_changed_by_a_second_pass():
    x, w = [Tensor(a, requires_grad=True) for a in (draw(700, 300), draw(300, 300, seed=1))]
    g = draw(700, 300, seed=2)
    y = ops.linear(x, w, None, activations.SiLU)
    backward([y], [g])
    first, x.grad, w.grad = (x.grad, w.grad), None, None
    for _ in range(3):  # takes up memory that might have been given back too early
        ops.linear(draw(700, 300), w, None, activations.SiLU)
    backward([y], [g])
    np.testing.assert_array_equal(x.grad, first[0])
    np.testing.assert_array_equal(w.grad, first[1])


# -- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        lambda a, b: ops.linear(a, b, None),
        lambda a, b: ops.linear(a, a[0]),
        lambda a, b: ops.linear(a, a.reshape(3, 2, 1)),
        lambda a, b: ops.linear(a, a, b[0]),
        lambda a, b: ops.linear(a, a, b[:3, :1]),
        lambda a, b: ops.linear(a, a, a[:, :1]),
        lambda a, b: ops.gated_linear(a, b),
        lambda a, b: ops.gated_linear(a, a),
        lambda a, b: ops.gated_linear(a, a[:2], b[0]),
        lambda a, b: ops.linear_together(a),
        lambda a, b: ops.linear_together(a, (a, None), (a[:2], None)),
        lambda a, b: ops.linear_together(a, (a, None), (b, None)),
        lambda a, b: ops.linear_together(a, (a, b[0])),
    ],
)
def test_bad_shapes(backend, action):
    with pytest.raises(ValueError, match="linear"):
        action(Tensor(backend.from_host(draw(3, 2))), Tensor(backend.from_host(draw(4, 5))))


def test_bad_residuals(backend):
    x, w, r = (Tensor(backend.from_host(a)) for a in (draw(2, 3), draw(4, 3), draw(2, 4)))
    narrow = Tensor(backend.from_host(draw(2, 4).astype(np.float32)))
    with pytest.raises(ValueError, match=r"residual: expected float64 \(2, 4\), got float64 \(4,\)"):
        ops.linear(x, w, residual=r[0])  # which NumPy would broadcast
    with pytest.raises(ValueError, match=r"residual: expected float64 \(2, 4\), got float32 \(2, 4\)"):
        ops.linear(x, w, residual=narrow)
    with pytest.raises(ValueError, match=r"factor: .* without one expected 1, got 0\.5"):
        ops.linear(x, w, factor=0.5)


@pytest.mark.parametrize(
    "action",
    [
        lambda x, w: ops.linear(x, w),
        lambda x, w: ops.gated_linear(x, w),
        lambda x, w: ops.linear_together(x, (w, None)),
    ],
)
def test_mixed_dtypes(backend, action):
    x, w = backend.from_host(draw(2, 3)), backend.from_host(draw(4, 3).astype(np.float32))
    with pytest.raises(ValueError, match="float32"):
        action(Tensor(x), Tensor(w))


@pytest.mark.parametrize("rows", [0, 3, 500])
def test_no_outputs(rows):
    assert ops.linear(draw(rows, 3), draw(0, 3)).shape == (rows, 0)


def test_against_torch():
    torch = pytest.importorskip("torch")
    x, w, b, r = draw(2, 3, 5), draw(4, 5, seed=1), draw(4, seed=2), draw(2, 3, 4, seed=4)
    for activation, function in (
        (None, lambda z: z),
        (activations.SiLU, torch.nn.functional.silu),
        (activations.GELU, torch.nn.functional.gelu),
    ):
        ours = [Tensor(a, requires_grad=True) for a in (x, w, b, r)]
        theirs = [torch.tensor(a, requires_grad=True) for a in (x, w, b, r)]
        y = ops.linear(*ours[:3], activation, ours[3], 0.5)
        z = 0.5 * function(torch.nn.functional.linear(*theirs[:3])) + theirs[3]
        g = draw(*y.shape, seed=3)
        y.backward(g), z.backward(torch.tensor(g))
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-12)
        for a, t in zip(ours, theirs):
            np.testing.assert_allclose(a.grad, t.grad.numpy(), rtol=1e-12, atol=1e-12)
