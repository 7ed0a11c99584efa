"""Execute the study notebooks from clean kernels and compare what comes out with what is stored.

    python -m tests.notebooks                 # all of them; the exit status is 1 where one has a problem
    python -m tests.notebooks 05 11           # those whose names begin so
    python -m tests.notebooks --write 05      # stores the outputs of the run, with minimal metadata

A notebook with an error or a message on standard error is never written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

sys.path[:0] = [str(Path(__file__).parent)]  # where pytest looks as well

from form import problems_of_form  # noqa: E402
from notebook_files import FOLDER, execute, notebook_paths, read, write  # noqa: E402
from stale import problems_of_counts, problems_of_outputs, problems_of_stored  # noqa: E402


def check(path: Path, writes: bool = False) -> list[str]:
    """Executes one notebook; what is wrong with it, after writing it if that was asked for and it ran well."""
    stored = read(path)
    executed = execute(stored, path.parent)
    problems = problems_of_outputs(executed)
    if writes and not problems:
        write(path, executed)
        stored = read(path)
    return problems + problems_of_counts(stored) + problems_of_stored(stored, executed)


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.notebooks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="how the file's name begins; default: all notebooks")
    parser.add_argument("--write", action="store_true", help="store the outputs of this run")
    options = parser.parse_args(arguments)
    try:
        paths = notebook_paths(options.names, folder)
    except ValueError as error:
        parser.error(str(error))
    wrong, begun = 0, perf_counter()
    for path in paths:
        started = perf_counter()
        problems = check(path, options.write) + problems_of_form(path, read(path))
        wrong += bool(problems)
        print(f"{path.name}: {perf_counter() - started:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
        for problem in problems:
            print(f"    {problem}", flush=True)
    print(f"{len(paths)} notebooks in {perf_counter() - begun:.0f} s, {wrong} of them with problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
