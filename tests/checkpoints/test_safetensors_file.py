"""Safetensors files: views of a memory map, dtypes, damage found and named, nothing half-written."""

import errno
import gc
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.checkpoints.bfloat16 import bfloat16_to_float32
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors

ARRAYS = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "half": np.linspace(-2, 2, 5).astype(np.float16),
    "double": np.array([[np.pi]]),
    "count": np.array(5, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "mask": np.array([True, False, True]),
}


@pytest.fixture
def path(tmp_path):
    write_safetensors(tmp_path / "model.safetensors", ARRAYS)
    return tmp_path / "model.safetensors"


def write_raw(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def base_of(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_round_trip(path):
    file = SafetensorsFile(path)
    assert set(file) == set(ARRAYS) and len(file) == len(ARRAYS) and "weight" in file
    assert file.metadata == {"format": "pt"}
    for name, array in ARRAYS.items():
        read = file.read(name)
        assert file.shape(name) == array.shape == read.shape
        assert read.dtype == array.dtype and type(read) is np.ndarray
        np.testing.assert_array_equal(read, array)


def test_the_package_reads_what_is_written(path):
    from safetensors.numpy import load_file

    for name, array in load_file(path).items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)


def test_stored_dtype_is_a_read_only_view_of_the_map(path):
    file = SafetensorsFile(path)
    for dtype in (None, np.float32, "float32"):
        array = file.read("weight", dtype)
        assert isinstance(base_of(array), np.memmap)
        assert np.shares_memory(array, file.read("weight"))
        assert not array.flags.writeable and array.flags.aligned and array.flags.c_contiguous
    assert not np.shares_memory(file.read("weight", np.float64), file.read("weight"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_conversion(path, dtype):
    file = SafetensorsFile(path)
    for name in ("weight", "half", "double", "empty"):
        np.testing.assert_array_equal(file.read(name, dtype), ARRAYS[name].astype(dtype), strict=True)
    np.testing.assert_array_equal(file.read("count", dtype), ARRAYS["count"], strict=True)
    np.testing.assert_array_equal(file.read("mask", dtype), ARRAYS["mask"], strict=True)


def test_bfloat16(tmp_path):
    values = np.array([0, -0.0, 1, -1.5, 3.140625, 2**-130, np.inf, -np.inf, np.nan], np.float32)
    bits = (values.view(np.uint32) >> 16).astype("<u2")
    size = bits.nbytes
    path = write_raw(tmp_path / "b", {"x": entry("BF16", bits.shape, (0, size))}, bits.tobytes())
    for dtype in (None, np.float32):
        np.testing.assert_array_equal(SafetensorsFile(path).read("x", dtype), values, strict=True)
    expected = values.astype(np.float64)
    np.testing.assert_array_equal(SafetensorsFile(path).read("x", np.float64), expected, strict=True)


def test_bfloat16_without_dimensions(tmp_path):
    array = SafetensorsFile(write_raw(tmp_path / "b", {"x": entry("BF16", (), (0, 2))}, b"\xc0\x3f")).read("x")
    assert type(array) is np.ndarray and array.shape == () and array == 1.5


def test_bfloat16_as_torch_has_it():
    torch = pytest.importorskip("torch")
    bits = np.arange(2**16, dtype=np.uint16)
    theirs = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()
    ours = bfloat16_to_float32(bits)
    np.testing.assert_array_equal(ours.view(np.uint32), theirs.view(np.uint32), strict=True)


def test_unaligned_data_is_copied(tmp_path):
    header = json.dumps({"x": entry()}).encode()
    header += b" " * (1 + -len(header) % 4)
    path = write_raw(tmp_path / "unaligned", header, np.float32(2.5).tobytes())
    array = SafetensorsFile(path).read("x")
    assert array.flags.aligned and array[0] == 2.5


def test_non_contiguous_and_big_endian_arrays_are_written_right(tmp_path):
    arrays = {
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "strided": np.arange(10, dtype=np.int64)[::-3],
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">f4"),
        "scalar": np.float32(3),
    }
    write_safetensors(tmp_path / "m", arrays)
    file = SafetensorsFile(tmp_path / "m")
    for name, array in arrays.items():
        np.testing.assert_array_equal(file.read(name), array)
        assert file.shape(name) == array.shape


def test_complex_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'x'.*complex64"):
        write_safetensors(tmp_path / "m", {"x": np.zeros(2, np.complex64)})
    assert not list(tmp_path.iterdir())


def test_every_truncation_is_found(path, tmp_path):
    whole = path.read_bytes()
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="cut is truncated"):
            SafetensorsFile(tmp_path / "cut")


def test_trailing_bytes_are_found(path):
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match="bytes of data after its header; expected"):
        SafetensorsFile(path)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damaged_bytes_raise_value_error_or_nothing(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged"
    write_safetensors(path, ARRAYS)
    content = bytearray(path.read_bytes())
    header_end = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, header_end - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        file = SafetensorsFile(path)
    except ValueError as error:
        assert "damaged" in str(error)
    else:
        for name in file:
            file.read(name, np.float32)


BAD_HEADERS = {
    "not json": b"{oops",
    "not utf-8": b"\xff\xfe{}",
    "a list": [1],
    "deep": b"[" * 100_000,
    "duplicate": b'{"x": 1, "x": 2}',
    "entry": {"x": 5},
    "missing key": {"x": {"dtype": "F32", "shape": [1]}},
    "unknown dtype": {"x": entry("F8_E4M3", (4,))},
    "dtype not a string": {"x": entry(["F32"])},
    "negative": {"x": entry(offsets=(-4, 0))},
    "negative shape": {"x": entry(shape=(-1, -1))},
    "bool": {"x": entry(shape=(True,))},
    "float": {"x": entry(shape=(1.0,))},
    "string shape": {"x": {"dtype": "F32", "shape": "1", "data_offsets": [0, 4]}},
    "three offsets": {"x": entry(offsets=(0, 4, 8))},
    "shape contradicts size": {"x": entry(shape=(2,))},
    "backwards": {"x": entry(offsets=(4, 0))},
    "overlap": {"x": entry(), "y": entry()},
    "gap": {"x": entry(), "y": entry(offsets=(8, 12))},
    "beyond the end": {"x": entry(), "y": entry(offsets=(4, 8))},
    "starts late": {"x": entry(offsets=(4, 8))},
    "many dimensions": {"x": entry(shape=(1,) * 65)},
    "huge beside zero": {"x": entry(shape=(0, 2**63), offsets=(0, 0))},
    "metadata": {"__metadata__": {"a": 1}, "x": entry()},
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_headers(tmp_path, name):
    path = write_raw(tmp_path / "bad", BAD_HEADERS[name], bytes(4))
    with pytest.raises(ValueError, match="bad"):
        SafetensorsFile(path)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**8 + 1, 10**6, 0])
def test_bad_lengths(tmp_path, length):
    path = write_raw(tmp_path / "bad", {"x": entry()}, bytes(4), length=length)
    with pytest.raises(ValueError, match="bad is truncated"):
        SafetensorsFile(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        SafetensorsFile(tmp_path / "nowhere")


def test_file_without_tensors(tmp_path):
    write_safetensors(tmp_path / "none", {})
    assert list(SafetensorsFile(tmp_path / "none")) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_handles_are_released(path):
    def handles():
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))

    file = SafetensorsFile(path)
    weight = file.read("weight")
    del file
    gc.collect()
    assert handles() <= 1 and weight[0, 1] == ARRAYS["weight"][0, 1]  # the view keeps the map
    del weight
    gc.collect()
    assert handles() == 0


def test_replacing_a_mapped_file_keeps_the_old_view(path):
    weight = SafetensorsFile(path).read("weight")
    write_safetensors(path, {"weight": np.zeros((3, 4), np.float32)})
    np.testing.assert_array_equal(weight, ARRAYS["weight"])
    assert not SafetensorsFile(path).read("weight").any()


def test_failed_write_leaves_the_old_file(path, monkeypatch):
    import safetensors.numpy

    def fail(arrays, target, metadata):
        with open(target, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    before = path.read_bytes()
    monkeypatch.setattr(safetensors.numpy, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        write_safetensors(path, ARRAYS)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_header_larger_than_any_models_is_refused(tmp_path):
    content = b"{" + b",".join(b'"%d":{}' % i for i in range(1_000_000)) + b"}"
    path = tmp_path / "large"
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    with pytest.raises(ValueError, match=rf"its header would be {len(content)} bytes; expected at most 10000000"):
        SafetensorsFile(path)


@pytest.mark.parametrize(
    "header",
    [
        {"__metadata__": {"a": ["\x1b[2J" * 100_000]}},
        {"\x1b[2J" * 100_000: entry("F8")},
        {"x": {**entry(), "shape": ["\x1b[2J" * 100_000]}},
        {"x": {**entry(), "more": "\x1b[2J" * 100_000}},
    ],
)
def test_messages_are_short_and_printable(tmp_path, header):
    with pytest.raises(ValueError, match="large") as raised:
        SafetensorsFile(write_raw(tmp_path / "large", header, b""))
    assert len(str(raised.value)) < 700 and str(raised.value).isprintable()


def test_a_full_disk_is_an_os_error(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def no_space(*_, **__):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.numpy.save_file", no_space)
    with pytest.raises(OSError, match="No space left") as raised:
        write_safetensors(tmp_path / "a", {"x": np.ones(3)})
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path / "a"))
    assert not list(tmp_path.iterdir())
