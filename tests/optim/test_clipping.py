"""The gradients' norm and clipping, beside torch's and on every backend."""

import math

import numpy as np
import pytest
from strict_device import STRICT, count_synchronisations

from npconformer.arrays.backend import to_host
from npconformer.nn import Parameter
from npconformer.optim import clip_grad_norm_, first_bad_gradient

SHAPES = [(3, 4), (), (7,), (2, 1, 5)]


def parameters(dtype="float32", scale=1.0, move=np.asarray):
    rng = np.random.default_rng(2)
    result = [Parameter(move(np.zeros(shape, dtype))) for shape in SHAPES]
    for p in result[:-1]:
        p.grad = move(np.asarray(scale * rng.normal(size=p.shape), dtype))
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("max_norm", [0.5, 3.0, 100.0])
def test_as_torch(dtype, max_norm):
    torch = pytest.importorskip("torch")
    ours = parameters(dtype)
    theirs = [torch.nn.Parameter(torch.zeros(shape, dtype=getattr(torch, dtype))) for shape in SHAPES]
    for p, q in zip(ours, theirs):
        q.grad = None if p.grad is None else torch.from_numpy(p.grad.copy())
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    assert clip_grad_norm_(ours, max_norm) == pytest.approx(float(expected), rel=tolerance)
    for p, q in zip(ours[:-1], theirs):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=tolerance)
        assert p.grad.dtype == dtype


def test_by_hand(backend):
    params = parameters(move=backend.from_host)
    before = [to_host(p.grad).copy() for p in params[:-1]]
    norm = math.sqrt(sum((g.astype(float) ** 2).sum() for g in before))
    assert clip_grad_norm_(params, None) == pytest.approx(norm, rel=1e-6)
    assert clip_grad_norm_(params, 1.0) == pytest.approx(norm, rel=1e-6)
    for p, g in zip(params, before):
        np.testing.assert_allclose(to_host(p.grad), g / (norm + 1e-6), rtol=1e-6)
    assert clip_grad_norm_(params, 10.0) == pytest.approx(1.0, rel=1e-5)
    assert clip_grad_norm_(params[-1:], 1.0) == 0.0  # no gradients at all


def test_the_host_waits_once():
    params = parameters(move=STRICT.from_host)
    with count_synchronisations() as waits:
        clip_grad_norm_(params, 1.0)
    assert waits.count == 1


def test_squares_that_overflow():
    params = parameters(scale=1e25)
    before = [p.grad.copy() for p in params[:-1]]
    norm = clip_grad_norm_(params, 2.0)
    assert 1e25 < norm < 1e26
    assert math.sqrt(sum((p.grad.astype(float) ** 2).sum() for p in params[:-1])) == pytest.approx(2.0, rel=1e-5)
    assert (params[0].grad != before[0]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_bad_gradient_is_found(bad, backend):
    params = parameters(move=backend.from_host)
    named = [(f"layer.{i}", p) for i, p in enumerate(params)]
    assert first_bad_gradient(named) is None
    for index in (1, 2):
        grad = to_host(params[index].grad).copy()
        grad[...] = bad
        params[index].grad = backend.from_host(grad)
    first = to_host(params[0].grad).copy()
    assert not math.isfinite(clip_grad_norm_(params, 1.0))
    np.testing.assert_array_equal(to_host(params[0].grad), first)  # untouched
    assert first_bad_gradient(named) == "layer.1"


def test_wrong_norm():
    for max_norm in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="max_norm"):
            clip_grad_norm_(parameters(), max_norm)
