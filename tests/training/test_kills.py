"""SIGKILL at random moments and inside saving: what is resumed ends with the bits of an undisturbed training.

NPCONFORMER_KILLS=50 makes it 50 kills of each kind; `benchmarks/kill_training.py` does the same with a report.
"""

import os
import signal
import sys
import time

import numpy as np
import pytest
from killed_training import start
from tiny_training import digest

from npconformer.storage.step_log import read_log

STEPS = 16
KILLS = int(os.environ.get("NPCONFORMER_KILLS", "4"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


@pytest.fixture(scope="module", params=["conformer", "bert-adapter"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def undisturbed(kind, tmp_path_factory):
    """The folder of a training that nobody killed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    process = start(folder, STEPS, kind=kind)
    assert process.wait() == 0, process.stderr.read()
    return folder


def finish(folder, kind):
    """Resumes to the end; returns what was said."""
    process = start(folder, STEPS, kind=kind)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return said


def assert_same(folder, other):
    for name in (f"checkpoint-{STEPS}", "model", "best"):
        assert digest(folder / name) == digest(other / name)
    assert [p.name for p in folder.iterdir() if p.name.endswith((".new", ".old"))] == []
    losses = [
        [(row["step"], row.get("loss"), row.get("eval_loss")) for row in read_log(f / "log.csv")]
        for f in (folder, other)
    ]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_kills_at_random_moments(kind, undisturbed, tmp_path):
    random = np.random.default_rng(1)
    kills = round_ = 0
    while kills < KILLS:
        folder = tmp_path / str(round_)
        round_ += 1
        while True:
            process = start(folder, STEPS, kind=kind)
            process.stdout.readline()  # the loop begins
            time.sleep(random.uniform(0.0, 0.5))
            process.kill()
            _, said = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL), said
            if process.returncode == 0:
                break
            kills += 1
            if kills >= KILLS:
                break
        assert "is damaged" not in finish(folder, kind)
        assert_same(folder, undisturbed)


@pytest.mark.slow
def test_kills_inside_saving(kind, undisturbed, tmp_path):
    random = np.random.default_rng(2)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        process = start(folder, STEPS, die_at=int(random.integers(1, 680)), kind=kind)
        _, said = process.communicate()
        assert process.returncode == -signal.SIGKILL, said
        assert "is damaged" not in finish(folder, kind)
        assert_same(folder, undisturbed)
