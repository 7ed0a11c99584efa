"""The zip, stream and tar around torch's pickles: cut short, damaged, or saying what is not so."""

import io
import pickle
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pickle_programs import (
    ORDERED,
    call,
    number,
    state,
    storage_id,
    stream_storage,
    tensor,
    text,
    write_stream,
    write_zip,
)

from npconformer.checkpoints.torch_file import TorchFile

FOLDER = Path(__file__).parent / "torch_files"
STREAM_ID = storage_id(more=b"N")


def refuse(path, message):
    with pytest.raises(ValueError, match=rf"{path.name} .*{message}") as caught:
        TorchFile(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["strided-zip.bin", "strided-stream.bin", "module-tar.bin"])
def test_every_truncation_is_found(tmp_path, name):
    whole = (FOLDER / name).read_bytes()
    last = len(whole.rstrip(b"\0")) if name == "module-tar.bin" else len(whole)  # a tar file ends in empty blocks
    for size in {*range(0, last, 11), *range(last - 30, last)}:
        (tmp_path / "cut.bin").write_bytes(whole[:size])
        refuse(tmp_path / "cut.bin", "")


@pytest.mark.parametrize("name", ["strided-zip.bin", "strided-stream.bin"])
def test_a_truncation_is_called_that(tmp_path, name):
    whole = (FOLDER / name).read_bytes()
    (tmp_path / "cut.bin").write_bytes(whole[:-5])
    refuse(tmp_path / "cut.bin", "it is truncated")
    (tmp_path / "long.bin").write_bytes(whole + b"12345")
    refuse(tmp_path / "long.bin", "not at its end|bytes; expected")


# ---- zip


@pytest.fixture
def good(tmp_path):
    return write_zip(tmp_path / "good.bin", state(tensor()))


def test_the_good_one(good):
    array = TorchFile(good).read("weight")
    np.testing.assert_array_equal(array, np.arange(24, dtype=np.uint8).view("<f4").reshape(2, 3), strict=True)


def patched(path, old, new, which=0, at=0):
    """The file with bytes replaced: `at` bytes after the `which`-th `old`."""
    content = bytearray(path.read_bytes())
    place = -1
    for _ in range(which + 1):
        place = content.index(old, place + 1)
    content[place + at : place + at + len(new)] = new
    path.write_bytes(content)
    return path


ENTRY, HEADER, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"
DAMAGE = {
    "entry's signature": (ENTRY, b"XX", 1, 0, "zip directory is damaged"),
    "header's signature": (HEADER, b"XX", 1, 0, "is not where the zip directory says"),
    "header's name": (HEADER, b"Z", 1, 30, "has another name than in the zip directory"),
    "compressed": (ENTRY, b"\x08", 1, 10, "is compressed or encrypted"),
    "encrypted": (ENTRY, b"\x01", 1, 8, "is compressed or encrypted"),
    "two sizes": (ENTRY, b"\x17", 1, 20, "is compressed or encrypted"),
    "size": (ENTRY, b"\xff\xff\xff\x7f\xff\xff\xff\x7f", 1, 20, "reaches into the zip directory"),
    "size that is elsewhere": (ENTRY, b"\xff" * 8, 1, 20, "a member's size or place is missing"),
    "place": (ENTRY, b"\xff\xff\xff\x7f", 1, 42, "is not where the zip directory says"),
    "same place": (ENTRY, b"\0\0\0\0", 1, 42, "has another name"),
    "name's length": (ENTRY, b"\xff\xff", 1, 28, "an entry is longer than it"),
    "extra's length": (ENTRY, b"\x40\x00", 1, 30, "an entry is longer than it"),
    "name not UTF-8": (ENTRY, b"\xff", 1, 46, "which is not UTF-8"),
    "directory's size": (END, b"\x01", 0, 12, "zip directory is damaged"),
    "directory's place": (END, b"\xff\xff\xff\x7f", 0, 16, "zip directory would end at byte"),
    "members": (END, b"\x01\0\x01\0", 0, 8, "zip directory has .* bytes; expected .* for 1 members"),
    "more members": (END, b"\x03\0\x03\0", 0, 8, "zip directory is damaged"),
    "other disks": (END, b"\x01\0", 0, 8, "members, 1 in this file"),
    "comment": (END, b"\x09\0", 0, 20, "not at its end"),
    "pickle's checksum": (b"weight", b"W", 0, 0, "its pickle does not have its checksum: the file is damaged"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_zip(good, case):
    old, new, which, at, message = DAMAGE[case]
    refuse(patched(good, old, new, which, at), message)


def test_overlapping_members(tmp_path, good):
    """The second header lies in the first member's bytes, under its name."""
    inner = write_zip(tmp_path / "inner", b"", {"0": bytes(24)}).read_bytes()
    header = inner[inner.index(HEADER, 1) : inner.index(ENTRY)]
    path = write_zip(tmp_path / "a.bin", state(tensor()) + header)
    place = path.read_bytes().index(header)
    refuse(patched(path, ENTRY, struct.pack("<I", place), 1, 42), "overlaps the member before")


def test_a_name_twice(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = write_zip(tmp_path / "a.bin", state(tensor()), more={"archive/data/0": b"other"})
    refuse(path, "zip directory has 'archive/data/0' twice")


def test_compression_is_refused(tmp_path):
    program = state(tensor(storage_id(count=number(2**28))))
    path = write_zip(tmp_path / "a.bin", program, {"0": bytes(2**20)}, compression=zipfile.ZIP_DEFLATED)
    refuse(path, "is compressed or encrypted; expected members stored as they are")


def test_names_never_become_paths(tmp_path):
    for member in ("../outside", "/tmp/outside", "archive/../../outside", "C:\\outside"):
        TorchFile(write_zip(tmp_path / "a.bin", state(tensor()), more={member: b"x"}))
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    refuse(write_zip(tmp_path / "b.bin", state(tensor()), folder="../x"), "0 members data.pkl; expected 1")


def test_other_zip_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.bin", "w"):
        pass
    refuse(tmp_path / "empty.bin", "no file of torch.save")  # it begins with the end record
    shutil.make_archive(str(tmp_path / "some"), "zip", FOLDER)
    refuse(tmp_path / "some.zip", "0 members data.pkl; expected 1")
    refuse(write_zip(tmp_path / "two.bin", state(tensor()), more={"b/data.pkl": b"."}), "2 members data.pkl")
    refuse(write_zip(tmp_path / "o.bin", state(tensor()), more={"archive/byteorder": b"pdp"}), "byte order is b'pdp'")


def test_a_pickle_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("npconformer.checkpoints.torch_zip.LONGEST_PICKLE", 50)
    refuse(write_zip(tmp_path / "a.bin", state(tensor())), "its pickle has .* bytes; expected at most 50")


def test_sizes_beyond_4_gigabytes(tmp_path):
    """The directory as for a large file: with numbers of 8 bytes, and an end record of its own."""
    name, content = b"archive/data.pkl", b"\x80\x02}."
    header = (
        struct.pack("<4sHHHHHIIIHH", HEADER, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(name), 0) + name + content
    )
    extra = struct.pack("<HHI", 0x9999, 4, 7) + struct.pack("<HHQQQ", 1, 24, len(content), len(content), 0)
    entry = struct.pack("<4sHHHHHHIII", ENTRY, 45, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1)
    entry += struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0, 2**32 - 1) + name + extra
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entry), len(header))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(header) + len(entry), 1)
    end = struct.pack("<4sHHHHIIH", END, 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    path = tmp_path / "a.bin"
    path.write_bytes(header + entry + record + locator + end)
    assert list(TorchFile(path)) == []
    refuse(patched(path, b"PK\6\7", b"\xff\xff\xff\xff\xff\xff\xff\xff", 0, 8), "zip64 end record is not where")


# ---- the older layout


STREAMS = {
    "no storages": (b"].", "it has 0 storages and refers to 1"),
    "another storage": (stream_storage("1"), "which are not the same"),
    "keys twice": (pickle.dumps(["0", "0"], 2), "no list of different names"),
    "keys are numbers": (pickle.dumps([0], 2), "no list of different names"),
    "keys are a string": (pickle.dumps("0", 2), "no list of different names"),
    "another count": (stream_storage(count=5), "a storage of 5 numbers; expected 6"),
    "negative count": (stream_storage(count=-1), "a storage of -1 numbers; expected 6"),
    "too few numbers": (stream_storage(content=bytes(23)), "it is truncated: it has .* bytes of"),
    "too many numbers": (stream_storage(content=bytes(25)), "bytes; expected"),
    "no list": (b"", "its pickle is cut short"),
}


@pytest.mark.parametrize("case", STREAMS)
def test_bad_streams(tmp_path, case):
    tail, message = STREAMS[case]
    refuse(write_stream(tmp_path / "a.bin", state(tensor()), tail), message)


@pytest.mark.parametrize("view", [(4, 3), (-1, 2), (2, -1), (2**62, 2**62), (True, 1), ("0", 1)])
def test_parts_outside_of_their_storage(tmp_path, view):
    part = b"(" + text("5") + b"".join(pickle.dumps(value, 2)[2:-1] for value in view) + b"t"
    program = state(tensor(storage_id(more=part)))
    refuse(write_stream(tmp_path / "a.bin", program, stream_storage()), "a storage that is .* numbers after .* of 6")


@pytest.mark.parametrize("head", [[5], [0x1950A86A20F9469CFC6C, 1000], ["magic"], [[]], [{"weight": 1.5}]])
def test_other_pickles(tmp_path, head):
    (tmp_path / "a.bin").write_bytes(b"".join(pickle.dumps(value, 2) for value in head))
    refuse(tmp_path / "a.bin", "it is a pickle, but not torch's|its format has another version")


def test_other_files(tmp_path):
    for content in (
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"\xff\xfe\x00",
        b"RIFF\x00\x01" + bytes(99),
        bytes(range(1, 99)),
    ):
        (tmp_path / "a.bin").write_bytes(content)
        refuse(tmp_path / "a.bin", "it is no file of torch.save")
    shutil.copy(FOLDER / "expected.npz", tmp_path / "b.bin")
    refuse(tmp_path / "b.bin", "members data.pkl; expected 1")


def test_a_safetensors_file_under_the_name(tmp_path):
    from npconformer.checkpoints.safetensors_file import write_safetensors

    write_safetensors(tmp_path / "pytorch_model.bin", {"a": np.ones(3)})
    refuse(tmp_path / "pytorch_model.bin", "is a safetensors file under another name: rename it to model.safetensors")


# ---- the oldest layout


def write_tar(path, **changes):
    """One tensor of 2 x 3 in a storage of six float32, with members replaced."""
    kinds = {kind: f"ctorch\nFloat{kind}\n".encode() for kind in ("Storage", "Tensor")}
    members = {
        "storages": b"K\x01."
        + b"(K\x07"
        + text("cpu")
        + kinds["Storage"]
        + b"t."
        + struct.pack("<q", 6)
        + bytes(24)
        + b"].",
        "tensors": b"K\x01.(K\x09K\x07" + kinds["Tensor"] + b"t." + struct.pack("<ii5q", 2, 0, 2, 3, 3, 1, 0),
        "pickle": call(ORDERED) + text("weight") + text("9") + b"Qs.",
    } | changes
    with tarfile.open(path, "w:", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_the_good_tar(tmp_path):
    assert TorchFile(write_tar(tmp_path / "a.bin")).read("weight").shape == (2, 3)


def test_parts_of_storages_in_the_oldest_layout(tmp_path):
    values = np.arange(6, dtype="<f4")
    record = b"K\x01.(K\x07" + text("cpu") + b"ctorch.cuda\nFloatStorage\nt." + struct.pack("<q", 6) + values.tobytes()
    parts = pickle.dumps([(8, 7, 2, 4), (10, 8, 1, 2)], 2)  # the second is a part of the first
    for key, expected in ((8, values[2:4]), (10, values[3:5])):
        tensors = b"K\x01.(K\x09" + number(key) + b"ctorch\nFloatTensor\nt." + struct.pack("<ii3q", 1, 0, 2, 1, 0)
        file = TorchFile(write_tar(tmp_path / "a.bin", storages=record + parts, tensors=tensors))
        np.testing.assert_array_equal(file.read("weight"), expected, strict=True)


TARS = {
    "no member": (dict(sys_info=b"}."), "", "pickle"),
    "tensor that is not there": (dict(pickle=call(ORDERED) + text("a") + text("8") + b"Qs."), "refers to a tensor", ""),
    "id is a tuple": (
        dict(pickle=call(ORDERED) + text("a") + storage_id() + b"s."),
        "torch.FloatStorage|refers to",
        "",
    ),
    "id is no number": (dict(pickle=call(ORDERED) + text("a") + text("x") + b"Qs."), "refers to a tensor", ""),
    "storages not counted": (dict(storages=b"N."), "does not say how many", ""),
    "storages countless": (dict(storages=number(2**40) + b"."), "does not say how many", ""),
    "negative storages": (dict(storages=number(-1) + b"."), "does not say how many", ""),
    "no more storages": (dict(storages=b"K\x05."), "cut short", ""),
    "storage of two things": (dict(storages=b"K\x01.K\x01K\x02\x86."), "not described by three things", ""),
    "storage of a kind unknown": (dict(storages=b"K\x01.K\x01K\x02K\x03\x87."), "without a kind", ""),
    "hostile record": (dict(storages=b"K\x01.cos\nsystem\n."), "asks for 'os.system'", ""),
    "tensors not counted": (dict(tensors=b"N."), "does not say how many", ""),
    "tensor of a storage that is not there": (
        dict(tensors=b"K\x01.K\x01K\x02N\x87."),
        "without a key or a storage",
        "",
    ),
    "tensor without numbers": (dict(tensors=b"K\x01.K\x01K\x07N\x87."), "tensor of 0 dimensions", ""),
    "dimensions": (
        dict(tensors=b"K\x01.K\x01K\x07N\x87." + b"\xff\xff\xff\x7f" + bytes(99)),
        "2147483647 dimensions",
        "",
    ),
    "negative": (dict(tensors=b"K\x01.K\x01K\x07N\x87." + struct.pack("<ii3q", 1, 0, -2, 1, 0)), "expected counts", ""),
    "outside": (dict(tensors=b"K\x01.K\x01K\x07N\x87." + struct.pack("<ii3q", 1, 0, 7, 1, 0)), "of 6 numbers", ""),
}


@pytest.mark.parametrize("case", TARS)
def test_bad_tars(tmp_path, case):
    changes, message, missing = TARS[case]
    path = write_tar(tmp_path / "a.bin", **changes)
    if missing:
        path = patched(path, missing.encode() + b"\0", b"other", 0)
        path = patched_checksum(path)
        message = "a tar file without a member 'pickle'"
    refuse(path, message)


def patched_checksum(path):
    """With the checksums of all headers made right again."""
    content = bytearray(path.read_bytes())
    for begin in range(0, len(content), 512):
        if content[begin + 257 : begin + 262] == b"ustar":
            content[begin + 148 : begin + 156] = b" " * 8
            content[begin + 148 : begin + 156] = b"%06o\0 " % sum(content[begin : begin + 512])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"5", b"7"])
def test_links_and_devices_in_a_tar_file(tmp_path, kind):
    path = patched_checksum(patched(write_tar(tmp_path / "a.bin"), b"tensors\0", kind, 0, 156))
    refuse(path, "'tensors' in the tar file is no ordinary file")


def test_damaged_tar_headers(tmp_path):
    refuse(patched(write_tar(tmp_path / "a.bin"), b"tensors\0", b"T"), "its tar headers are damaged")
    refuse(patched(write_tar(tmp_path / "a.bin"), b"tensors\0", b"99", 0, 124), "its tar headers are damaged")
    path = patched_checksum(patched(write_tar(tmp_path / "a.bin"), b"tensors\0", b"77777777777", 0, 124))
    refuse(path, "it is truncated: .* 'tensors' ends at")
