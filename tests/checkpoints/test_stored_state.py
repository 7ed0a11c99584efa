"""Weights as they lie in files of every format, and as another kind."""

import numpy as np
import pytest

from npconformer.arrays.int8_weights import quantize
from npconformer.checkpoints.array_file import open_weights
from npconformer.checkpoints.conversion import convert_weights
from npconformer.checkpoints.int8_conversion import Int8Conversion
from npconformer.checkpoints.int8_file import with_int8
from npconformer.checkpoints.safetensors_file import write_safetensors
from npconformer.checkpoints.stored_state import read_bits, read_stored

NAME = "encoder.layers.0.conv.pointwise_conv1.weight"
MATRIX = np.random.default_rng(0).normal(size=(20, 300, 1)).astype(np.float32)
MATRIX[:, 17] *= 50
OTHER = np.arange(5.0, dtype=np.float32)


def bfloat16(array):
    """The upper halves, rounded by adding half of the lower one's range, to even."""
    bits = array.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


@pytest.fixture(params=["safetensors", "bin", "safetensors in shards", "bin in shards"])
def file_in(request, tmp_path):
    """Gives the file in a dtype."""
    write_safetensors(tmp_path / "model.safetensors", {NAME: MATRIX, "other": OTHER})

    def file_in(dtype):
        folder = tmp_path / dtype
        folder.mkdir()
        largest = 100 if "shards" in request.param else 10**9
        convert_weights(open_weights(tmp_path), folder, request.param.split()[0], dtype, largest)
        assert len(list(folder.iterdir())) == (3 if "shards" in request.param else 1)
        return open_weights(folder)

    return file_in


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_read_bits(file_in, dtype):
    expected = bfloat16(MATRIX) if dtype == "bfloat16" else MATRIX.astype(dtype)
    file = file_in(dtype)
    found = read_bits(file, NAME)
    np.testing.assert_array_equal(found, expected, strict=True)
    owner = found
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    assert isinstance(owner, np.memmap) or not owner.flags.owndata  # no copy


class WithoutBits:
    """A file that has no `read_bits`, as those that rename or reshape have none."""

    def __init__(self, file):
        self.path, self.shape, self.stored_dtype, self.read = file.path, file.shape, file.stored_dtype, file.read


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_read_bits_by_a_detour(file_in, dtype):
    file = file_in(dtype)
    np.testing.assert_array_equal(read_bits(WithoutBits(file), NAME), read_bits(file, NAME), strict=True)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int8"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_read_stored(file_in, dtype, kind):
    file = file_in(dtype)
    values = read_bits(file, NAME)
    values = (values.astype(np.uint32) << 16).view(np.float32) if dtype == "bfloat16" else values.astype(np.float32)
    found = read_stored(file, NAME, kind)
    if kind == "int8":
        expected = quantize(values[..., 0]).arrays
        assert 17 in expected["_columns"]
        expected[""] = expected[""][..., None]
    else:
        expected = {"": bfloat16(values) if kind == "bfloat16" else values.astype(np.float16)}
    assert found.keys() == expected.keys()
    for ending, array in expected.items():
        np.testing.assert_array_equal(found[ending], array, err_msg=ending, strict=True)


def test_int8_from_shards(file_in, tmp_path):
    (tmp_path / "int8").mkdir()
    file = file_in("float32")
    convert_weights(Int8Conversion(file, {NAME}), tmp_path / "int8", "safetensors", "float32", 3000)
    stored = with_int8(open_weights(tmp_path / "int8"))
    assert len(stored.shards) > 1 and set(stored) == {NAME, "other"}
    expected = quantize(MATRIX[..., 0])
    found = read_stored(stored, NAME, "int8")
    for ending, array in expected.arrays.items():
        np.testing.assert_array_equal(found[ending].reshape(array.shape), array, err_msg=ending)
    np.testing.assert_array_equal(stored.read(NAME)[..., 0], expected.whole(), strict=True)
    half = read_stored(stored, NAME, "float16")[""]
    np.testing.assert_array_equal(half[..., 0], expected.whole().astype(np.float16), strict=True)
    for name in stored:
        np.testing.assert_array_equal(stored.read(name, np.float64), stored.read(name).astype(np.float64), strict=True)
