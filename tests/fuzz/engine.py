"""Reading thousands of damaged files in processes of their own, which are held to a time and to a memory."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

MEMORY = 10**9  # bytes
SECONDS = 5
BATCH = 500  # files a process


def endings_of(seeds, write, read):
    """For each seed, how reading its file ended; "FAILED" and why where it did not end well.

    write(folder, seed): puts the damaged files into an empty folder; what it returns is given on to read.
    read(folder, written): "read" or "refused"; every error is a fault.
    """
    with tempfile.TemporaryDirectory() as name:
        for seed in seeds:
            folder = Path(name, str(seed))
            folder.mkdir()
            written = write(folder, seed)
            start = time.perf_counter()
            try:
                ending = read(folder, written)
            except Exception:
                ending = "FAILED " + traceback.format_exc().strip().replace("\n", " | ")
            took = time.perf_counter() - start
            yield seed, ending if took < SECONDS else f"FAILED took {took:.1f} s"
            _remove(folder)


def _remove(folder):
    """Takes a folder away, with what a reader has written beside the damaged files."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(os.path.join(parent, name))
        os.rmdir(parent)


def work(endings):
    """In a process of its own: say on standard output how each ended, before the next one is begun."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for seed, ending in endings:
        print(seed, ending, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print("peak", peak, flush=True)


def run(module, files, seed):
    """All of them, in processes: how often each ending came, what went wrong, and the most memory of a process."""
    endings, failures, peak = {"read": 0, "refused": 0}, [], 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    while files > 0:
        count = min(files, BATCH)
        command = [sys.executable, "-m", module, "--worker", str(seed), str(count)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60 + count, env=environment)
            output, status = done.stdout, f"ended with {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired as error:
            output, status = (error.stdout or b"").decode(), "hangs"
        following = seed
        for line in output.splitlines():
            number, _, ending = line.partition(" ")
            if number == "peak":
                peak = max(peak, int(ending))
                continue
            following = int(number) + 1
            if ending in endings:
                endings[ending] += 1
            else:
                failures.append(f"--seed {number}: {ending}")
        if status:
            failures.append(f"--seed {following}: its process {status}")
            following += 1
        files, seed = files - (following - seed), following
    return endings, failures, peak


def main(description, module, endings):
    """The command: runs them, prints the faults and a summary; returns the exit status.

    endings(seeds): pairs of a seed and how it ended.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first one (default: %(default)s)")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        first, count = arguments.worker
        work(endings(range(first, first + count)))
        return 0
    start = time.perf_counter()
    found, failures, peak = run(module, arguments.files, arguments.seed)
    for failure in failures:
        print(failure)
    print(
        f"{arguments.files} files: {found['refused']} refused, {found['read']} read, {len(failures)} faults; "
        f"{time.perf_counter() - start:.0f} s, at most {peak / 1e6:.0f} MB"
    )
    return 1 if failures else 0
