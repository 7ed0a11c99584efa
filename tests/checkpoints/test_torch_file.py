"""Files of torch.save, read without torch: the frozen ones in `torch_files/`, and what a file may hold."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pickle_programs import number, numbers, state, storage_id, stream_storage, tensor, text, write_stream, write_zip

from npconformer.checkpoints.torch_file import TorchFile

FOLDER = Path(__file__).parent / "torch_files"
FILES = sorted(path.name for path in FOLDER.glob("*.bin"))
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def expected():
    with np.load(FOLDER / "expected.npz") as file:
        return dict(file)


def base_of(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@pytest.mark.parametrize("name", FILES)
def test_frozen_files(name, expected):
    file = TorchFile(FOLDER / name)
    prefix = name.partition("-")[0] + "/"
    assert {prefix + key for key in file} == {key for key in expected if key.startswith(prefix)}
    assert len(file) == len(list(file)) > 2
    for key in file:
        array, theirs = file.read(key), expected[prefix + key]
        np.testing.assert_array_equal(array, theirs, err_msg=key, strict=True)
        assert type(array) is np.ndarray and array.flags.aligned
        assert file.shape(key) == theirs.shape and key in file


def test_every_frozen_file_is_there():
    assert len(FILES) == 13 and sum(name.endswith("-tar.bin") for name in FILES) == 3


@pytest.mark.parametrize("dtype", [np.float16, "float32", np.float64])
def test_conversion(dtype, expected):
    file = TorchFile(FOLDER / "plain-zip.bin")
    with np.errstate(over="ignore"):
        for key in file:
            theirs = expected[f"plain/{key}"]
            theirs = theirs.astype(dtype) if theirs.dtype.kind == "f" else theirs
            np.testing.assert_array_equal(file.read(key, dtype), theirs, err_msg=key, strict=True)


def test_stored_numbers_are_read_only_views_of_the_map():
    file = TorchFile(FOLDER / "strided-zip.bin")
    for key in ("whole", "row", "column", "scattered", "element", "transposed", "expanded", "windows"):
        array = file.read(key, np.float32)
        assert isinstance(base_of(array), np.memmap), key
        assert np.shares_memory(array, file.read("whole")) and not array.flags.writeable
    assert not np.shares_memory(file.read("whole", np.float64), file.read("whole"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_handles_are_released():
    path = FOLDER / "strided-zip.bin"

    def handles():
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))

    row = TorchFile(path).read("row")
    gc.collect()
    assert handles() <= 1 and row.shape == (6,)
    del row
    gc.collect()
    assert handles() == 0


def test_nothing_of_torch_or_pickle_is_needed():
    program = (
        "import sys; from npconformer.checkpoints.torch_file import TorchFile; before = set(sys.modules);"
        f"[f.read(n) for f in map(TorchFile, {[str(FOLDER / name) for name in FILES]}) for n in f];"
        "assert not {'torch', 'collections.OrderedDict'} & set(sys.modules); print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "['mmap']"), done.stderr  # NumPy imports it


# ---- where the state dict is


def entry(key="weight"):
    return b"}" + text(key) + tensor() + b"s"


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_nested_state_dict(tmp_path, key):
    program = b"\x80\x02}" + text("epoch") + number(3) + b"s" + text(key) + entry() + b"s."
    file = TorchFile(write_zip(tmp_path / "a.bin", program))
    assert list(file) == ["weight"] and file.read("weight").shape == (2, 3)


def test_a_tensor_of_the_name_model(tmp_path):
    assert list(TorchFile(write_zip(tmp_path / "a.bin", state(tensor(), "model")))) == ["model"]


def test_an_empty_state_dict(tmp_path):
    assert list(TorchFile(write_zip(tmp_path / "a.bin", b"\x80\x02}.", {}))) == []


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"\x80\x02].", "it holds a list; expected a state dict"),
        (b"\x80\x02" + tensor() + b".", "it holds a TensorEntry"),
        (state(number(3), "epoch"), "its entry 'epoch' is a int"),
        (state(entry(), "optimizer"), "its entry 'optimizer' is a dict"),
        (b"\x80\x02}K\x07" + tensor() + b"s.", "its entry '7' is a TensorEntry; expected a name and a tensor"),
    ],
)
def test_anything_but_a_state_dict(tmp_path, program, message):
    with pytest.raises(ValueError, match=rf"a\.bin cannot be loaded: {message}"):
        TorchFile(write_zip(tmp_path / "a.bin", program))


def test_big_endian_numbers(tmp_path):
    values = np.array([[1, 2, 3], [4, 5, 6.5]], ">f4")
    path = write_zip(tmp_path / "a.bin", state(tensor()), {"0": values.tobytes()}, more={"archive/byteorder": "big"})
    array = TorchFile(path).read("weight")
    np.testing.assert_array_equal(array, values.astype("=f4"), strict=True)
    half = storage_id(kind=b"ctorch\nBFloat16Storage\n")
    bits = (values.astype("=f4").view(np.uint32) >> 16).astype(">u2").tobytes()
    path = write_zip(tmp_path / "b.bin", state(tensor(half)), {"0": bits}, more={"archive/byteorder": "big"})
    np.testing.assert_array_equal(TorchFile(path).read("weight"), values.astype("=f4"), strict=True)


def test_a_part_of_a_storage_in_the_older_layout(tmp_path):
    part = storage_id(more=(b"(" + text("5") + number(2) + number(3) + b"t"))
    program = state(tensor(part, number(1), numbers(2), numbers(1)))
    values = np.arange(6, dtype=np.float32)
    file = TorchFile(write_stream(tmp_path / "a.bin", program, stream_storage(content=values.tobytes())))
    np.testing.assert_array_equal(file.read("weight"), values[3:5], strict=True)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        TorchFile(tmp_path / "nowhere")


def test_a_tensor_that_expands_its_storage_beyond_reason(tmp_path):
    program = state(tensor(shape=numbers(2**20, 2**20), strides=numbers(0, 0)))
    with pytest.raises(ValueError, match="expands the 6 numbers of its storage to 1099511627776"):
        TorchFile(write_zip(tmp_path / "a.bin", program))
