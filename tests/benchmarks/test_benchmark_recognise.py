"""Recognisers beside each other: which, what a table says of their results, and the bars; results are made up."""

import numpy as np
import pytest

from benchmarks import jobs, recognise, recognisers
from benchmarks.cases import DIGITS, RECORDING
from benchmarks.recognisers import OURS, SPHINX, TORCH, WHISPER

DATA = recognise.Data(["a.wav", "b.wav"], ["It's one, two.", "THREE"], 20.0)
TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"  # of the demo's recording
RIGHT = ["it's one two", "three"]


def result(seconds=1.0, texts=RIGHT, peak=200e6):
    return {"texts": texts, "seconds": seconds, "cpu": 2 * seconds, "load": 0.1, "loaded": 100e6, "peak": peak}


def options(*more):
    return recognise.parse(["data", *more])


def test_either_a_model_or_arrays(capsys):
    with pytest.raises(SystemExit):
        options()
    assert "--model or --arrays" in capsys.readouterr().err


def test_sides(monkeypatch):
    monkeypatch.setattr(recognise, "is_installed", lambda side: side != WHISPER)
    chosen = recognise.choose_sides(options("--arrays", "a", "--dtype", "float32", "int8"), "m")
    names = [side.name for side in chosen]
    assert names[:3] == ["npconformer, float32", TORCH, "npconformer, float32, batches of 8"]
    assert names[3:] == ["npconformer, int8", "npconformer, int8, batches of 8", SPHINX]
    assert chosen[4].settings == {"model": "m", "dtype": "int8", "batch_size": 8}
    assert [side.kind for side in recognise.choose_sides(options("--model", "m"), "m")] == [OURS, OURS, SPHINX]
    alone = recognise.choose_sides(options("--arrays", "a", "--only-ours", "--batch-size", "1"), "m")
    assert [side.kind for side in alone] == [OURS]


def test_who_is_refused_is_named_once_and_others_run_in_turns(monkeypatch, capsys):
    called = []

    def run(function, arguments, threads):
        assert function == "benchmarks.recognisers:measure" and threads == 3
        called.append(arguments["side"])
        return {"refused": "no weights"} if arguments["side"] == WHISPER else result()

    monkeypatch.setattr(jobs, "run", run)
    sides = [recognise.Side(kind, kind, {}) for kind in (OURS, TORCH, WHISPER, SPHINX)]
    runs = recognise.run_sides(sides, DATA, options("--model", "m", "--rounds", "3", "--threads", "3"))
    assert called == [OURS, TORCH, WHISPER, SPHINX, OURS, TORCH, OURS, TORCH]
    assert {name: len(found) for name, found in runs.items()} == {OURS: 3, TORCH: 3, SPHINX: 1}
    assert capsys.readouterr().out == f"{WHISPER}: not measured: no weights\n"


def test_a_row():
    ours, theirs = [result(2.0), result(3.0), result(4.0)], [result(4.0, ["it's won two", "tree"])]
    row = dict(zip(recognise.COLUMNS, recognise.row_of("x", theirs, ours, DATA)))
    assert row["words"] == "50.00% (2 of 4)" and row["letters"] == f"{3 / 17:.2%}"  # o-n-e to w-o-n: 2; a lost h: 1
    assert (row["seconds"], row["cpu"], row["rtf"], row["ratio"]) == ("4.00", "8.00", "0.2000", "0.50")
    row = dict(zip(recognise.COLUMNS, recognise.row_of("ours", ours, ours, DATA)))
    assert row["words"] == "0.00% (0 of 4)" and row["fastest"] == "2.00" and row["seconds"] == "3.00"


def test_texts_that_differ(capsys):
    assert recognise.differing({OURS: [result()]}, OURS) == 0
    assert recognise.differing({OURS: [result()], TORCH: [result()]}, OURS) == 0
    assert recognise.differing({OURS: [result()], TORCH: [result(texts=[RIGHT[0], "free"])]}, OURS) == 1
    assert "'three'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ours", "theirs", "start", "missed"),
    [((1.0, 200e6), 1.0, 0.5, 0), ((1.2, 200e6), 1.0, 0.5, 1), ((1.0, 251e6), 1.0, 0.5, 1), ((3.0, 3e8), 1.0, 2.0, 3)],
)
def test_bars(ours, theirs, start, missed, capsys):
    runs = {OURS: [result(ours[0], peak=ours[1])], TORCH: [result(theirs)]}
    assert recognise.missed_bars(runs, OURS, start) == missed
    assert capsys.readouterr().out.count("MISSED") == missed


def test_a_kind_of_storage_that_is_refused():
    answer = recognisers.measure(OURS, {"model": str(DIGITS), "dtype": "int3"}, [], 1, 1)
    assert answer == {"refused": "int3: not supported by this version"}


def test_a_measurement():
    """The embedded recogniser on the demo's recording."""
    path = str(RECORDING)
    answer = recognisers.measure(OURS, {"model": str(DIGITS), "batch_size": 2}, [path, path], 2, 1)
    assert answer["texts"] == [TEXT] * 2
    assert 0 < answer["seconds"] and answer["loaded"] <= answer["peak"]


def test_other_rates_are_refused(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "x.wav", np.zeros(80), 8000)
    with pytest.raises(recognisers.RefusedError, match="8000 Hz"):
        recognisers.read_samples(str(tmp_path / "x.wav"))


def test_five_seconds(tmp_path):
    import soundfile

    for name, seconds in (("a", 4), ("b", 7)):
        soundfile.write(tmp_path / f"{name}.wav", np.full(16000 * seconds, 0.1), 16000)
    data = recognise.Data([str(tmp_path / "a.wav"), str(tmp_path / "b.wav")], [], 0)
    assert soundfile.info(recognise.write_five_seconds(data, tmp_path)).duration == 5


@pytest.mark.slow
def test_the_torch_program_gives_the_same_texts(shared):
    pytest.importorskip("torch")
    arrays = str(shared / "models/conformer-ctc-small")
    data = recognise.read_data(str(shared / "data/librispeech/transcripts.tsv"))
    texts = recognisers.measure(TORCH, {"arrays": arrays}, data.paths, 1, 1)["texts"]
    assert recognise.count_errors(data.texts, texts)[0].errors == 31
