"""Kills a training again and again, and looks whether what is resumed ends with the very same weights.

    python benchmarks/kill_training.py --kills 50

Half of the kills (SIGKILL) come at random moments; the other half just before the training opens, renames or removes a
file of its own for the n-th time, n drawn at random, so that every moment of saving has its turn. After every kill the
training is resumed. Whenever one reaches its end, its last checkpoint (weights, optimiser, running average), its last
model, its best model and its log are compared, byte by byte, with those of a training that nobody disturbed.

The exit status is 0 if all were the same.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[1] / "tests" / "training"
sys.path.insert(0, str(TESTS))

from killed_training import start  # noqa: E402
from tiny_training import digest  # noqa: E402

from npconformer.storage.step_log import read_log  # noqa: E402

FILE_EVENTS = 200  # about as many as between two checkpoints, and as one kill may wait for


def result_of(folder: Path, steps: int) -> tuple:
    """What has to be the same."""
    weights = [digest(folder / name) for name in (f"checkpoint-{steps}", "model", "best")]
    log = [{name: value for name, value in row.items() if name != "seconds"} for row in read_log(folder / "log.csv")]
    return weights, log


def wait_for_end(process) -> str:
    """How the process ended; its words if that was neither well nor by a kill."""
    _, said = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"the training failed:\n{said}")
    if "is damaged" in said:
        raise SystemExit(f"a checkpoint was damaged:\n{said}")
    return "done" if process.returncode == 0 else "killed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--steps", type=int, default=60, help="of each training; a checkpoint is saved every 2")
    parser.add_argument("--seconds", type=float, default=0.6, help="a random kill comes within")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        undisturbed = Path(place, "undisturbed")
        wait_for_end(start(undisturbed, args.steps))
        expected = result_of(undisturbed, args.steps)
        kills = {"at a random moment": 0, "inside saving": 0}
        trainings = same = 0
        while sum(kills.values()) < args.kills or trainings == 0:
            trainings += 1
            folder = Path(place, str(trainings))
            end = "killed"
            while end == "killed":
                enough = sum(kills.values()) >= args.kills
                kind = min(kills, key=kills.get)
                inside = kind == "inside saving" and not enough
                process = start(folder, args.steps, int(random.integers(1, FILE_EVENTS)) if inside else None)
                if not inside and not enough:
                    process.stdout.readline()  # the loop begins
                    time.sleep(random.uniform(0.0, args.seconds))
                    process.kill()
                end = wait_for_end(process)
                kills[kind] += end == "killed"
            same += result_of(folder, args.steps) == expected
            print(f"training {trainings}: {kills}, the same {same} of {trainings}", flush=True)
    verdict = "all ended with the same bytes" if same == trainings else f"{trainings - same} ENDED DIFFERENTLY"
    seconds = time.perf_counter() - started
    print(f"{sum(kills.values())} kills {kills} in {trainings} trainings, {seconds:.0f} s: {verdict}")
    return 0 if same == trainings else 1


if __name__ == "__main__":
    sys.exit(main())
