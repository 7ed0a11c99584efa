"""The curves of a training: each column's points where the log has them."""

import numpy as np
import pytest
from drawn_texts import assert_texts_are_apart

from npconformer import plots
from npconformer.storage.step_log import CsvLog

COLUMNS = ("loss", "eval_loss", "eval_wer", "learning_rate")


@pytest.fixture
def training(tmp_path):
    """A folder with the log of a training of ten steps, evaluated after each fifth."""
    return write_training(tmp_path / "out", 1.0)


def write_training(folder, level):
    folder.mkdir()
    log = CsvLog(folder / "log.csv", COLUMNS)
    for step in range(1, 11):
        log.add({"step": step, "loss": level / step, "learning_rate": 1e-3})
        if step % 5 == 0:
            log.add({"step": step, "eval_loss": 2 * level / step, "eval_wer": 0.5 / step})
    return folder


def lines_of(axes):
    return {line.get_label(): np.array(line.get_data()).T.tolist() for line in axes.lines}


def test_panels(training):
    pytest.importorskip("matplotlib")
    figure = plots.training_curves(training)
    losses, rate, schedule = figure.axes
    lines = lines_of(losses)
    assert lines["eval_loss"] == [[5, pytest.approx(0.4)], [10, pytest.approx(0.2)]]
    assert len(lines["loss"]) == 10 and lines["loss"][3] == [4, 0.25]
    assert lines_of(rate) == {"eval_wer": [[5, pytest.approx(0.1)], [10, pytest.approx(0.05)]]}
    assert list(lines_of(schedule)) == ["learning_rate"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "wer", "learning rate"]
    assert schedule.get_xlabel() == "step"
    assert_texts_are_apart(figure)


def test_two_trainings_in_one_panel(training, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    other = write_training(tmp_path / "other", 3.0)
    axes = Figure().subplots()
    assert plots.training_curves([training, other / "log.csv"], columns="loss", ax=axes) is axes.figure
    lines = lines_of(axes)
    assert list(lines) == ["out loss", "other loss"] and lines["other loss"][0] == [1, 3.0]
    colours = {line.get_color() for line in axes.lines}
    assert len(colours) == 2 and axes.get_legend() is not None


def test_bad_input(training, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(FileNotFoundError, match="no log of a training is there"):
        plots.training_curves(tmp_path / "none")
    with pytest.raises(ValueError, match="columns: expected some of loss, learning_rate, eval_loss, eval_wer, got cer"):
        plots.training_curves(training, columns=["cer"])
    with pytest.raises(ValueError, match="ax: takes one panel, and there would be 3"):
        plots.training_curves(training, ax=object())


def test_the_file_that_a_training_writes(training, tmp_path):
    pytest.importorskip("matplotlib")
    plots.write_training_curves(training / "log.csv", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    CsvLog(tmp_path / "empty.csv", COLUMNS)
    plots.write_training_curves(tmp_path / "empty.csv", tmp_path / "empty.png")
    assert (tmp_path / "empty.png").is_file()


def test_without_matplotlib(training, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"npconformer\[plots\]"):
        plots.write_training_curves(training, tmp_path / "curves.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
