"""Folders whose names and neighbouring files say what is known."""

import errno
import os

import pytest

from npconformer.data import Example, LeftOut, read_examples


@pytest.fixture
def make(tmp_path):
    def make(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path

    return make


def test_a_folder_for_each_label(make):
    folder = make(no__b_dot_wav=b"", yes__sub__c_dot_FLAC=b"", yes__a_dot_wav=b"", yes__notes_dot_md=b"")
    examples, left_out = read_examples(folder)
    assert left_out == []
    assert examples == [
        Example(str(folder / "no/b.wav"), label="no", speaker="no"),
        Example(str(folder / "yes/a.wav"), label="yes", speaker="yes"),
        Example(str(folder / "yes/sub/c.FLAC"), label="yes", speaker="yes"),
    ]


def test_a_text_beside_each_recording(make):
    folder = make(
        a_dot_wav=b"", a_dot_txt=b"\xef\xbb\xbfTWO\r\n  FIVE \n", b_dot_wav=b"", c_dot_wav=b"", c_dot_txt=b" "
    )
    examples, _ = read_examples(str(folder))
    assert [(example.text, example.label) for example in examples] == [("TWO FIVE", None), (None, None), ("", None)]


def test_who_speaks_when_beside_it(make):
    folder = make(a_dot_wav=b"", a_dot_rttm=b"", b_dot_wav=b"")
    assert [example.rttm for example in read_examples(folder)[0]] == [str(folder / "a.rttm"), None]


def test_a_text_that_cannot_be_read(make):
    folder = make(a_dot_wav=b"", a_dot_txt=b"caf\xe9", b_dot_wav=b"")
    examples, left_out = read_examples(folder)
    assert [example.path for example in examples] == [str(folder / "b.wav")]
    assert left_out == [
        LeftOut(str(folder / "a.wav"), "a.txt, line 1: not UTF-8 (unexpected end of data at 3); save it as UTF-8")
    ]


def test_a_text_in_utf_16_is_named(make):
    folder = make(a_dot_wav=b"", a_dot_txt="zwölf".encode("utf-16"))
    assert read_examples(folder)[1] == [
        LeftOut(str(folder / "a.wav"), "a.txt: it is UTF-16, not UTF-8; save it as UTF-8")
    ]


def test_numbered_recordings_are_in_the_order_of_their_numbers(make):
    names = [
        "part1.wav",
        "part2.wav",
        "part010.wav",
        "part10.wav",
        "part10b.wav",
        "part100.wav",
        "x2/a.wav",
        "x10/a.wav",
    ]
    folder = make(**{name.replace("/", "__").replace(".", "_dot_"): b"" for name in names})
    assert [os.path.relpath(example.path, folder) for example in read_examples(folder)[0]] == names


def test_a_folder_named_as_a_recording(make):
    folder = make(x_dot_wav__a_dot_wav=b"")
    assert [example.path for example in read_examples(folder)[0]] == [str(folder / "x.wav/a.wav")]


def test_what_looks_like_a_recording(make):
    folder = make(a_dot_wav=b"", phone_dot_M4A=b"", **{"._a_dot_wav": b""}, notes_dot_md=b"", video_dot_mp4=b"")
    (folder / "x.wav").mkdir()
    examples, left_out = read_examples(folder)
    assert [example.path for example in examples] == [
        str(folder / name) for name in ("a.wav", "phone.M4A", "video.mp4")
    ]
    assert left_out == [LeftOut(str(folder / "x.wav"), "is a folder, not an audio file")]


def test_a_folder_that_cannot_be_opened(make, monkeypatch):
    folder = make(a_dot_wav=b"", locked__b_dot_wav=b"")
    scandir = os.scandir

    def refuse(path):  # the administrator, as whom tests may run, may open all
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    examples, left_out = read_examples(folder)
    assert [example.path for example in examples] == [str(folder / "a.wav")]
    assert left_out == [LeftOut(str(folder / "locked"), "Permission denied")]


def test_an_empty_folder(tmp_path):
    assert read_examples(tmp_path) == ([], [])
