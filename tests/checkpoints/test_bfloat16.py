"""bfloat16: every one of the 65,536 comes back, and rounding is to the nearest, of two as near to the even one."""

import numpy as np
import pytest

from npconformer.checkpoints.bfloat16 import bfloat16_to_float32, to_bfloat16

EVERY = np.arange(2**16, dtype=np.uint16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_bfloat16_comes_back(dtype):
    values = bfloat16_to_float32(EVERY)
    if dtype == np.float64:  # widening sets the first bit of a NaN's mantissa
        with np.errstate(invalid="ignore"):
            values, expected = values.astype(dtype), np.where(np.isnan(values), EVERY | 0x40, EVERY)
    else:
        expected = EVERY
    np.testing.assert_array_equal(to_bfloat16(values), expected, strict=False)


def nearest(values):
    """The slow twin: the distances to the bfloat16 above and below, in float64 or wider."""
    finite = EVERY[(EVERY < 0x7F80)]
    grid = bfloat16_to_float32(finite).astype(np.longdouble)
    result = []
    for value in values:
        size = abs(np.longdouble(value))
        at = int(np.searchsorted(grid, size))
        near = min((i for i in (at - 1, at) if 0 <= i < len(grid)), key=lambda i: (abs(grid[i] - size), finite[i] & 1))
        result.append(int(finite[near]) | (0x8000 if np.signbit(value) else 0))
    return result


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_nearest(dtype):
    random = np.random.default_rng(0)
    values = (random.standard_normal(3000) * 10.0 ** random.integers(-3, 4, 3000)).astype(dtype)
    assert to_bfloat16(values).tolist() == nearest(values)


def test_ties_go_to_the_even_one_and_their_neighbours_do_not():
    """Also for float64 values that float32 rounds to a tie, which rounding twice would send to the wrong side."""
    for upper in (0x3F80, 0x3F81, 0xBF80, 0xBF81, 0x0001, 0x0000):
        tie = np.array([upper << 16 | 0x8000], np.uint32).view(np.float32)
        even = upper if upper % 2 == 0 else upper + 1
        assert to_bfloat16(tie).tolist() == [even]
        wide = tie.astype(np.float64)
        closer, farther = wide * (1 - 2**-40), wide * (1 + 2**-40)
        assert to_bfloat16(closer).tolist() == [upper], hex(upper)
        assert to_bfloat16(farther).tolist() == [upper + 1], hex(upper)


def test_the_ends():
    values = np.array([0.0, -0.0, np.inf, -np.inf, 3.39e38, 3.4e38, -3.4e38, 1e300], np.float64)
    expected = [0x0000, 0x8000, 0x7F80, 0xFF80, 0x7F7F, 0x7F80, 0xFF80, 0x7F80]
    assert to_bfloat16(values).tolist() == expected
    assert np.isnan(
        bfloat16_to_float32(to_bfloat16(np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32)))
    ).all()


def test_shapes_are_kept():
    assert to_bfloat16(np.float32(1.5) * np.ones(())).shape == ()
    assert to_bfloat16(np.ones((2, 0, 3), np.float32)).shape == (2, 0, 3)
    assert to_bfloat16(np.ones((4, 3), np.float32).T).tolist() == [[0x3F80] * 4] * 3


def test_as_torch_rounds():
    torch = pytest.importorskip("torch")
    bits = np.random.default_rng(1).integers(0, 2**32, 100_000, dtype=np.uint32)
    values = bits.view(np.float32)
    values = values[~np.isnan(values)]
    theirs = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(to_bfloat16(values), theirs)
