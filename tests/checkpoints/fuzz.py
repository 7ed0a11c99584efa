"""Damage files of weights at random, and see that reading them ends well.

    python -m tests.checkpoints.fuzz --files 20000
    python -m tests.checkpoints.fuzz --files 1 --seed 4711        # one of them again

Every damaged file must be refused with a ValueError or FileNotFoundError or give arrays, within 5 seconds and 1 GB of
memory. Anything else is printed with its seed, and the exit status is 1. Files are read in processes of their own that
are held to that memory; what ends such a process is a finding like any other. `damage` says what is damaged and how.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent)]  # where pytest looks as well

from damage import whole_checkpoints, write_damaged  # noqa: E402

from npconformer.checkpoints.array_file import open_weights  # noqa: E402

MEMORY = 10**9  # bytes
SECONDS = 5
BATCH = 500  # files a process


def read_one(folder):
    """How reading a folder's weights ended: "refused" or "read". Any other error goes on."""
    try:
        file = open_weights(folder)
        for name in file:
            array = file.read(name, np.float32)
            assert type(array) is np.ndarray and array.shape == file.shape(name)
            with np.errstate(all="ignore"):
                array.sum()  # touches every number
    except (ValueError, FileNotFoundError) as error:
        assert str(error)
        return "refused"
    return "read"


def read_damaged(seeds):
    """For each seed, how reading its checkpoint ended; "FAILED" and why where it did not end well."""
    checkpoints = list(whole_checkpoints())
    with tempfile.TemporaryDirectory() as name:
        for seed in seeds:
            write_damaged(Path(name), seed, checkpoints)
            start = time.perf_counter()
            try:
                ending = read_one(Path(name))
            except Exception:
                ending = "FAILED " + traceback.format_exc().strip().replace("\n", " | ")
            took = time.perf_counter() - start
            yield seed, ending if took < SECONDS else f"FAILED took {took:.1f} s"


def work(first, count):
    """In a process of its own: say on standard output how each ended, before the next one is begun."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for seed, ending in read_damaged(range(first, first + count)):
        print(seed, ending, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print("peak", peak, flush=True)


def run(files, seed):
    """All of them, in processes: how often each ending came, what went wrong, and the most memory of a process."""
    endings, failures, peak = {"read": 0, "refused": 0}, [], 0
    while files > 0:
        count = min(files, BATCH)
        command = [sys.executable, "-m", "tests.checkpoints.fuzz", "--worker", str(seed), str(count)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60 + count)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first one (default: %(default)s)")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        return 0
    start = time.perf_counter()
    endings, failures, peak = run(arguments.files, arguments.seed)
    for failure in failures:
        print(failure)
    print(
        f"{arguments.files} files: {endings['refused']} refused, {endings['read']} read, {len(failures)} faults; "
        f"{time.perf_counter() - start:.0f} s, at most {peak / 1e6:.0f} MB"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
