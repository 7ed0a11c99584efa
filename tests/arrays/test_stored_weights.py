"""16-bit weights widened to float32: every bit pattern that there is."""

import numpy as np
import pytest
from stored_matrices import stored_as

from npconformer.arrays.int8_weights import Int8Weight
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


@pytest.mark.parametrize("kind", [Float16Weight, BFloat16Weight, Int8Weight])
def test_parts(kind):
    weight = stored_as(kind, (700, 512))
    whole = weight.whole()
    assert kind is not Int8Weight or len(weight.arrays["_columns"]) >= 3
    for part in (
        slice(300, 390),  # more than a piece
        slice(0, 0),
        (slice(None), slice(17, 18)),
        (slice(None), slice(18, 140)),
        (slice(5, 600), slice(1, None)),
        (slice(650, 9999), slice(None, 141)),
        (slice(2, 3), slice(9, 9)),
    ):
        found = weight[part]
        assert found.flags.c_contiguous and same_bits(found, whole[part])
    assert weight.shape == (700, 512) and len(weight) == 700 and weight.size == 700 * 512
    assert weight.flags.c_contiguous and weight.nbytes >= 700 * 512


def test_codes_of_another_dtype_or_shape():
    with pytest.raises(ValueError, match=r"stored as float16 is float32 of shape \(2, 3\); expected float16"):
        Float16Weight({"": np.ones((2, 3), np.float32)})
    with pytest.raises(ValueError, match=r"stored as bfloat16 is uint16 of shape \(2,\)"):
        BFloat16Weight({"": np.ones(2, np.uint16)})
