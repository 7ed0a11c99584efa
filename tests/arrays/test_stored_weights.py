"""16-bit weights widened to float32: every bit pattern that there is."""

import numpy as np
import pytest

from npconformer.arrays.stored_weights import BFloat16Weight, Float16Weight

ALL = np.arange(2**16, dtype=np.uint16).reshape(256, 256)


def same_bits(a, b):
    return np.array_equal(a.view(np.uint32), b.view(np.uint32))


def test_every_finite_float16():
    halves = ALL.view(np.float16)
    found = Float16Weight({"": halves}).whole()
    finite = np.isfinite(halves)
    assert finite.sum() == 2**16 - 2 * 2**10
    assert found.dtype == np.float32 and same_bits(found[finite], halves.astype(np.float32)[finite])


def test_every_bfloat16():
    import struct

    found = BFloat16Weight({"": ALL}).whole()
    expected = np.array([struct.unpack("<f", b"\0\0" + struct.pack("<H", bits))[0] for bits in ALL.flat], np.float32)
    nan = np.isnan(expected)
    assert np.array_equal(np.isnan(found).reshape(-1), nan)
    assert same_bits(found.reshape(-1)[~nan], expected[~nan])


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_a_float16_that_is_no_number_is_refused_by_name(wrong):
    halves = np.ones((300, 2000), np.float16)
    Float16Weight({"": halves}).check("encoder.weight")
    halves[299, 1999] = wrong
    with pytest.raises(ValueError, match=r"encoder\.weight holds infinity or NaN in float16"):
        Float16Weight({"": halves}).check("encoder.weight")


@pytest.mark.parametrize("stored", [Float16Weight, BFloat16Weight])
def test_some_rows_into_given_memory(stored):
    codes = np.random.default_rng(0).integers(0, 0x7000, (700, 300)).astype(np.uint16).view(stored.stored)
    weight, out = stored({"": codes}), np.full((90, 300), np.nan, np.float32)
    weight.rows(300, 390, out)  # more than a piece
    assert same_bits(out, weight.whole()[300:390])
    assert weight.shape == (700, 300) and weight.nbytes == 2 * 700 * 300


def test_codes_of_another_dtype_or_shape():
    with pytest.raises(ValueError, match=r"stored as float16 is float32 of shape \(2, 3\); expected float16"):
        Float16Weight({"": np.ones((2, 3), np.float32)})
    with pytest.raises(ValueError, match=r"stored as bfloat16 is uint16 of shape \(2,\)"):
        BFloat16Weight({"": np.ones(2, np.uint16)})
