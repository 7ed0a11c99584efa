"""`npconformer train --resume`: what contradicts the training that is there is refused and changes nothing."""

import hashlib

import pytest
from train_command import FAST, train

from npconformer.commands.train_arguments import SETTINGS, read_arguments


@pytest.fixture(scope="module")
def begun(configs, folder, tmp_path_factory):
    """The output folder of a training of four steps, and what it was called with."""
    from npconformer.cli import main

    output = tmp_path_factory.mktemp("begun") / "out"
    argv = ("--task", "ctc", "--from", configs["conformer"], "--train", folder, *FAST, "--set", "hidden_dropout=0.2")
    assert main(["train", "--output", str(output), *map(str, argv)]) == 0
    return output, argv


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--task", "sequence"), "--task was ctc, and sequence would have no effect"),
        (("--from", "other.json"), "--from was "),
        (("--new-head",), "--new-head was False, and True would have no effect"),
        (("--set", "hidden_dropout=0.3"), "--set hidden_dropout=0.3 would have no effect: "),
        (("--set", "hidden_dropot=0.3"), "did you mean 'hidden_dropout'?"),
        (("--patience", 2), "--patience is about evaluations"),
        (("--eval-every", 2), "--eval-every is about evaluations"),
        (("--revision", "main"), "--revision was None, and main would"),
        (("--speakers", "order"), "--speakers was names, and order would"),
        (("--ema", 0.9), "holds no running average"),
        (("--train", "nowhere.csv"), "no such manifest"),
    ],
)
def test_what_cannot_have_an_effect_is_refused(argv, message, begun, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output, _ = begun
    before = contents(output)
    status, _, err = train(capsys, output, "--resume", *argv)
    assert (status, contents(output)) == (2, before), err
    assert message in err
    assert train(capsys, output, "--resume")[0] == 0  # as if nothing had happened


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--patience", 2), "--patience is about evaluations, of which there are none without --eval"),
        (("--eval-every", 2), "--eval-every is about evaluations"),
        (("--revision", "main"), "--revision is of a repository at the hub"),
        (("--speakers", "order"), "--speakers is for --task frame, not for --task ctc"),
    ],
)
def test_nor_at_the_start(argv, message, capsys, config, folder, tmp_path):
    needed = ("--task", "ctc", "--from", config, "--train", folder)
    status, _, err = train(capsys, tmp_path / "out", *needed, *FAST, *argv)
    assert status == 2 and message in err and not (tmp_path / "out").exists()


def test_the_same_arguments_again(begun, capsys):
    output, argv = begun
    status, _, err = train(capsys, output, "--resume", *argv)
    assert status == 0 and " was " not in err
    assert read_arguments(output / SETTINGS)["set"] == ["hidden_dropout=0.2"]
    status, _, err = train(capsys, output, "--resume", "--set", "mask_time_length=2")  # which it has
    assert status == 0, err
    assert read_arguments(output / SETTINGS)["set"] == ["hidden_dropout=0.2", "mask_time_length=2"]


def test_no_step_is_left(begun, capsys):
    """More steps help, fewer do not."""
    output, _ = begun
    for steps in (4, 2):
        status, out, err = train(capsys, output, "--resume", "--steps", steps)
        assert status == 0 and f"of {steps} steps none is left to do" in err and "trained 4 steps" in out
    assert train(capsys, output, "--resume", "--steps", 4)[0] == 0


def test_nothing_to_resume(capsys, config, tmp_path):
    status, _, err = train(capsys, tmp_path / "out", "--resume")
    assert status == 2 and "out: there is nothing to resume here; to begin, give --task, --from, --train, too" in err
    assert not (tmp_path / "out").exists() and "usage" not in err


@pytest.mark.parametrize("damage", [b"", b'{"task": "ctc", "sou', b'{"task": 7}', b"[1]"])
def test_damaged_arguments(damage, begun, capsys):
    output, argv = begun
    path = output / SETTINGS
    path.write_bytes(damage)
    status, _, err = train(capsys, output, "--resume", *argv[:2])
    assert status == 2 and SETTINGS in err and "give all arguments again, also --from, --train" in err
    status, _, err = train(capsys, output, "--resume", "--task", "sequence", *argv[2:])
    assert status == 2 and "--task sequence: " in err and "is of --task ctc" in err
    assert path.read_bytes() == damage
    status, _, err = train(capsys, output, "--resume", *argv)
    assert status == 0 and "going on with the arguments given now" in err and "going on from step 4" in err
    assert read_arguments(path)["task"] == "ctc"


def test_what_was_named_is_not_named_again(capsys, config, folder, tmp_path):
    names = [f"{folder}/{'ab'[i % 2]}/{i}.wav" for i in range(4)]
    rows = [f"{name},no\n" for name in names] + ["gone.wav,no\n", f"{names[0]},\n"]
    (tmp_path / "data.csv").write_text("path,text\n" + "".join(rows))
    data = ("--train", tmp_path / "data.csv", "--eval", tmp_path / "data.csv")
    status, _, err = train(capsys, tmp_path / "out", "--task", "ctc", "--from", config, *data, *FAST)
    assert status == 0 and err.count("gone.wav: ") == 1 and err.count("no text says what is said") == 1
    table = tmp_path / "out/left_out.csv"
    assert f"eval: 4 recordings, 2 left out (2 of them named before, see {table})\n" in err
    assert table.read_text().count("gone.wav") == 2
    (tmp_path / "data.csv").write_text("path,text\n" + "".join(rows) + "lost.wav,no\n")
    status, _, err = train(capsys, tmp_path / "out", "--resume", "--steps", 5)
    assert status == 0 and "gone.wav" not in err and err.count("lost.wav: ") == 1
    assert f"train: 4 recordings, 3 left out (2 of them named before, see {table}):\n" in err
