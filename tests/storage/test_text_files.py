"""The one reader of text files: marks, encodings, line ends, and what is no file to be read."""

import os
import threading

import pytest

from npconformer.storage.files import read_json_object
from npconformer.storage.text_files import decode_text, read_regular_file, read_text

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a\nb", "a\nb"),
        (b"a\r\nb\rc\n\r\n", "a\nb\nc\n\n"),
        (b"\xef\xbb\xbfa", "a"),
        ("ä\u2028b\x85".encode(), "ä\u2028b\x85"),
        (b"a\0b", "a\0b"),
    ],
)
def test_text(tmp_path, data, text):
    (tmp_path / "a.txt").write_bytes(data)
    assert decode_text(data) == read_text(tmp_path / "a.txt") == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("zwölf\n".encode("utf-16"), ": it is UTF-16, not UTF-8; save it as UTF-8"),
        ("zwölf\n".encode("utf-32"), ": it is UTF-32, not UTF-8; save it as UTF-8"),
        ("\ufeffzwölf\n".encode("utf-16-be"), ": it is UTF-16, not UTF-8"),
        ("twelve\n".encode("utf-16-le"), ": it looks like UTF-16 without a byte order mark"),
        ("twelve\n".encode("utf-16-be"), ": it looks like UTF-16 without a byte order mark"),
        ("eins\r\nzwei\rzwölf\n".encode("latin-1"), r", line 3: not UTF-8 \(invalid .* at 13\); save it as UTF-8"),
    ],
)
def test_other_encodings_are_named(tmp_path, data, words):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(ValueError, match=rf"a\.txt{words}"):
        read_text(tmp_path / "a.txt")


def test_too_long_and_folders(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12345")
    assert read_text(tmp_path / "a.txt", longest=5) == "12345"
    with pytest.raises(ValueError, match=r"a\.txt has more than 4 bytes"):
        read_text(tmp_path / "a.txt", longest=4)
    with pytest.raises(ValueError, match="is a folder; expected a regular file"):
        read_text(tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        read_text(tmp_path / "none")
    assert raised.value.filename == str(tmp_path / "none")


def test_a_file_that_grows_after_its_size_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_bytes(b"1")
    small = os.stat(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"1" * 50)
    monkeypatch.setattr(os, "stat", lambda path: small)
    monkeypatch.setattr(os, "fstat", lambda descriptor: small)
    with pytest.raises(ValueError, match="more than 40 bytes"):
        read_regular_file(tmp_path / "a.txt", 40)


@posix
@pytest.mark.parametrize("read", [read_text, read_json_object])
@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "link"])
def test_what_never_ends_is_not_read(tmp_path, read, kind):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    errors = []

    def run():
        try:
            read(tmp_path / kind)
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive(), "it waits"
    assert errors == [f"{tmp_path / kind} is a pipe or a device; expected a regular file"]
