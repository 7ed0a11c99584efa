"""--chunk-length-s, --stride-length-s and --threads: what they do, what is said of it, and what is refused."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint

from npconformer.commands.demo import RECORDING
from npconformer.commands.progress import SecondsBar
from npconformer.commands.threads import VARIABLES

DEMO_TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def four_demos(tmp_path):
    """A file of the demo's recording four times: 18 seconds."""
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    soundfile.write(tmp_path / "four.flac", np.tile(samples, 4), rate)
    return tmp_path / "four.flac"


@pytest.mark.parametrize("chunks", [("--chunk-length-s", 6), ("--chunk-length-s", 8, "--stride-length-s", "2,1.5")])
def test_transcribing_in_chunks(capsys, four_demos, chunks):
    status, out, err = run(capsys, "transcribe", four_demos, RECORDING, "--batch-size", 2, *chunks)
    assert status == 0
    assert out == f"{four_demos}: {' '.join([DEMO_TEXT] * 4)}\n{RECORDING}: {DEMO_TEXT}\n"
    assert err.count("\n") == 1  # the embedded recogniser's; nothing of what was asked for


def test_subtitles_go_on_across_seams(capsys, four_demos):
    whole = run(capsys, "transcribe", four_demos, "--format", "json", "--timestamps", "word")[1]
    cut = run(capsys, "transcribe", four_demos, "--format", "json", "--timestamps", "word", "--chunk-length-s", 5)[1]
    times = [[chunk["timestamp"] for chunk in json.loads(out)[0]["chunks"]] for out in (whole, cut)]
    np.testing.assert_allclose(times[1], times[0], rtol=0, atol=0.041)
    _, out, _ = run(capsys, "transcribe", four_demos, "--format", "srt", "--chunk-length-s", 5)
    assert out.count("-->") >= 4


@pytest.mark.parametrize(("options", "notes"), [((), 1), (("--chunk-length-s", "30"), 0), (("--chunk-length-s", 0), 0)])
def test_long_recordings_are_cut_by_themselves_and_that_is_said_once(capsys, four_demos, monkeypatch, options, notes):
    monkeypatch.setattr("npconformer.pipelines.chunking.AUTO_ABOVE_S", 10.0)
    monkeypatch.setattr("npconformer.pipelines.chunking.AUTO_CHUNK_S", 6.0)
    status, out, err = run(capsys, "transcribe", RECORDING, four_demos, four_demos, *options)
    assert status == 0
    assert out.count(" ".join([DEMO_TEXT] * 4)) == 2
    assert err.count("longer than five minutes") == notes
    if notes:
        assert f"npconformer: {four_demos} is longer than five minutes: transcribed in overlapping chunks" in err


def test_the_note_says_what_the_settings_are():
    from npconformer.commands.long_recordings import NOTE
    from npconformer.pipelines.chunking import AUTO_ABOVE_S, AUTO_CHUNK_S

    assert (AUTO_ABOVE_S, AUTO_CHUNK_S) == (5 * 60, 30)
    assert "five minutes" in NOTE and "30 seconds" in NOTE


@pytest.mark.parametrize("kind", MODELS)
def test_diarizing_in_chunks(capsys, tmp_path, kind):
    folder = save_checkpoint("ForAudioFrameClassification", tmp_path / "model", kind, num_labels=2)
    soundfile.write(tmp_path / "a.wav", make_waveforms([60_000])[0], 16000)
    options = ("--model", folder, "--chunk-length-s", 1, "--format", "json")
    status, out, err = run(capsys, "diarize", tmp_path / "a.wav", *options)
    assert (status, err) == (0, "")
    assert json.loads(out)[0]["duration"] == 3.75


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--chunk-length-s", "-1"), "'-1' is not a number of at least 0"),
        (("--chunk-length-s", "nan"), "'nan' is not a number of at least 0"),
        (("--chunk-length-s", "long"), "'long' is not a number of at least 0"),
        (("--stride-length-s", "1,2,3"), "'2,3' is not a number of at least 0"),
        (("--stride-length-s", "1,-2"), "'-2' is not a number of at least 0"),
        (("--chunk-length-s", "4", "--stride-length-s", "2"), "stride_length_s=2.0 leaves nothing of a chunk"),
        (("--chunk-length-s", "0.01"), "chunk_length_s=0.01 is shorter than what the model makes one frame of"),
        (("--threads", "0"), "argument --threads: '0' is not a whole number of at least 1"),
        (("--threads", "two"), "argument --threads: 'two' is not a whole number of at least 1"),
    ],
)
def test_what_is_refused(capsys, options, message):
    status, out, err = run(capsys, "transcribe", RECORDING, *options)
    assert (status, out) == (2, "")
    assert message in err


# ---- progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_of_seconds(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = SecondsBar(hidden=False, note="{name} is long")
    for name in ("talks/a.wav", "talks/b{}.wav"):
        for done in (0.0, 20.0, 39.98):
            bar(name, done, 40.0)
        bar.close()
        bar.close()
    shown = sys.stderr.getvalue()
    assert shown.count("npconformer: talks/a.wav is long\n") == 1 and "b{}.wav is long" not in shown
    assert "a.wav   0%" in shown and "b{}.wav   0%" in shown
    assert "0/40 s of audio" in shown


def test_no_bar_where_nobody_watches(capsys):
    bar = SecondsBar(hidden=True)
    bar("a.wav", 0.0, 40.0)
    bar.close()
    assert capsys.readouterr().err == ""


# ---- threads

PROGRAM = """
import os, sys
import npconformer.cli
assert "numpy" not in sys.modules, "the number of threads is fixed when NumPy is imported"
status = npconformer.cli.main(sys.argv[1:])
print([os.environ.get(name) for name in {names!r}])
print(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0)
sys.exit(status)
"""


def threads_of(*options, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment.update(PYTHONPATH=str(CHECKOUT), **variables)
    command = [sys.executable, "-c", PROGRAM.format(names=VARIABLES), "transcribe", str(RECORDING), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    text, said, count = done.stdout.splitlines()
    assert text == DEMO_TEXT
    return said, int(count)


def test_threads_are_set_before_numpy_is_imported():
    said, one = threads_of("--threads", "1", OMP_NUM_THREADS="2")
    assert said == str(["1"] * len(VARIABLES))
    said, two = threads_of("--threads", "2")
    assert said == str(["2"] * len(VARIABLES))
    if one and (os.cpu_count() or 1) > 1 and "openblas" in str(np.show_config(mode="dicts")).lower():
        assert two > one  # OpenBLAS has its threads from the start on


def test_without_threads_the_environment_stays_as_it_is():
    assert threads_of(OMP_NUM_THREADS="1")[0] == str(["1", None, None, None])


@pytest.mark.parametrize("command", ["transcribe", "classify", "diarize", "embed", "compare", "demo"])
def test_every_command_that_runs_a_model_has_threads(capsys, command):
    status, out, _ = run(capsys, command, "--help")
    assert status == 0
    assert "--threads N" in out
