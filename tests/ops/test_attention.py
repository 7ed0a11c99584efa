"""Attention against loops over heads, queries and keys; relative positions by their definition, not by a shift."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays import generator, threads
from npconformer.arrays.backend import to_host
from npconformer.ops.dot_product_attention import SMALLEST_PIECE
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import no_grad


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_attention(query, key, value, heads, mask=None, positions=None, u=None, w=None, kept=None, p=0.0):
    """score[i, j] = ((q_i + u) k_j + (q_i + w) p_(i-j)) / sqrt(D) + mask, where p_r is row T-1-r of the positions."""
    batch, time, channels = query.shape
    width = channels // heads
    context, weights = np.zeros(query.shape), np.zeros((batch, heads, time, time))
    mask = None if mask is None else np.broadcast_to(mask, weights.shape)
    for b, h, i in np.ndindex(batch, heads, time):
        part = slice(h * width, (h + 1) * width)
        q, scores = query[b, i, part], []
        for j in range(time):
            score = np.dot(q if u is None else q + u[h], key[b, j, part])
            if positions is not None:
                score += np.dot(q + w[h], positions[0, time - 1 - (i - j), part])
            scores.append(score / math.sqrt(width) + (0.0 if mask is None else mask[b, h, i, j]))
        exponentials = [math.exp(score - max(scores)) for score in scores]
        for j in range(time):
            weights[b, h, i, j] = exponentials[j] / sum(exponentials)
            if kept is not None:
                weights[b, h, i, j] *= kept[b, h, i, j] / (1 - p)
            context[b, i, part] += weights[b, h, i, j] * value[b, j, part]
    return context, weights


B, T, H, C = 2, 5, 3, 6
LOWEST = float(np.finfo(np.float32).min)
QKV = [draw(B, T, C, seed=s) for s in (1, 2, 3)]
RELATIVE = [draw(1, 2 * T - 1, C, seed=4), draw(H, C // H, seed=5), draw(H, C // H, seed=6)]
KEPT = np.random.default_rng(7).random((B, H, T, T)) > 0.3
MASKS = {
    "no mask": None,
    "padded keys": np.where(np.arange(T) < np.array([T, 3])[:, None], 0.0, LOWEST)[:, None, None, :],
    "any numbers": draw(B, 1, T, T, seed=8),
    "by head": draw(1, H, T, T, seed=9),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("relative", [False, True], ids=["plain", "relative"])
@pytest.mark.parametrize("kept", [None, KEPT], ids=["no dropout", "dropout"])
def test_context(backend, mask, relative, kept):
    extra = RELATIVE if relative else [None] * 3
    p = 0.0 if kept is None else 0.3

    def function(q, k, v, positions, u, w):
        return ops.attention(q, k, v, H, MASKS[mask], positions, u, w, p, kept)

    expected = naive_attention(*QKV, H, MASKS[mask], *extra, kept, p)[0]
    check_operation(function, *QKV, *extra, backend=backend, expected=expected, float32_tolerance=1e-3)


@pytest.mark.parametrize("relative", [False, True], ids=["plain", "relative"])
@pytest.mark.parametrize("kept", [None, KEPT], ids=["no dropout", "dropout"])
def test_context_and_weights(backend, relative, kept):
    extra = RELATIVE if relative else [None] * 3
    p = 0.0 if kept is None else 0.3

    def function(q, k, v, positions, u, w):
        mask = MASKS["padded keys"]
        return ops.attention(q, k, v, H, mask, positions, u, w, p, kept, return_weights=True)

    expected = naive_attention(*QKV, H, MASKS["padded keys"], *extra, kept, p)
    check_operation(function, *QKV, *extra, backend=backend, expected=expected, float32_tolerance=1e-3)


@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.parametrize("heads", [1, 2])
def test_short_inputs(backend, time, heads):
    q, k, v = (draw(1, time, 4, seed=s) for s in (1, 2, 3))
    extra = draw(1, 2 * time - 1, 4, seed=4), draw(heads, 4 // heads, seed=5), draw(heads, 4 // heads, seed=6)

    def function(q, k, v, positions, u, w):
        return ops.attention(q, k, v, heads, None, positions, u, w)

    expected = naive_attention(q, k, v, heads, None, *extra)[0]
    check_operation(function, q, k, v, *extra, backend=backend, expected=expected)


def whole_attention(q, k, v, heads, mask, positions, u, w):
    """The definition with all scores in one array, and every relative position picked by its index."""
    time, width = q.shape[1], q.shape[2] // heads
    split = [x.reshape(x.shape[0], -1, heads, width).transpose(0, 2, 1, 3) for x in (q, k, v, positions)]
    q, k, v, p = split
    distance = np.arange(time)[:, None] - np.arange(time)
    picked = p[0][:, time - 1 - distance]  # (H, T, T, D)
    scores = (q + u[:, None]) @ k.swapaxes(-1, -2) + np.einsum("bhid,hijd->bhij", q + w[:, None], picked)
    scores = scores / math.sqrt(width) + mask
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ v).transpose(0, 2, 1, 3).reshape(v.shape[0], time, -1)


@pytest.mark.parametrize("number", [1, 2])
def test_pieces_of_queries_and_shared_heads_give_what_the_whole_gives(number):
    heads, channels, batch = 6, 24, 2
    time = 2 * SMALLEST_PIECE + 77  # two pieces and a shorter one; large enough to be shared
    q, k, v = (draw(batch, time, channels, seed=s) for s in (1, 2, 3))
    relative = [draw(1, 2 * time - 1, channels, seed=4), draw(heads, 4, seed=5), draw(heads, 4, seed=6)]
    mask = np.where(np.arange(time) < np.array([time, 301])[:, None], 0.0, LOWEST)[:, None, None, :]
    before = threads.get_num_threads()
    threads.set_num_threads(number)
    try:
        options = dict(zip(("positions", "bias_u", "bias_v"), relative, strict=True))
        with no_grad():
            found = ops.attention(q, k, v, heads, mask, **options).data
        recorded = ops.attention(Tensor(q, requires_grad=True), k, v, heads, mask, **options).data
    finally:
        threads.set_num_threads(before)
    np.testing.assert_allclose(found, whole_attention(q, k, v, heads, mask, *relative), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found, recorded)


def test_self_attention_adds_up_three_gradients(backend):
    check_operation(lambda x: ops.attention(x, x, x, 2), draw(2, 3, 4), backend=backend)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.sampled_from([1, 2, 4]), st.booleans())
def test_padding_changes_nothing(lengths, heads, relative):
    """Under the mask, each utterance attends as if it were alone: with positions too, for they are relative."""
    batch, time, channels = len(lengths), max(lengths), 8
    q, k, v = (draw(batch, time, channels, seed=s) for s in (1, 2, 3))
    table = draw(1, 2 * time - 1, channels, seed=4)
    biases = [draw(heads, channels // heads, seed=s) for s in (5, 6)] if relative else [None, None]
    mask = np.where(np.arange(time) < np.array(lengths)[:, None], 0.0, np.finfo(np.float64).min)[:, None, None, :]
    together = ops.attention(q, k, v, heads, mask, table if relative else None, *biases).data
    for b, n in enumerate(lengths):
        rows = table[:, time - n : time + n - 1] if relative else None
        alone = ops.attention(*(a[b : b + 1, :n] for a in (q, k, v)), heads, None, rows, *biases).data
        np.testing.assert_allclose(together[b, :n], alone[0], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_keys_masked_gives_their_mean_not_nan(backend, dtype):
    mask = np.full((1, 1, 1, T), np.finfo(dtype).min)
    q, k, v = (backend.from_host(a.astype(dtype)) for a in QKV)
    with no_grad():
        y = ops.attention(q, k, v, H, mask)
    assert y.dtype == dtype
    np.testing.assert_allclose(
        to_host(y.data), np.broadcast_to(QKV[2].mean(axis=1, keepdims=True), (B, T, C)), atol=1e-6
    )


def test_random_dropout_keeps_its_mask_for_backward(backend):
    generator.manual_seed(0)
    q, k, v = (Tensor(backend.from_host(a), requires_grad=True) for a in QKV)
    context, weights = ops.attention(q, k, v, H, dropout_p=0.5, return_weights=True)
    kept = to_host(weights.data) != 0
    assert 0.2 < kept.mean() < 0.8
    again = ops.attention(q, k, v, H, dropout_p=0.5, kept=kept)
    np.testing.assert_array_equal(to_host(again.data), to_host(context.data))
    gradients = []
    for y in (context, again):
        v.grad = None
        y.backward(backend.from_host(draw(B, T, C, seed=11)))
        gradients.append(to_host(v.grad))
    np.testing.assert_array_equal(*gradients)


Q = np.ones((B, T, C))
BAD = {
    "rank": (lambda t: ops.attention(t(Q[0]), t(Q[0]), t(Q[0]), H), "attention"),
    "shapes differ": (lambda t: ops.attention(t(Q), t(Q[:, :2]), t(Q), H), "attention"),
    "heads": (lambda t: ops.attention(t(Q), t(Q), t(Q), 4), "heads"),
    "no heads": (lambda t: ops.attention(t(Q), t(Q), t(Q), 0), "heads"),
    "bias alone": (lambda t: ops.attention(t(Q), t(Q), t(Q), H, bias_u=t(RELATIVE[1])), "together"),
    "positions alone": (lambda t: ops.attention(t(Q), t(Q), t(Q), H, positions=t(RELATIVE[0])), "together"),
    "table too short": (
        lambda t: ops.attention(t(Q), t(Q), t(Q), H, None, t(RELATIVE[0][:, 1:]), t(RELATIVE[1]), t(RELATIVE[2])),
        "positions",
    ),
    "bias of another shape": (
        lambda t: ops.attention(t(Q), t(Q), t(Q), H, None, t(RELATIVE[0]), t(RELATIVE[1][:1]), t(RELATIVE[2])),
        "bias_u",
    ),
    "mask of another shape": (lambda t: ops.attention(t(Q), t(Q), t(Q), H, np.zeros((B, T + 1))), "mask"),
    "mask of too many axes": (lambda t: ops.attention(t(Q), t(Q), t(Q), H, np.zeros((2, B, H, T, T))), "mask"),
    "kept of another shape": (lambda t: ops.attention(t(Q), t(Q), t(Q), H, dropout_p=0.1, kept=KEPT[:1]), "kept"),
    "probability": (lambda t: ops.attention(t(Q), t(Q), t(Q), H, dropout_p=1.5), "dropout_p"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(backend, name):
    action, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        action(lambda a: Tensor(backend.from_host(a)))
