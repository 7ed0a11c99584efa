"""Attention with an embedding of clipped distances: against loops, against the definition in one array, and against
the reference's layer."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays import kept_memory, threads
from npconformer.arrays.backend import to_host
from npconformer.ops import distance_attention
from npconformer.ops.dot_product_attention import SMALLEST_PIECE
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import no_grad


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def draw_all(batch, time, heads, width, left, right):
    """query, key, value and table"""
    return *(draw(batch, time, heads * width, seed=s) for s in (1, 2, 3)), draw(left + right + 1, width, seed=4)


def naive_attention(query, key, value, table, heads, left, right, mask=None, kept=None, p=0.0):
    """score[i, j] = (q_i k_j + q_i E[clip(j - i, -left, right) + left]) / sqrt(D) + mask, one number after another."""
    batch, time, channels = query.shape
    width = channels // heads
    context, weights = np.zeros(query.shape), np.zeros((batch, heads, time, time))
    mask = None if mask is None else np.broadcast_to(mask, weights.shape)
    for b, h, i in np.ndindex(batch, heads, time):
        part = slice(h * width, (h + 1) * width)
        q, scores = query[b, i, part], []
        for j in range(time):
            distance = min(max(j - i, -left), right)
            score = np.dot(q, key[b, j, part]) + np.dot(q, table[distance + left])
            scores.append(score / math.sqrt(width) + (0.0 if mask is None else mask[b, h, i, j]))
        exponentials = [math.exp(score - max(scores)) for score in scores]
        for j in range(time):
            weights[b, h, i, j] = exponentials[j] / sum(exponentials)
            if kept is not None:
                weights[b, h, i, j] *= kept[b, h, i, j] / (1 - p)
            context[b, i, part] += weights[b, h, i, j] * value[b, j, part]
    return context, weights


def whole_attention(query, key, value, table, heads, left, right, mask=0.0):
    """The definition with an embedding (T, T, D) of all pairs, and all scores in one array."""
    batch, time, channels = query.shape
    q, k, v = (x.reshape(batch, time, heads, -1).swapaxes(1, 2) for x in (query, key, value))
    distances = np.clip(np.arange(time) - np.arange(time)[:, None], -left, right)
    scores = q @ k.swapaxes(-1, -2) + np.einsum("bhid,ijd->bhij", q, table[distances + left])
    scores = scores / math.sqrt(channels // heads) + mask
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ v).swapaxes(1, 2).reshape(query.shape)


LOWEST = float(np.finfo(np.float32).min)
B, T, H, D = 2, 5, 3, 2
KEPT = np.random.default_rng(7).random((B, H, T, T)) > 0.3
MASKS = {
    "no mask": None,
    "padded keys": np.where(np.arange(T) < np.array([T, 3])[:, None], 0.0, LOWEST)[:, None, None, :],
    "any numbers": draw(B, 1, T, T, seed=8),
}
LIMITS = [(2, 1), (1, 2), (0, 2), (2, 0), (0, 0), (4, 4), (9, 7)]  # the last two: at T and beyond


@pytest.fixture(params=[2, SMALLEST_PIECE], ids=["two queries at a time", "all at once"])
def each_step(request, monkeypatch):
    monkeypatch.setattr(distance_attention, "SMALLEST_PIECE", request.param)


@pytest.mark.parametrize("left, right", LIMITS)
def test_context(backend, left, right, each_step):
    inputs = draw_all(B, T, H, D, left, right)

    def function(q, k, v, table):
        return ops.attention(q, k, v, H, distance_embedding=table, left=left, right=right)

    expected = naive_attention(*inputs, H, left, right)[0]
    check_operation(function, *inputs, backend=backend, expected=expected, float32_tolerance=1e-3)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kept", [None, KEPT], ids=["no dropout", "dropout"])
def test_context_and_weights(backend, mask, kept):
    left, right, p = 2, 1, 0.0 if kept is None else 0.3
    inputs = draw_all(B, T, H, D, left, right)

    def function(q, k, v, table):
        options = dict(dropout_p=p, kept=kept, return_weights=True)
        return ops.attention(q, k, v, H, MASKS[mask], distance_embedding=table, left=left, right=right, **options)

    expected = naive_attention(*inputs, H, left, right, MASKS[mask], kept, p)
    check_operation(function, *inputs, backend=backend, expected=expected, float32_tolerance=1e-3)


@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.parametrize("left, right", [(0, 0), (1, 0), (3, 2)])
def test_short_inputs(backend, time, left, right):
    inputs = draw_all(1, time, 2, 2, left, right)

    def function(q, k, v, table):
        return ops.attention(q, k, v, 2, distance_embedding=table, left=left, right=right)

    expected = naive_attention(*inputs, 2, left, right)[0]
    check_operation(function, *inputs, backend=backend, expected=expected)


@st.composite
def attentions(draw_from):
    whole = st.integers
    lengths = draw_from(st.lists(whole(1, 14), min_size=1, max_size=3))
    heads, left, right = draw_from(whole(1, 4)), draw_from(whole(0, 9)), draw_from(whole(0, 9))
    inputs = draw_all(len(lengths), max(lengths), heads, draw_from(whole(1, 3)), left, right)
    padded = np.arange(max(lengths)) >= np.array(lengths)[:, None]
    mask = np.where(padded, np.finfo(np.float64).min, 0.0)[:, None, None, :]
    return inputs, heads, left, right, draw_from(st.sampled_from([None, mask]))


@settings(max_examples=150, deadline=None)
@given(attentions(), st.integers(1, 5))
def test_any_sizes(drawn, step):
    inputs, heads, left, right, mask = drawn
    with pytest.MonkeyPatch.context() as patch, no_grad():
        patch.setattr(distance_attention, "SMALLEST_PIECE", step)
        q, k, v, table = inputs
        found = ops.attention(q, k, v, heads, mask, distance_embedding=table, left=left, right=right).data
    expected = whole_attention(*inputs, heads, left, right, 0.0 if mask is None else mask)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(attentions(), st.integers(1, 5))
def test_gradients_do_not_depend_on_how_many_queries_go_at_once(drawn, step):
    inputs, heads, left, right, mask = drawn
    gradients = []
    for size in (step, SMALLEST_PIECE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(distance_attention, "SMALLEST_PIECE", size)
            q, k, v, table = tensors = [Tensor(a, requires_grad=True) for a in inputs]
            y = ops.attention(q, k, v, heads, mask, distance_embedding=table, left=left, right=right)
            y.backward(draw(*y.shape, seed=5))
        gradients.append([t.grad for t in tensors])
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def number_of_threads(request):
    before = threads.get_num_threads()
    threads.set_num_threads(request.param)
    yield request.param
    threads.set_num_threads(before)


def test_pieces_of_queries_and_shared_heads_give_what_the_whole_gives(number_of_threads):
    heads, batch, left, right = 6, 2, 64, 8
    time = 2 * SMALLEST_PIECE + 77  # two pieces and a shorter one; large enough to be shared
    q, k, v, table = inputs = draw_all(batch, time, heads, 4, left, right)
    mask = np.where(np.arange(time) < np.array([time, 301])[:, None], 0.0, LOWEST)[:, None, None, :]
    options = dict(distance_embedding=table, left=left, right=right)
    with no_grad():
        found = ops.attention(q, k, v, heads, mask, **options).data
    recorded = ops.attention(Tensor(q, requires_grad=True), k, v, heads, mask, **options).data
    np.testing.assert_allclose(found, whole_attention(*inputs, heads, left, right, mask), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found, recorded)


def test_memory_does_not_grow_with_the_square_of_time():
    """Neither an embedding (T, T, D) of all pairs nor all scores (H, T, T) of the heads, nor those of one head."""
    time, heads = 1500, 4
    q, k, v, table = (a.astype(np.float32) for a in draw_all(1, time, heads, 16, 64, 8))
    before, peaks = threads.get_num_threads(), []
    threads.set_num_threads(1)
    try:
        for options in ({}, dict(distance_embedding=table, left=64, right=8)):
            kept_memory.release()  # else it would be taken up again, and not be seen
            tracemalloc.start()
            with no_grad():
                ops.attention(q, k, v, heads, **options)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    finally:
        threads.set_num_threads(before)
    plain, with_distances = peaks
    assert with_distances < 1.5 * plain < 4 * time * time


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_keys_masked_gives_their_mean_not_nan(backend, dtype):
    mask = np.full((1, 1, 1, T), np.finfo(dtype).min)
    q, k, v, table = (backend.from_host(a.astype(dtype)) for a in draw_all(B, T, H, D, 2, 1))
    with no_grad():
        y = ops.attention(q, k, v, H, mask, distance_embedding=table, left=2, right=1)
    assert y.dtype == dtype
    expected = np.broadcast_to(to_host(v).mean(axis=1, keepdims=True), y.shape)
    np.testing.assert_allclose(to_host(y.data), expected, atol=1e-6)


@pytest.mark.parametrize("time", [1, 7, 90])
@pytest.mark.parametrize("left, right", [(64, 8), (3, 2), (0, 0)])
def test_against_the_reference(time, left, right):
    torch = pytest.importorskip("torch")
    bert = pytest.importorskip("transformers.models.wav2vec2_bert.modeling_wav2vec2_bert")
    heads, width, channels = 2, 4, 8
    config = bert.Wav2Vec2BertConfig(
        hidden_size=channels,
        num_attention_heads=heads,
        position_embeddings_type="relative_key",
        left_max_position_embeddings=left,
        right_max_position_embeddings=right,
        attn_implementation="eager",
    )
    layer = bert.Wav2Vec2BertSelfAttention(config).double().eval()
    x, (*_, table) = draw(2, time, channels), draw_all(2, time, heads, width, left, right)
    weights = [draw(channels, channels, seed=s) for s in (6, 7, 8)]
    linears = (layer.linear_q, layer.linear_k, layer.linear_v)
    with torch.no_grad():
        for linear, weight in zip((*linears, layer.linear_out), (*weights, np.eye(channels)), strict=True):
            linear.weight.copy_(torch.tensor(weight))
            linear.bias.zero_()
        layer.distance_embedding.weight.copy_(torch.tensor(table))
    ours = [Tensor(x @ w.T, requires_grad=True) for w in weights] + [Tensor(table, requires_grad=True)]
    y, attentions = ops.attention(
        *ours[:3], heads, distance_embedding=ours[3], left=left, right=right, return_weights=True
    )
    z, theirs = layer(torch.tensor(x))
    g = draw(*y.shape, seed=9)
    y.backward(g), z.backward(torch.tensor(g))
    np.testing.assert_allclose(y.data, z.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(attentions.data, theirs.detach().numpy(), atol=1e-13)
    np.testing.assert_allclose(ours[3].grad, layer.distance_embedding.weight.grad.numpy(), atol=1e-11)
    for tensor, linear in zip(ours, linears, strict=False):
        expected = linear.weight.grad.numpy()
        np.testing.assert_allclose(np.einsum("bto,btc->oc", tensor.grad, x), expected, atol=1e-10)


Q = np.ones((B, T, H * D))
TABLE = np.ones((4, D))
POSITIONS = dict(positions=np.ones((1, 2 * T - 1, H * D)), bias_u=np.ones((H, D)), bias_v=np.ones((H, D)))
BAD = {
    "a row too few": (dict(distance_embedding=TABLE[:3], left=2, right=1), "distance_embedding.*4, 2.*3, 2"),
    "a row too many": (dict(distance_embedding=TABLE, left=2, right=0), "distance_embedding"),
    "width of another head": (dict(distance_embedding=np.ones((4, D + 1)), left=2, right=1), "distance_embedding"),
    "all heads' channels": (dict(distance_embedding=np.ones((4, H * D)), left=2, right=1), "distance_embedding"),
    "one row for each head": (dict(distance_embedding=np.ones((H, 4, D)), left=2, right=1), "distance_embedding"),
    "left below 0": (dict(distance_embedding=TABLE, left=-1, right=4), "left"),
    "right below 0": (dict(distance_embedding=TABLE, left=4, right=-1), "right"),
    "left not whole": (dict(distance_embedding=TABLE, left=2.0, right=1), "left.*2.0"),
    "limits without a table": (dict(left=2, right=1), "left.*distance_embedding"),
    "dtype": (dict(distance_embedding=TABLE.astype(np.float32), left=2, right=1), "float32"),
    "positions too": (dict(distance_embedding=TABLE, left=2, right=1, **POSITIONS), "both"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(backend, name):
    options, message = BAD[name]
    options = {key: backend.from_host(x) if isinstance(x, np.ndarray) else x for key, x in options.items()}
    with pytest.raises(ValueError, match=message):
        ops.attention(*[Tensor(backend.from_host(Q)) for _ in range(3)], H, **options)
