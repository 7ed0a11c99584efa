"""Weights written in another format: the same bits where the dtype stays, rounded to the nearest where it does not."""

import tracemalloc

import numpy as np
import pytest

from npconformer.checkpoints.array_file import open_weights
from npconformer.checkpoints.bfloat16 import bfloat16_to_float32
from npconformer.checkpoints.conversion import TARGETS, convert_array, convert_weights, usual_dtype
from npconformer.checkpoints.safetensors_file import SafetensorsFile, write_safetensors
from npconformer.checkpoints.sharded_file import ShardedFile
from npconformer.checkpoints.streamed_weights import Layout, write_safetensors_stream
from npconformer.checkpoints.torch_file import TorchFile

both_formats = pytest.mark.parametrize("format", list(TARGETS))


def random_weights():
    """Of every dtype that both formats have, and of shapes with and without dimensions and numbers."""
    random = np.random.default_rng(0)
    weights = {
        f"layer.{dtype}.{i}": (100 * random.standard_normal(shape)).astype(dtype)
        for dtype in ("bool", "int8", "uint8", "int16", "int64", "float16", "float32", "float64")
        for i, shape in enumerate([(), (3,), (5, 7), (2, 3, 5), (4, 0, 3)])
    }
    weights["naïve/ключ"] = np.arange(5.0)
    return weights


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    write_safetensors(tmp_path / "source" / "model.safetensors", random_weights())
    return open_weights(tmp_path / "source")


def new_folder(tmp_path, name="target"):
    (tmp_path / name).mkdir()
    return tmp_path / name


@both_formats
@pytest.mark.parametrize("largest", [10**9, 300])
def test_the_same_bits(source, tmp_path, format, largest):
    folder = new_folder(tmp_path)
    paths = convert_weights(source, folder, format, None, largest)
    assert sorted(paths) == sorted(folder.iterdir())
    written = open_weights(folder)
    assert isinstance(written, ShardedFile) == (largest == 300)
    assert set(written) == set(random_weights())
    for name, array in random_weights().items():
        np.testing.assert_array_equal(written.read(name), array, strict=True, err_msg=name)


@both_formats
def test_there_and_back_gives_the_same_file(source, tmp_path, format):
    """Twice from one format to another: byte for byte the same."""
    folders = [new_folder(tmp_path, name) for name in "abc"]
    convert_weights(source, folders[0], "safetensors", None, 10**9)
    convert_weights(open_weights(folders[0]), folders[1], format, None, 10**9)
    convert_weights(open_weights(folders[1]), folders[2], "safetensors", None, 10**9)
    first, last = (folder / "model.safetensors" for folder in (folders[0], folders[2]))
    assert first.read_bytes() == last.read_bytes()


@both_formats
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_dtypes(source, tmp_path, format, dtype):
    folder = new_folder(tmp_path)
    convert_weights(source, folder, format, dtype, 10**9)
    written = open_weights(folder)
    for name, array in random_weights().items():
        is_float = array.dtype.kind == "f"
        assert written.stored_dtype(name) == (dtype if is_float else array.dtype.name)
        if is_float and dtype != "bfloat16":
            array = array.astype(dtype)
        if is_float and dtype == "bfloat16":
            np.testing.assert_allclose(written.read(name), array, rtol=2**-8, err_msg=name)
        else:
            np.testing.assert_array_equal(written.read(name), array, strict=True, err_msg=name)


@both_formats
def test_every_bfloat16_passes_through(tmp_path, format):
    bits = np.arange(2**16, dtype=np.uint16)
    values = bfloat16_to_float32(bits[~np.isnan(bfloat16_to_float32(bits))])
    (tmp_path / "a").mkdir()
    write_safetensors(tmp_path / "a" / "model.safetensors", {"all": values})
    for number, (source, dtype) in enumerate([("a", "bfloat16"), ("b0", None), ("b1", "float32")]):
        convert_weights(open_weights(tmp_path / source), new_folder(tmp_path, f"b{number}"), format, dtype, 10**9)
    assert open_weights(tmp_path / "b1").stored_dtype("all") == "bfloat16"
    np.testing.assert_array_equal(open_weights(tmp_path / "b2").read("all").view(np.uint32), values.view(np.uint32))


@pytest.mark.parametrize(
    ("value", "dtype"), [(65520.0, "float16"), (3.4e38, "bfloat16"), (1e300, "float32"), (1e300, "bfloat16")]
)
def test_what_would_become_infinite_is_refused(value, dtype):
    with pytest.raises(ValueError, match=f"w has the value .* infinite in {dtype}"):
        convert_array(np.array([1.0, -value]), dtype, "w")


def test_what_is_infinite_stays_so():
    values = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(convert_array(values, "float16", "w"), values.astype(np.float16))


def test_views_of_other_layouts_are_put_in_order():
    array = np.arange(12.0, dtype=">f8").reshape(3, 4).T
    result = convert_array(array, "float64", "w")
    assert result.flags.c_contiguous and result.dtype.str == "<f8"
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize(("format", "dtype"), [("bin", np.uint32), ("bin", np.uint16)])
def test_a_dtype_that_the_format_lacks(tmp_path, format, dtype):
    write_safetensors(tmp_path / "model.safetensors", {"counts": np.ones(3, dtype)})
    with pytest.raises(ValueError, match="'counts' cannot be saved: torch has no storage"):
        convert_weights(open_weights(tmp_path), new_folder(tmp_path), format, None, 10**9)


@both_formats
@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_memory_stays_near_the_largest_weight(tmp_path, format, dtype):
    size, count = 250_000, 20  # numbers; together 20 MB
    write_safetensors(tmp_path / "model.safetensors", {f"w{i}": np.ones(size, np.float32) for i in range(count)})
    file, folder = open_weights(tmp_path), new_folder(tmp_path)
    tracemalloc.start()
    convert_weights(file, folder, format, dtype, 10**9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 4 * size  # bytes: rounding to bfloat16 takes a few arrays of one weight


def test_narrow_numbers_do_not_put_wide_ones_out_of_line(tmp_path):
    arrays = {"narrow": np.ones(3, bool), "wide": np.arange(4.0), "half": np.ones(3, np.float16)}
    layouts = {name: Layout(array.dtype.name, array.shape) for name, array in arrays.items()}
    write_safetensors_stream(tmp_path / "a.safetensors", layouts, arrays.__getitem__)
    file = SafetensorsFile(tmp_path / "a.safetensors")
    assert all(not file.read(name).flags.owndata for name in arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(file.read(name), array, strict=True)


def test_numbers_begin_where_they_can_be_used(tmp_path, source):
    """Both readers give views of the file, not copies."""
    for format, kind in (("safetensors", SafetensorsFile), ("bin", TorchFile)):
        (path,) = convert_weights(source, new_folder(tmp_path, format), format, None, 10**9)
        file = kind(path)
        assert all(not file.read(name).flags.owndata for name in file if 0 not in file.shape(name))


def test_what_was_written_is_looked_at(source, tmp_path, monkeypatch):
    """A writer that loses a weight does not go unnoticed."""

    def forgetful(path, layouts, read):
        write_safetensors(path, {name: read(name) for name in list(layouts)[1:]})

    monkeypatch.setitem(TARGETS, "safetensors", TARGETS["safetensors"]._replace(write=forgetful))
    with pytest.raises(RuntimeError, match="does not hold what was written"):
        convert_weights(source, new_folder(tmp_path), "safetensors", None, 10**9)


def test_the_usual_dtype_is_that_of_most_weights():
    class File(dict):
        def stored_dtype(self, name):
            return self[name]

    assert usual_dtype(File(a="float32", b="bfloat16", c="float32", d="int64", e="int64", f="int64")) == "float32"
    assert usual_dtype(File(a="int64")) is None
