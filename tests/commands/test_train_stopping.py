"""`npconformer train`: Ctrl-C and SIGTERM save the step that is under way, and lose nothing."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from train_command import FAST, train, weights

import npconformer.training.trainer as trainer_module
from npconformer.commands.stop_signals import stop_signals


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves(number, status, capsys, config, folder, tmp_path, monkeypatch):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST[:-1], 4)
    assert train(capsys, tmp_path / "whole", *argv)[0] == 0
    run_step, steps, handler = trainer_module.run_step, [], signal.getsignal(number)

    def step(*arguments):
        steps.append(len(steps))
        if len(steps) == 3:
            os.kill(os.getpid(), number)
        return run_step(*arguments)

    monkeypatch.setattr(trainer_module, "run_step", step)
    found, _, err = train(capsys, tmp_path / "part", *argv)
    assert found == status and len(steps) == 3
    assert "stopping after this step" in err and "stopped at step 3; go on with: npconformer train --resume" in err
    assert {path.name for path in (tmp_path / "part").glob("*-*")} == {"checkpoint-3"}
    assert not (tmp_path / "part/model").exists() and signal.getsignal(number) == handler
    found, _, err = train(capsys, tmp_path / "part", "--resume")
    assert found == 0 and "going on from step 3" in err
    assert weights(tmp_path / "part/model") == weights(tmp_path / "whole/model")


def test_a_second_one_stops_at_once(capsys, config, folder, tmp_path, monkeypatch):
    def step(*arguments):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    monkeypatch.setattr(trainer_module, "run_step", step)
    status, _, err = train(capsys, tmp_path, "--task", "ctc", "--from", config, "--train", folder, *FAST)
    assert status == 130 and "interrupted; go on with" in err and not list(tmp_path.glob("checkpoint-*"))


def test_before_the_first_step_and_after_the_last(capsys, config, folder, tmp_path, monkeypatch):
    argv = ("--task", "ctc", "--from", config, "--train", folder, *FAST)

    def start(trainer, resume):
        os.kill(os.getpid(), signal.SIGTERM)
        return began(trainer, resume)

    began = trainer_module.Trainer._start
    monkeypatch.setattr(trainer_module.Trainer, "_start", start)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 143 and "stopped at step 0" in err and not list((tmp_path / "out").glob("checkpoint-*"))
    monkeypatch.setattr(trainer_module.Trainer, "_start", began)
    draw = trainer_module.Trainer._draw
    monkeypatch.setattr(trainer_module.Trainer, "_draw", lambda t: (os.kill(os.getpid(), signal.SIGTERM), draw(t)))
    status, out, _ = train(capsys, tmp_path / "out", "--resume")
    assert status == 0 and "trained 4 steps" in out


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals(pytest.fail):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_is_left_alone():
    done = []

    def inside():
        with stop_signals(pytest.fail):
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.slow
def test_a_process_that_is_told_to_end(config, folder, tmp_path):
    argv = ["--task", "ctc", "--from", config, "--train", folder, "--output", tmp_path, "--steps", 100000]
    argv += ["--save-every", 100000, "--log-every", 1, "--batch-size", 1]
    process = subprocess.Popen(
        [sys.executable, "-m", "npconformer", "train", *map(str, argv)], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("npconformer: step 5 of"):
            process.send_signal(signal.SIGTERM)
            break
    rest = process.stderr.read()
    assert process.wait(60) == 143 and "go on with: npconformer train --resume" in rest
    assert len(list(tmp_path.glob("checkpoint-*"))) == 1
