"""`npconformer train`: who speaks, by name: the classes of frames, and speakers whom only the evaluation has."""

import json
import shutil

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import make_waveforms
from train_command import CONFIG, FAST, train

import npconformer
from npconformer.storage.step_log import read_log

UNNAMED = {name: value for name, value in CONFIG.items() if name != "id2label"}


@pytest.fixture
def unnamed(tmp_path):
    """A configuration that does not name its classes."""
    (tmp_path / "unnamed.json").write_text(json.dumps(UNNAMED))
    return tmp_path / "unnamed.json"


@pytest.fixture
def meetings(tmp_path):
    """Six recordings of two of three people each."""
    folder = tmp_path / "meetings"
    folder.mkdir()
    for i, waveform in enumerate(make_waveforms([12000] * 6)):
        soundfile.write(folder / f"{i}.wav", waveform, 16000)
        first, second = ("ben", "anna", "carl")[i % 3], ("anna", "carl", "ben")[i % 3]
        lines = (f"SPEAKER {i} 1 {at} 0.3 <NA> <NA> {who} <NA> <NA>\n" for at, who in ((0.0, first), (0.35, second)))
        (folder / f"{i}.rttm").write_text("".join(lines))
    return folder


def labels(folder):
    return list(npconformer.AutoConfig.from_pretrained(folder).id2label.values())


def test_classes_of_frames_are_the_speakers(capsys, unnamed, meetings, tmp_path):
    argv = ("--task", "frame", "--train", meetings, *FAST)
    status, _, err = train(capsys, tmp_path / "out", *argv, "--from", unnamed)
    assert status == 0 and "3 classes of the training data: anna, ben, carl\n" in err, err
    assert "train: 6 recordings\n" in err and "two recordings" not in err
    assert labels(tmp_path / "out/model") == ["anna", "ben", "carl"]
    status, _, err = train(capsys, tmp_path / "out", "--resume", "--steps", 5)
    assert status == 0 and "random" not in err and "left out" not in err
    status, _, err = train(capsys, tmp_path / "two", *argv, "--from", unnamed, "--set", "num_labels=2")
    assert status == 2 and "num_labels is 2, and the training data have 3 classes" in err and "--speakers order" in err
    alone = shutil.copytree(meetings, tmp_path / "alone", ignore=shutil.ignore_patterns("*.rttm"))
    status, _, err = train(capsys, tmp_path / "none", *argv, "--train", alone, "--from", unnamed)
    assert status == 2 and "no RTTM file of the training data says who speaks when" in err


def test_the_other_meaning_by_its_name(capsys, unnamed, meetings, tmp_path):
    argv = ("--task", "frame", "--from", unnamed, "--train", meetings, "--speakers", "order", *FAST)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0 and "classes of the training data" not in err, err
    assert labels(tmp_path / "out/model") == ["LABEL_0", "LABEL_1"]
    assert json.loads((tmp_path / "out/arguments.json").read_text())["speakers"] == "order"
    status, _, err = train(capsys, tmp_path / "out", "--resume", "--steps", 5)
    assert status == 0 and "left out" not in err


@pytest.mark.parametrize("kept", [None, "silence"])
def test_a_new_head(kept, capsys, meetings, tmp_path):
    names = ["x", "y"] if kept is None else ["x", kept]
    (tmp_path / "xy.json").write_text(json.dumps({**UNNAMED, "id2label": dict(enumerate(names))}))
    argv = ("--task", "frame", "--train", meetings, *FAST)
    status, _, err = train(capsys, tmp_path / "xy", *argv, "--from", tmp_path / "xy.json", "--speakers", "order")
    assert status == (0 if kept is None else 2), err
    if kept is None:
        source = tmp_path / "xy/model"
        status, _, err = train(capsys, tmp_path / "left", *argv, "--from", source)
        assert status == 2 and "its speakers 'ben', 'anna' are none of the model's: 'x', 'y'" in err
        assert "6 of those left out" in err and "--new-head" in err and "--speakers order" in err
    else:
        source = tmp_path / "xy.json"
    status, _, err = train(capsys, tmp_path / "new", *argv, "--from", source, "--new-head")
    assert status == 0 and "train: 6 recordings\n" in err, err
    assert labels(tmp_path / "new/model") == ["anna", "ben", "carl", *([kept] if kept else [])]
    if kept is None:
        assert "these start at random: classifier.weight, classifier.bias\n" in err


def test_nobody_comes_twice(capsys, unnamed, meetings, tmp_path):
    for i in (3, 4, 5):
        (meetings / f"{i}.wav").unlink()
    for i in range(3):
        path = meetings / f"{i}.rttm"
        path.write_text(path.read_text().replace("<NA> <NA> ", f"<NA> <NA> {i}-"))
    status, _, err = train(capsys, tmp_path / "out", "--task", "frame", "--from", unnamed, "--train", meetings, *FAST)
    assert status == 0 and "nobody speaks in two recordings; " in err and "--speakers order" in err


@pytest.mark.parametrize("kinds", ["ab", "cd", "abcd"])
def test_speakers_whom_training_never_heard(kinds, capsys, config, folder, tmp_path):
    """The error rate is of their vectors; the loss of those alone whom the model knows."""
    others = tmp_path / "eval"
    for i, path in enumerate(sorted(folder.rglob("*.wav"))):
        target = others / kinds[i % len(kinds)] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    argv = ("--task", "xvector", "--from", config, "--train", folder, "--eval", others, *FAST)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0 and "eval: 8 recordings\n" in err, err
    unheard = {"ab": 0, "cd": 8, "abcd": 4}[kinds]
    note = f"eval: {unheard} of the recordings are of speakers that training never heard"
    assert (note in err) == (unheard > 0)
    last = read_log(tmp_path / "out/log.csv")[-1]
    assert np.isnan(last["eval_loss"]) == (kinds == "cd") and 0 <= last["eval_eer"] <= 1
    figures = run(capsys, "evaluate", others, "--model", tmp_path / "out/model", "--format", "json")[1]
    assert last["eval_eer"] == pytest.approx(json.loads(figures)["equal_error_rate"], rel=1e-6)
    if kinds == "abcd":
        for name in "cd":
            shutil.rmtree(others / name)
        argv = (*argv[:-6], "--steps", 4, "--batch-seconds", 3, "--eval-every", 4)
        assert train(capsys, tmp_path / "known", *argv)[0] == 0
        assert read_log(tmp_path / "known/log.csv")[-1]["eval_loss"] == pytest.approx(last["eval_loss"], rel=1e-5)
