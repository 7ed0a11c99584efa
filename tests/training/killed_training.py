"""A tiny training in a process of its own, to be killed.

    python killed_training.py OUTPUT STEPS [--kind KIND] [--die-at N]

Resumes what is in OUTPUT; KIND is one of those of `tiny_training`. With --die-at the process sends itself SIGKILL just
before the N-th time that it opens, renames or removes something in OUTPUT, which is how a test reaches every moment of
saving. Prints "training" when the loop begins.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree"}


def start(output: Path, steps: int, die_at: int | None = None, kind: str = "conformer") -> subprocess.Popen:
    """The process, with the package of this checkout."""
    paths = [str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, __file__, str(output), str(steps), "--kind", kind]
    command += [] if die_at is None else ["--die-at", str(die_at)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def die_at_event(number: int, output: str) -> None:
    left = [number]

    def hook(event: str, arguments: tuple) -> None:
        if event in EVENTS and any(isinstance(a, str | os.PathLike) and output in os.fspath(a) for a in arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("steps", type=int)
    parser.add_argument("--kind", default="conformer")
    parser.add_argument("--die-at", type=int)
    args = parser.parse_args()
    from tiny_training import tiny_trainer

    options = {"save_every": 2, "keep": 2, "evaluation": True, "evaluate_every": 6, "ema": 0.9}
    trainer = tiny_trainer(args.output, kind=args.kind, steps=args.steps, **options)
    trainer._report = lambda line: print(line, file=sys.stderr, flush=True)
    print("training", flush=True)
    if args.die_at is not None:
        die_at_event(args.die_at, str(args.output))
    trainer.train(resume=True)


if __name__ == "__main__":
    main()
