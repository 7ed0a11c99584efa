"""NeMo's tar archives: plain and gzipped, what lies where in them, and everything that may be wrong with one."""

import gzip
import io
import os
import random
import tarfile

import numpy as np
import pytest
from nemo_archives import CONFIG, WEIGHTS, arrays, members, packed

from npconformer.checkpoints import nemo_archive
from npconformer.checkpoints.nemo_archive import open_nemo_archive, read_nemo_archive
from npconformer.checkpoints.nemo_weights import open_nemo_file, open_nemo_weights

FILES = {**members(), "./5b_vocab.txt": b"a\nb\n"}


@pytest.fixture
def archive(tmp_path):
    """Writes bytes as an archive."""

    def write(content):
        (tmp_path / "x.nemo").write_bytes(content)
        return tmp_path / "x.nemo"

    return write


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("prefix", ["./", ""])
@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_in_it(archive, mode, prefix, reverse):
    files = {prefix + name.removeprefix("./"): content for name, content in FILES.items()}
    files = dict(reversed(files.items())) if reverse else files
    found = read_nemo_archive(archive(packed(files, mode)))
    assert found.config == FILES[f"./{CONFIG}"]
    assert found.small == {"5b_vocab.txt": b"a\nb\n"}
    assert found.weights.tobytes() == FILES[f"./{WEIGHTS}"]
    assert not found.weights.flags.writeable


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_the_weights(archive, mode):
    path = archive(packed(FILES, mode))
    file, expected = open_nemo_file(path), arrays()
    assert set(file) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(file.read(name), array)
        assert not file.read(name).flags.writeable
    assert len(open_nemo_weights(path)) == len(expected) - 2  # the front end's buffers are computed


def test_weights_of_a_plain_archive_are_mapped(archive, monkeypatch):
    monkeypatch.setattr(nemo_archive.tempfile, "TemporaryFile", None)
    array = open_nemo_file(archive(packed(FILES))).read("encoder.pre_encode.out.weight")
    while isinstance(array.base, np.ndarray):
        array = array.base
    assert type(array.base).__name__ == "mmap" and array.base is not None


def test_it_is_read_once(archive):
    path = archive(packed(FILES))
    assert open_nemo_archive(path) is open_nemo_archive(path)
    first = open_nemo_archive(path)
    os.utime(path, ns=(1, 1))
    assert open_nemo_archive(path) is not first


def test_nothing_is_unpacked(archive, tmp_path):
    """Names that lead out of the folder are names."""
    names = ["../../evil", "/tmp/evil.txt", "a/../../../evil", "C:\\evil", "\udcff"]
    path = archive(packed({**FILES, **{name: b"x" for name in names}}))
    before = sorted(tmp_path.parent.rglob("*"))
    assert set(read_nemo_archive(path).small) > {"../../evil"}
    assert sorted(tmp_path.parent.rglob("*")) == before


# ---- what is refused


def refuse(path, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_nemo_archive(path)
    assert str(path) in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS])
def test_without_a_part(archive, missing):
    files = {name: content for name, content in FILES.items() if not name.endswith(missing)}
    refuse(archive(packed(files)), f"a tar file without {missing}, so no NeMo archive; it holds ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"PK\3\4" + bytes(600), "is a zip file; expected a .nemo archive"),
        (b"BZh9" + bytes(range(256)) * 3, "is a bzip2 file"),
        (bytes(range(1, 256)) * 9, "it is no tar archive, or a damaged one"),
        (gzip.compress(bytes(range(1, 256)) * 9), "it is no tar archive, or a damaged one"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 53000000\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html>" + bytes(600), "is a web page"),
        (packed({}), "a tar file without model_config.yaml, so no NeMo archive; it holds nothing"),
    ],
)
def test_what_is_no_archive(archive, content, message):
    refuse(archive(content), message)


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "CHRTYPE", "BLKTYPE", "FIFOTYPE"])
def test_links_and_devices(archive, kind):
    buffer = io.BytesIO(packed(FILES))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        member = tarfile.TarInfo("./tokenizer.model")
        member.type, member.linkname = getattr(tarfile, kind), "/etc/passwd"
        tar.addfile(member)
    refuse(archive(buffer.getvalue()), r"its member 'tokenizer\.model' is no plain file")


def test_a_name_twice(archive):
    buffer = io.BytesIO(packed(FILES))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        tar.addfile(tarfile.TarInfo(CONFIG))
    refuse(archive(buffer.getvalue()), "it has the member 'model_config.yaml' twice")


def test_empty_weights(archive):
    refuse(archive(packed({**FILES, f"./{WEIGHTS}": b""})), "its model_weights.ckpt is empty")


def test_too_many_members(archive):
    refuse(archive(packed({**FILES, **{str(i): b"" for i in range(1000)}})), "it has more than 1000 members")


def test_a_configuration_that_is_too_long(archive):
    refuse(
        archive(packed({**FILES, f"./{CONFIG}": bytes(10_000_001)})), "has 10000001 bytes; expected at most 10000000"
    )


def test_a_large_file_of_another_kind_is_left_alone(archive):
    assert "big" not in read_nemo_archive(archive(packed({**FILES, "big": bytes(10_000_001)}))).small


def test_a_bomb(archive, monkeypatch):
    """Gzip makes 20 MB of zeros of 100 kB; the reader stops long before their end."""
    monkeypatch.setattr(nemo_archive, "ALWAYS", 100_000)
    content = gzip.compress(packed({"zeros": bytes(10_000_000), **FILES})[:5_000_000], 1)
    refuse(archive(content), "unfolds to too much|more than there are")
    behind = gzip.compress(packed(FILES) + bytes(20_000_000), 1)
    refuse(archive(behind), "unfolds to too much")


def test_a_header_that_claims_a_long_name(archive):
    """tarfile would read as much as a header claims for a name."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 5 * 10**9
    content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))
    refuse(archive(content), "it asks for 5000000[0-9]* bytes at once")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_cut_anywhere(archive, mode):
    whole = packed(FILES, mode)
    end = len(whole.rstrip(b"\0")) + 400 if mode == "w" else len(whole)
    places = [*range(1, 3000, 97), *range(3000, end, max(1, end // 40)), end - 1]
    for place in places:
        with pytest.raises(ValueError, match=r"x\.nemo") as caught:
            read_nemo_archive(archive(whole[:place]))
        assert str(caught.value).isprintable()


def test_gzip_has_a_checksum(archive):
    whole = bytearray(packed(FILES, "w:gz"))
    whole[-5] ^= 1
    refuse(archive(bytes(whole)), "its gzip stream is damaged")
    whole[-5] ^= 1
    whole[len(whole) // 2] ^= 255
    refuse(archive(bytes(whole)), "damaged")


def test_a_damaged_header_is_not_the_end(archive):
    whole = bytearray(packed(FILES))
    place = whole.index(b"./5b_vocab.txt")
    whole[place] ^= 1
    refuse(archive(bytes(whole)), f"it is damaged: at byte {place} there is no header")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_flipped_bytes(archive, mode):
    """Either it is refused in words, or what was damaged is the content of a member."""
    whole, chance = packed(FILES, mode), random.Random(3)
    for _ in range(150 if mode == "w" else 25):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 3])):
            place = chance.choice([chance.randrange(len(content)), 512 * chance.randrange(4) + chance.randrange(300)])
            content[place] ^= 1 << chance.randrange(8)
        try:
            read_nemo_archive(archive(bytes(content)))
        except ValueError as error:
            assert "x.nemo" in str(error) and str(error).isprintable()
