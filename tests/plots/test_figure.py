"""The PNG: a valid picture of what it should show, nothing over anything, and nothing left behind where it fails."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart, drawn_texts
from spelled import HELLO_YOU, make_recognition

from npconformer.plots import MOST_SECONDS, require_matplotlib, write_picture
from npconformer.plots.figure import draw

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib")


def read_png(path):
    """(height, width, channels) of a PNG's pixels, with every checksum and every filter undone by hand."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, pixels, kinds = 8, b"", []
    while place < len(data):
        (size,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + size]
        assert struct.unpack(">I", data[place + 8 + size : place + 12 + size])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", body[:10])
        pixels += body if kind == b"IDAT" else b""
        kinds.append(kind)
        place += 12 + size
    assert kinds[0] == b"IHDR" and kinds[-1] == b"IEND"
    assert (depth, colours) == (8, 6)
    assert len(zlib.decompress(pixels)) == height * (1 + 4 * width)
    return width, height


def test_a_valid_picture_with_something_in_it(matplotlib, tmp_path):
    from matplotlib.image import imread

    for name, path in {"a.png": HELLO_YOU, "b.png": "__T_W_O__"}.items():
        write_picture(make_recognition(path), tmp_path / name, "a title")
    width, height = read_png(tmp_path / "a.png")
    assert width > 900 and height > 600
    pixels = imread(tmp_path / "a.png")
    assert pixels.shape == (height, width, 4)
    assert len(np.unique((pixels[..., :3] * 255).astype(int).reshape(-1, 3), axis=0)) > 200
    for part in np.array_split(pixels[..., :3], 8):  # no empty panel
        assert (part < 0.9).any(axis=-1).mean() > 0.01
    other = imread(tmp_path / "b.png")
    assert other.shape != pixels.shape or (other != pixels).any()
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_what_the_panels_show(matplotlib):
    recognition = make_recognition(HELLO_YOU)
    figure = draw(recognition, "a title")
    waveform, levels, letters, alignment, *_ = figure.axes
    for axes in (waveform, levels, letters, alignment):
        assert axes.get_xlim() == (0, recognition.seconds)
        assert axes.get_ylabel()
        borders = {line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]}
        step = recognition.seconds_per_frame
        assert {word.start * step for word in recognition.alignment.words} <= borders
        assert {word.end * step for word in recognition.alignment.words} <= borders
    assert alignment.get_xlabel() == "time (s)"
    assert levels.get_ylabel() == "frequency (Hz)"
    assert levels.images[0].get_array().max() == 0
    classes = recognition.classes_to_show()
    assert [label.get_text() for label in letters.get_yticklabels()] == [recognition.name_of(k) for k in classes]
    np.testing.assert_array_equal(letters.images[0].get_array(), recognition.probabilities[:, classes].T)
    assert [text.get_text() for text in waveform.texts] == ["HELLO", "YOT"]
    assert "".join(t.get_text() for t in alignment.texts) in ("HELLOYOTHELLOYOT", "HELLOYOTHELLO", "HELLOYOT")
    frames = alignment.images[0].get_array()[0]
    said = recognition.alignment.frames.positions
    for t in range(len(said) - 1):  # the colour changes where the letter does
        assert (frames[t] != frames[t + 1]).any() == (said[t] != said[t + 1])


@pytest.mark.parametrize("path", [HELLO_YOU, "HELOTWY|" * 20, "_TH_E|" * 60, "_H|" * 100, "H" * 3, "_" * 9])
def test_no_text_is_over_another(matplotlib, path):
    figure = draw(make_recognition(path), "a title " * 40)
    assert len(drawn_texts(figure)) > 20
    assert_texts_are_apart(figure)


def test_letters_that_mean_something_to_matplotlib(matplotlib, tmp_path):
    recognition = make_recognition("_$$_^_{|_\\_$", letters="$^{\\字")
    assert recognition.alignment.text == "$^{ \\$"
    recognition.tokens[3] = "$a_{"
    write_picture(recognition, tmp_path / "a.png", "$x_{\n\udcff")
    read_png(tmp_path / "a.png")
    write_picture(make_recognition("_字_", letters="字"), tmp_path / "b.png")  # no glyph: drawn as a box, no warning
    read_png(tmp_path / "b.png")


def test_a_persons_own_style_is_neither_used_nor_changed(matplotlib, tmp_path):
    write_picture(make_recognition(HELLO_YOU), tmp_path / "a.png")
    with matplotlib.rc_context({"text.usetex": True, "font.size": 40, "axes.facecolor": "red"}):
        write_picture(make_recognition(HELLO_YOU), tmp_path / "b.png")
        assert matplotlib.rcParams["font.size"] == 40 and matplotlib.rcParams["text.usetex"]
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_silence_and_one_frame(matplotlib, tmp_path):
    silent = make_recognition("____")
    silent.waveform[:] = 0
    write_picture(silent, tmp_path / "a.png")
    write_picture(make_recognition("H"), tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        read_png(tmp_path / name)


def test_too_long(matplotlib, tmp_path):
    with pytest.raises(ValueError, match=r"up to 60 s, and this one is 60\.4 s long"):
        write_picture(make_recognition("_" * (50 * MOST_SECONDS + 20)), tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_where_nothing_can_be_written(matplotlib, tmp_path):
    with pytest.raises(FileNotFoundError):
        write_picture(make_recognition("_H_"), tmp_path / "none" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(IsADirectoryError):
        write_picture(make_recognition("_H_"), tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"] and os.listdir(tmp_path / "a.png") == []


def test_a_failure_keeps_the_old_picture(matplotlib, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="No space left"):
        write_picture(make_recognition("_H_"), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old" and os.listdir(tmp_path) == ["a.png"]


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pictures need matplotlib: pip install "npconformer\[plots\]"'):
        write_picture(make_recognition("_H_"), tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_with_a_broken_matplotlib(tmp_path, monkeypatch):
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ValueError('compiled for another NumPy')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="importing it fails: compiled for another NumPy"):
        require_matplotlib()


def run_python(program):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)


def test_importing_the_package_does_not_import_matplotlib():
    program = (
        "import sys, npconformer, npconformer.plots, npconformer.cli; npconformer.align_text, npconformer.pipeline;"
    )
    assert run_python(program + "print('matplotlib' in sys.modules)").stdout == "False\n"


def test_drawing_leaves_pyplot_alone(matplotlib, tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r});"
        "from spelled import *; from npconformer.plots import write_picture;"
        f"write_picture(make_recognition('_H_'), {str(tmp_path / 'a.png')!r});"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert run_python(program).stdout == "False\n"
