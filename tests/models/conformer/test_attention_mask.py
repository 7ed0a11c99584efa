"""Padding as attention sees it: no weight, on every backend; nothing at all where there is none."""

import numpy as np
import pytest
from backends import backend  # noqa: F401

from npconformer import Tensor, ops
from npconformer.models.conformer.attention_mask import attention_bias

MASK = np.arange(5) < np.array([[5], [3]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lowest_number_where_nothing_may_be_seen(backend, dtype):  # noqa: F811
    x = Tensor(backend.from_host(np.zeros((2, 5, 4), dtype)))
    bias = attention_bias(MASK, x)
    assert bias.shape == (2, 1, 1, 5) and bias.dtype == dtype and type(bias) is type(x.data)
    expected = np.where(MASK, 0, np.finfo(dtype).min)[:, None, None]
    np.testing.assert_array_equal(backend.to_host(bias), expected)


def test_without_padding_there_is_none():
    assert attention_bias(np.ones((2, 5), bool), Tensor(np.zeros((2, 5, 4)))) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_padded_frames_get_no_weight_and_the_rest_is_as_without_them(dtype):
    rng = np.random.default_rng(0)
    query, key, value = (rng.standard_normal((2, 5, 4)).astype(dtype) for _ in range(3))
    bias = attention_bias(MASK, Tensor(query))
    _, weights = ops.attention(query, key, value, heads=2, mask=bias, return_weights=True)
    assert (weights.numpy()[1, :, :, 3:] == 0).all()
    _, expected = ops.attention(query[1:, :3], key[1:, :3], value[1:, :3], heads=2, return_weights=True)
    np.testing.assert_allclose(weights.numpy()[1:, :, :3, :3], expected.numpy(), rtol=1e-6)
