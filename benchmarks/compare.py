"""npconformer beside transformers with torch: agreement first, then time, memory and start.

    python -m benchmarks.compare --quick                              # a few minutes: does it work here?
    python -m benchmarks.compare                                      # everything
    python -m benchmarks.compare --only large-relative --seconds 10   # one model, one length
    python -m benchmarks.compare --measure start                      # import and cold start alone
    python -m benchmarks.compare --device cuda                        # CuPy beside torch on a GPU

Both sides load the same weights, random ones but for the digits model, from one checkpoint folder and run in float32,
with the default attention, eager execution and the same number of threads. Outputs that differ by more than a stated
tolerance are reported and not timed, and the exit status is 1. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import jobs
from benchmarks.arguments import count, positive
from benchmarks.cases import MODELS, ROOT, TRAINED, Case, select
from benchmarks.machine import chosen_kernels
from benchmarks.suite import Suite, say
from benchmarks.table import as_csv, markdown, plain
from npconformer.storage.files import write_text_atomically

RESULTS = ROOT / "benchmarks" / "results"
BUSY = 0.5  # load average
MEASURES = ("forward", "memory", "loading", "start", "training")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to measure")
    what.add_argument("--quick", action="store_true", help="digits model and 1 s of audio with base; no training step")
    what.add_argument("--full", action="store_true", help="every length with every batch size")
    what.add_argument("--only", nargs="+", choices=MODELS, metavar="MODEL", help=f"some of: {' '.join(MODELS)}")
    what.add_argument("--seconds", nargs="+", type=positive, metavar="S", help="lengths of audio; default: 1 10 60")
    what.add_argument("--batch", nargs="+", type=count, metavar="B", help="batch sizes; default: 1, and some with 8")
    what.add_argument(
        "--measure",
        nargs="+",
        choices=MEASURES,
        metavar="MEASURE",
        help=f"some of: {' '.join(MEASURES)}; default: all that fit the choice of models and lengths",
    )
    what.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="cuda: forward alone, with CuPy and torch"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--threads", type=count, default=jobs.available_cores(), help="on both sides; default: all cores")
    how.add_argument("--rounds", type=count, default=7, help="samples of each side; default: 7")
    how.add_argument(
        "--budget", type=positive, default=120.0, metavar="S", help="fewer rounds, but 3, beyond this; default: 120 s"
    )
    how.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="where random models are kept for the next run (5.5 GB); default: a temporary folder",
    )
    how.add_argument(
        "--output",
        type=Path,
        metavar="NAME",
        help="writes NAME.md and NAME.csv; default: benchmarks/results/cpu or cuda, with -part for less than all",
    )
    return parser.parse_args(arguments)


def chosen_measures(options: argparse.Namespace) -> list[str]:
    """What --measure names; else everything, less what a choice of models and lengths leaves out."""
    if options.measure:
        return [measure for measure in MEASURES if measure in options.measure]
    left_out = set()
    if options.seconds or options.batch:
        left_out = {"loading", "start", "training"}
    elif options.only:
        left_out = {"start"} | ({"training"} if TRAINED not in options.only else set())
    if options.quick:
        left_out.add("training")
    return [measure for measure in MEASURES if measure not in left_out]


def run(suite: Suite, cases: list[Case], measures: list[str], device: str) -> Iterator[None]:
    """Makes the measurements, model by model; yields after each, so that results so far can be saved."""
    if device == "cuda":
        for case in cases:
            suite.build(case.model)
            suite.gpu(case)
            yield
        return
    if "start" in measures:
        suite.attempt("start", suite.start)
        yield
    for model in dict.fromkeys(case.model for case in cases):
        if set(measures) & {"forward", "memory", "loading"}:
            suite.build(model)
        if "loading" in measures:
            suite.attempt(f"{model}, loading", suite.loading, model)
            yield
        for case in (case for case in cases if case.model == model):
            for measure in ("memory", "forward"):
                if measure in measures:
                    suite.attempt(f"{case}, {measure}", getattr(suite, measure), case)
                    yield
    if "training" in measures:
        suite.build(TRAINED)
        suite.attempt("training step", suite.training)
        yield


def save(output: Path, suite: Suite) -> None:
    """Writes output.md and output.csv."""
    facts = "\n".join(f"- {name}: {value}" for name, value in suite.facts.items())
    failures = [f"**Failed:** {failure}" for failure in suite.failures]
    tables = list(suite.tables.values())
    parts = ["# npconformer beside transformers", facts, *failures, *(markdown(table) for table in tables)]
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(f"{output}.md", "\n\n".join(parts) + "\n")
    write_text_atomically(f"{output}.csv", as_csv(tables))


def load_average() -> float:
    """Processes that wanted to run in the last minute. Says what makes figures mean little: many, or slow kernels."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        say(f"this machine is busy (load {load:.2f}): expect wrong times, wrong ratios too")
    if chosen := chosen_kernels():
        say(chosen)
    return load


def output_name(options: argparse.Namespace) -> Path:
    """What --output names, or the default, which never overwrites a whole run with a part."""
    if options.output:
        return options.output
    part = options.quick or options.only or options.seconds or options.batch or options.measure
    return RESULTS / (options.device + ("-part" if part else ""))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if options.device == "cuda" and importlib.util.find_spec("cupy") is None:
        missing.append("cupy")
    if missing:
        say(f'{" and ".join(missing)} not installed; see "How to run" in benchmarks/README.md')
        return 2
    cases = select(options.only, options.seconds, options.batch, options.quick, options.full)
    if options.device == "cuda":
        cases = [case for case in cases if case.model != "digits"]
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = options.models
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="npconformer-benchmark-")))
        folder.mkdir(parents=True, exist_ok=True)
        suite = Suite(options.threads, options.rounds, options.budget, str(folder.resolve()))
        suite.facts |= jobs.run("benchmarks.machine:describe", {"device": options.device}, options.threads)
        suite.facts["threads"] = f"{options.threads} on both sides (OMP_NUM_THREADS, torch.set_num_threads)"
        suite.facts["load of the machine before"] = f"{load_average():.2f}"
        output = output_name(options)
        for _ in run(suite, cases, chosen_measures(options), options.device):
            save(output, suite)
    print("\n".join(f"{name}: {value}" for name, value in suite.facts.items()))
    for table in suite.tables.values():
        print(f"\n{plain(table)}")
    for failure in suite.failures:
        print(f"\nFAILED {failure}")
    print(f"\n{output}.md and {output}.csv, {(time.monotonic() - started) / 60:.1f} minutes")
    return 1 if suite.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
