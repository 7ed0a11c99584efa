"""Group normalisation over time, with and without a frame mask."""

import numpy as np
import pytest
from operation_check import check_operation

from npconformer import ops
from npconformer.arrays.backend import to_host
from npconformer.tape.autograd import Tensor


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def naive_group_norm(x, weight, bias, groups, eps=1e-5, frame_mask=None):
    y, width = np.zeros(x.shape), x.shape[2] // groups
    for b in range(len(x)):
        frames = [t for t in range(x.shape[1]) if frame_mask is None or frame_mask[b, t]]
        for g in range(groups):
            channels = range(g * width, (g + 1) * width)
            numbers = [x[b, t, c] for t in frames for c in channels]
            mean = sum(numbers) / len(numbers)
            variance = sum((v - mean) ** 2 for v in numbers) / len(numbers)
            for c in channels:
                y[b, :, c] = (x[b, :, c] - mean) / (variance + eps) ** 0.5 * weight[c] + bias[c]
    return y


MASK = np.array([[True] * 5, [True] * 3 + [False] * 2])


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("mask", [None, MASK, MASK[:, ::-1]], ids=["no mask", "right-padded", "left-padded"])
def test_group_norm(backend, groups, mask):
    x, w, b = draw(2, 5, 6) * 2 + 1, draw(6, seed=1), draw(6, seed=2)
    expected = naive_group_norm(x, w, b, groups, frame_mask=mask)
    check_operation(
        lambda x, w, b: ops.group_norm(x, w, b, groups, frame_mask=mask),
        *(x, w, b),
        backend=backend,
        expected=expected,
        float32_tolerance=1e-3,
    )


def test_eps(backend):
    x, w, b = draw(1, 4, 2), draw(2, seed=1), draw(2, seed=2)
    expected = naive_group_norm(x, w, b, 2, eps=0.3)
    check_operation(lambda x, w, b: ops.group_norm(x, w, b, 2, 0.3), x, w, b, backend=backend, expected=expected)


def test_marked_frames_are_those_of_the_utterance_alone(backend):
    x, w, b = (backend.from_host(a.astype(np.float32)) for a in (draw(2, 5, 6), draw(6, seed=1), draw(6, seed=2)))
    together = ops.group_norm(x, w, b, 6, frame_mask=backend.from_host(MASK)).data
    alone = ops.group_norm(x[1:, :3], w, b, 6).data
    assert together.dtype == np.float32
    np.testing.assert_allclose(to_host(together[1:, :3]), to_host(alone), atol=1e-6)


def test_full_mask_is_no_mask():
    x, w, b = draw(2, 5, 6), draw(6, seed=1), draw(6, seed=2)
    masked = ops.group_norm(x, w, b, 3, frame_mask=np.ones((2, 5), bool))
    np.testing.assert_allclose(masked.data, ops.group_norm(x, w, b, 3).data, atol=1e-13)


BAD = {
    "rank": lambda x, w, b: ops.group_norm(x[0], w, b, 2),
    "groups": lambda x, w, b: ops.group_norm(x, w, b, 4),
    "no groups": lambda x, w, b: ops.group_norm(x, w, b, 0),
    "weight": lambda x, w, b: ops.group_norm(x, w[:3], b, 2),
    "bias": lambda x, w, b: ops.group_norm(x, w, b[:1], 2),
    "mask shape": lambda x, w, b: ops.group_norm(x, w, b, 2, frame_mask=MASK[:1]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(backend, name):
    with pytest.raises(ValueError, match=r"group_norm|frame_mask"):
        BAD[name](*(Tensor(backend.from_host(np.ones(shape))) for shape in ((2, 5, 6), 6, 6)))
