"""`npconformer demo` and `transcribe --plot`: where pictures go, what is said, and what happens where they cannot."""

import io
import os
import sys

import numpy as np
import pytest
import soundfile
from command_line import run

from npconformer.commands.demo import PICTURE, RECORDING
from npconformer.pipelines import AutomaticSpeechRecognitionPipeline

PNG = b"\x89PNG\r\n\x1a\n"
TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"
PANELS = ("time (s) 0.0", "loudness ", " 8000 Hz", "   blank ", " letters ", " aligned ", "   words ")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder, on a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


@pytest.fixture
def with_matplotlib():
    pytest.importorskip("matplotlib")


def said_as_ever(out):
    return f"text       {TEXT}\n" in out and out.count(" s  ") == 16 and "transcribed in" in out and "\nnext: " in out


def has_panels(out):
    return all(any(line.startswith(name) for line in out.splitlines()) for name in PANELS)


def test_a_picture_in_this_folder(capsys, folder, with_matplotlib):
    status, out, err = run(capsys, "demo")
    assert (status, err) == (0, "")
    assert said_as_ever(out) and not has_panels(out)
    assert f"picture    {folder / PICTURE}\n" in out
    assert (folder / PICTURE).read_bytes().startswith(PNG)
    assert os.listdir(folder) == [PICTURE]

    (folder / PICTURE).write_bytes(b"old")
    status, out, _ = run(capsys, "demo")
    assert f"picture    {folder / PICTURE} (in place of an older file)\n" in out
    assert (folder / PICTURE).read_bytes().startswith(PNG)


def test_letters_where_there_is_no_matplotlib(capsys, folder, without_matplotlib):
    status, out, err = run(capsys, "demo")
    assert (status, err) == (0, "")
    assert said_as_ever(out) and has_panels(out)
    words = [line.split()[1:] for line in out.splitlines() if line.startswith("   words ")]
    assert [word for line in words for word in line] == TEXT.split()
    picture = out[out.index("time (s)") : out.index("shades:")]
    assert max(map(len, picture.splitlines())) <= 80
    assert 'pictures need matplotlib: pip install "npconformer[plots]"\n' in out
    assert os.listdir(folder) == []


def test_nothing(capsys, folder):
    status, out, err = run(capsys, "demo", "--no-plot")
    assert (status, err) == (0, "")
    assert said_as_ever(out) and not has_panels(out) and "picture" not in out
    assert os.listdir(folder) == []


def test_letters_on_demand_and_no_wider_than_the_terminal(capsys, folder, monkeypatch):
    for columns, widest in (("20", 60), ("72", 72), ("300", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        status, out, _ = run(capsys, "demo", "--plot", "-")
        assert status == 0
        assert said_as_ever(out) and has_panels(out)
        picture = out[out.index("time (s)") : out.index("shades:")]
        assert widest - 6 < max(map(len, picture.splitlines())) <= widest
    assert os.listdir(folder) == []


def test_a_terminal_that_has_only_ascii(folder, monkeypatch):
    from npconformer.cli import main

    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["demo", "--plot", "-"]) == 0
    assert has_panels(terminal.buffer.getvalue().decode("ascii"))


def test_somewhere_else(capsys, folder, with_matplotlib):
    (folder / "sub").mkdir()
    os.symlink("b.png", folder / "sub" / "a.PNG")
    status, out, _ = run(capsys, "demo", "--plot", "sub/a.PNG")
    assert status == 0
    assert f"picture    {folder / 'sub' / 'a.PNG'}\n" in out
    assert sorted(os.listdir(folder / "sub")) == ["a.PNG", "b.png"] and os.path.islink(folder / "sub" / "a.PNG")
    assert (folder / "sub" / "b.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("kind", ["a folder of that name", "closed", "full"])
def test_where_the_picture_cannot_be_written(capsys, folder, with_matplotlib, monkeypatch, kind):
    """The demo goes on and says so; a file that was asked for by name is an error."""
    if kind == "a folder of that name":
        (folder / PICTURE).mkdir()
    else:
        errno, message = (13, "Permission denied") if kind == "closed" else (28, "No space left on device")

        def fail(*_, **__):
            raise OSError(errno, message)

        monkeypatch.setattr(
            "npconformer.storage.files.make_part" if kind == "closed" else "matplotlib.figure.Figure.savefig", fail
        )
    before = os.listdir(folder)
    status, out, err = run(capsys, "demo")
    assert (status, err) == (0, "")
    assert said_as_ever(out)
    assert f"picture    none: {PICTURE}: " in out and "--plot FILE" in out
    assert os.listdir(folder) == before

    status, out, err = run(capsys, "demo", "--plot", PICTURE)
    assert status == 2
    assert f"{PICTURE}" in err and "Traceback" not in err
    assert os.listdir(folder) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write to")
def test_in_a_folder_that_nobody_can_write_to(capsys, with_matplotlib, monkeypatch):
    monkeypatch.chdir("/proc")
    status, out, err = run(capsys, "demo")
    assert (status, err) == (0, "")
    assert said_as_ever(out) and f"picture    none: {PICTURE}: " in out


WRONG = [
    (["a.jpg"], "name a file that ends in .png"),
    (["none/a.png"], "there is no folder none"),
    (["folder.png"], "is a folder"),
]


@pytest.mark.parametrize(("options", "message"), [*WRONG, (["a.png", "--no-plot"], "not allowed with")])
@pytest.mark.parametrize("installed", [True, False])
def test_what_prevents_the_start(capsys, folder, monkeypatch, options, message, installed):
    if not installed:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (folder / "folder.png").mkdir()
    status, out, err = run(capsys, "demo", "--plot", *options)
    assert (status, out) == (2, "")
    assert message in err


def test_a_picture_by_name_without_matplotlib(capsys, folder, without_matplotlib):
    for argv in (["demo"], ["transcribe", RECORDING]):
        status, out, err = run(capsys, *argv, "--plot", "a.png")
        assert (status, out) == (2, "")
        assert 'pip install "npconformer[plots]"; --plot - draws with letters' in err
    assert os.listdir(folder) == []


def test_help_teaches(capsys):
    status, out, _ = run(capsys, "demo", "--help")
    assert status == 0
    assert out.count("\n  npconformer demo") >= 4
    for words in ("--no-plot", PICTURE, "npconformer[plots]", "spectrogram", "alignment", "exit status: 0"):
        assert words in out
    assert "--plot PNG" in run(capsys, "transcribe", "--help")[1]


@pytest.mark.parametrize("argv", [["demo"], ["transcribe", RECORDING]])
def test_the_model_runs_once(capsys, folder, monkeypatch, argv):
    runs, run_model = [], AutomaticSpeechRecognitionPipeline.run_model
    monkeypatch.setattr(
        AutomaticSpeechRecognitionPipeline,
        "run_model",
        lambda self, waveforms: runs.append(len(waveforms)) or run_model(self, waveforms),
    )
    status, out, _ = run(capsys, *argv, "--plot", "-")
    assert status == 0 and TEXT in out and has_panels(out)
    assert runs == [1]


# ---- transcribe --plot


def test_transcribe_draws(capsys, folder, with_matplotlib):
    status, out, err = run(capsys, "transcribe", RECORDING, "--plot", "a.png", "--format", "json")
    assert status == 0
    assert TEXT in out and err.count("\n") == 1  # which model is used
    assert (folder / "a.png").read_bytes().startswith(PNG)
    assert os.listdir(folder) == ["a.png"]


def test_transcribe_draws_with_letters(capsys, folder, without_matplotlib):
    status, out, _ = run(capsys, "transcribe", RECORDING, "--plot", "-")
    assert status == 0
    assert out.startswith(f"{TEXT}\ntime (s)") and has_panels(out)
    target = folder / "a.json"
    status, out, _ = run(capsys, "transcribe", RECORDING, "--plot", "-", "--format", "json", "--output", target)
    assert status == 0
    assert out.startswith("time (s)") and TEXT in target.read_text()


@pytest.mark.parametrize("options", [(), ("--chunk-at", "fixed"), ("--chunk-at", "pauses", "--stride-length-s", 1)])
def test_what_is_drawn_is_cut_as_what_is_transcribed(capsys, folder, monkeypatch, without_matplotlib, options):
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    soundfile.write("long.wav", np.tile(np.append(samples, np.zeros(rate // 2)), 3), rate, "FLOAT")
    seen, run_model = [], AutomaticSpeechRecognitionPipeline.run_model
    monkeypatch.setattr(
        AutomaticSpeechRecognitionPipeline,
        "run_model",
        lambda self, waveforms: seen.append(len(waveforms[0])) or run_model(self, waveforms),
    )
    for name in ("AUTO_ABOVE_S", "AUTO_UTTERANCES_ABOVE_S"):
        monkeypatch.setattr(f"npconformer.pipelines.chunking.{name}", 6.0)
    for name in ("AUTO_CHUNK_S", "AUTO_UTTERANCE_S"):
        monkeypatch.setattr(f"npconformer.pipelines.chunking.{name}", 5.5)
    argv = ("transcribe", "long.wav", "--timestamps", "word", *options)
    status, alone, err = run(capsys, *argv)
    assert (status, err.count("long.wav is longer than")) == (0, 1)
    runs = list(seen)
    assert len(runs) > 2 and max(runs) < 5.6 * 16000
    seen.clear()
    status, drawn, err = run(capsys, *argv, "--plot", "-")
    assert (status, seen, err.count("long.wav is longer than")) == (0, runs, 1)
    assert drawn.startswith(f"{alone}time (s)") and has_panels(drawn)


def test_a_recording_that_failed_is_not_drawn(capsys, folder, with_matplotlib):
    status, _, err = run(capsys, "transcribe", "none.wav", "--plot", "a.png")
    assert status == 1
    assert "none.wav: no such file" in err and os.listdir(folder) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *((["--plot", *options], message) for options, message in WRONG),
        ([RECORDING, "--plot", "a.png"], "--plot draws one recording, and there are 2"),
        (["--plot", "a.png", "--clip-timestamps", "2"], "leave --clip-timestamps away"),
        (["--plot", "a.png", "--output", "./a.png"], "--plot and --output are both a.png"),
        (["--plot", "-", "--format", "srt"], "would mix a picture with srt"),
    ],
)
def test_what_prevents_transcribing(capsys, folder, with_matplotlib, options, message):
    (folder / "folder.png").mkdir()
    status, out, err = run(capsys, "transcribe", RECORDING, *options)
    assert (status, out) == (2, "")
    assert message in err
    assert os.listdir(folder) == ["folder.png"]


def test_a_recording_too_long_for_a_picture(capsys, folder, with_matplotlib):
    soundfile.write(folder / "long.wav", np.zeros(61 * 8000), 8000)
    status, out, err = run(capsys, "transcribe", "long.wav", "--plot", "a.png")
    assert (status, out) == (2, "")
    assert "up to 60 s, and long.wav is 61.0 s long" in err
