"""Whether speed depends on who calls: another thread, asyncio, a forked child, what was imported first, a busy core.

    python -m benchmarks.anywhere FOLDER                         # a model's folder; 10 s of noise
    python -m benchmarks.anywhere FOLDER --seconds 1 --rounds 5

Every row is a process of its own; the rows are measured in turn, round after round, each as the median of its samples
with a pause before each. Requests: 64 in a row, and 64 from 8 threads at once, of a tenth of the seconds; their results
must be equal. "one core busy": another process counts as fast as it can meanwhile; beside it the same with one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from benchmarks.jobs import environment
from benchmarks.table import Table, plain
from benchmarks.timing import WARM_UP

PAUSE = 0.16  # s before a sample
REQUESTS, CALLERS = 64, 8
IMPORTS = {
    "NumPy first": "numpy",
    "scipy first": "scipy.linalg",
    "torch first": "torch",
    "npconformer first": "npconformer",
}
PLACES = ("main thread", "another thread", "asyncio.to_thread", "forked child")


def in_place(place: str, function: Callable[[], Any]) -> Any:
    """What function() returns, called there."""
    if place == "another thread":
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(function()))
        thread.start()
        thread.join()
        return results[0]
    if place == "asyncio.to_thread":
        import asyncio

        return asyncio.run(asyncio.to_thread(function))
    if place == "forked child":
        function()  # the parent has threads of its own when it forks
        readable, writable = os.pipe()
        if (child := os.fork()) == 0:
            os.write(writable, json.dumps(function()).encode())
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable) as pipe:
            told = json.loads(pipe.read())
        os.waitpid(child, 0)
        return told
    return function()


def worker(folder: str, seconds: float, samples: int, place: str, first: str, requests: bool) -> dict[str, float]:
    """In a process of its own: the median seconds of a pass, or of all requests in a row and at once."""
    __import__(first)
    import numpy as np

    import npconformer

    model = npconformer.AutoModelForCTC.from_pretrained(folder)
    features = getattr(model.config, "feature_projection_input_dim", None)
    rng, length = np.random.default_rng(0), (seconds / 10 if requests else seconds)
    shape = (1, round(length * 50), features) if features else (1, round(length * 16_000))
    inputs = [rng.standard_normal(shape, dtype=np.float32) for _ in range(REQUESTS if requests else 1)]

    def run(x: Any) -> Any:
        with npconformer.no_grad():
            return model(x).logits.data

    def timed(function: Callable[[], Any]) -> float:
        time.sleep(PAUSE)
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    for _ in range(WARM_UP):
        run(inputs[0])
    if not requests:
        return in_place(place, lambda: {"pass": median(timed(lambda: run(inputs[0])) for _ in range(samples))})
    with ThreadPoolExecutor(CALLERS) as callers:
        alone = [run(x) for x in inputs]
        together = list(callers.map(run, inputs))
        if not all(map(np.array_equal, alone, together)):
            raise SystemExit("the results of requests at once differ from those in a row")
        in_a_row = median(timed(lambda: [run(x) for x in inputs]) for _ in range(3))
        return {
            "in a row": in_a_row,
            "at once": median(timed(lambda: list(callers.map(run, inputs))) for _ in range(3)),
        }


def measure(arguments: argparse.Namespace, threads: int, **more: Any) -> dict[str, float]:
    """What `worker` tells from a new process."""
    job = {"folder": arguments.folder, "seconds": arguments.seconds, "samples": arguments.samples}
    job |= {"place": PLACES[0], "first": "numpy", "requests": False, **more}
    command = [sys.executable, "-m", "benchmarks.anywhere", arguments.folder, "--job", json.dumps(job)]
    process = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(process.stderr)
    return json.loads(process.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anywhere", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of a recogniser")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--samples", type=int, default=5, help="in each process; default: 5")
    parser.add_argument("--rounds", type=int, default=3, help="of all processes; default: 3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(worker(**json.loads(arguments.job))))
        return 0
    found: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for place in PLACES:
            found.setdefault(place, []).append(measure(arguments, arguments.threads, place=place)["pass"])
        for name, module in IMPORTS.items():
            found.setdefault(name, []).append(measure(arguments, arguments.threads, first=module)["pass"])
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            for threads in (arguments.threads, 1):
                name = f"one core busy, {threads} thread{'s' if threads > 1 else ''}"
                found.setdefault(name, []).append(measure(arguments, threads)["pass"])
        finally:
            busy.kill()
        for name, seconds in measure(arguments, arguments.threads, requests=True).items():
            found.setdefault(f"{REQUESTS} requests {name}", []).append(seconds)
    base = found[PLACES[0]]
    table = Table(f"{arguments.folder}, {arguments.seconds:g} s", "Medians; the ratio is that of samples of one round.")
    for name, seconds in found.items():
        ratio = median(a / b for a, b in zip(seconds, base, strict=True))
        table.add({"": name, "ms": 1000 * median(seconds), "/ main thread": ratio})
    print(plain(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
