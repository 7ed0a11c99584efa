"""npconformer beside transformers, onnxruntime and CTranslate2, each in a process of its own with nothing else loaded.

    python -m benchmarks.peers                                             base, 10 s of audio, all cores
    python -m benchmarks.peers --only base large-relative --seconds 1 10 --threads 1 2 --models FOLDER
    python -m benchmarks.peers --only w2v-bert-adapter --sides ctranslate2  after pip install ctranslate2

The processes take turns, all with the same number of threads, the same float32 weights and the same input. Each loads
its model, makes a pass that is not timed (npconformer makes ten, since it notes its calls after eight of one shape;
--warm-up 1 measures what the first passes take), then passes for a second and at least three, whose median is its time.
The first round's logits are compared: a side that differs from npconformer is not timed, and the exit status is 1. A
side that is not installed, or cannot run a model, is left out, and a line says why.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import conversions, jobs, machine
from benchmarks.agreement import TOLERANCE, DisagreementError, largest_difference
from benchmarks.arguments import count, positive
from benchmarks.cases import CONFIGS, MODELS, RECORDING_SECONDS, Case
from benchmarks.compare import load_average
from benchmarks.models import SEED, folder_of, make_input
from benchmarks.peer_sides import CTRANSLATE2, FLOOR, LIBRARIES, ONNXRUNTIME, PEERS, why_not
from benchmarks.sides import OURS
from benchmarks.suite import MB, say
from benchmarks.table import Table, as_csv, markdown, plain
from benchmarks.timing import WARM_UP, median_ratio, spread
from npconformer.storage.files import write_text_atomically

DEFAULT_SECONDS = 10.0
NOTE = (
    "s: one forward pass, waveform or features to logits, the median (quartiles) over processes of each one's median. "
    "npconformer / it: the median of the ratios of each round. Peak resident memory of the process, mapped weights "
    "included, in MB (10^6 bytes). difference: from npconformer's logits, over the largest one, at most "
    f"{TOLERANCE:.0e}, or a side is not timed, but for CTranslate2, which gives other numbers. onnxruntime's threads "
    "spin while they wait, its default. The floor is the same matrix products with nothing between them, by NumPy."
)
Runs = dict[tuple[str, int], list[dict[str, Any]]]  # (side, threads): what its process of each round found


class Peers:
    """Settings, and what came of it: a table for each case, why sides were left out, and what failed."""

    def __init__(
        self, sides: Sequence[str], threads: Sequence[int], rounds: int, models_folder: Path, warm_up: int = WARM_UP
    ) -> None:
        self.sides, self.threads, self.rounds, self.models_folder = sides, threads, rounds, models_folder
        self.warm_up = warm_up
        self.tables: list[Table] = []
        self.left_out: list[str] = []
        self.failures: list[str] = []

    def run(self, case: Case) -> None:
        """Measures all sides on one case and appends its table."""
        with tempfile.TemporaryDirectory(prefix="npconformer-benchmark-") as scratch:
            try:
                if case.model in CONFIGS and not folder_of(case.model, self.models_folder).exists():
                    say(f"building {case.model}")
                    given = {"model": case.model, "models_folder": str(self.models_folder)}
                    jobs.run("benchmarks.models:build", given, jobs.available_cores())
                np.save(Path(scratch) / "input.npy", input_of(case))
            except jobs.JobError as error:
                self.fail(case, "the model", error)
                return
            folders = self.folders(case, Path(scratch))
            runs, differences = self.take_turns(case, folders, Path(scratch))
        if any(side == OURS for side, _ in runs):
            self.tables.append(table_of(case, runs, differences, self.threads))

    def fail(self, case: Case, what: str, error: Exception) -> None:
        self.failures.append(f"{case}, {what}: {error}")
        say(f"FAILED {self.failures[-1]}")

    def folders(self, case: Case, scratch: Path) -> dict[str, Path]:
        """Where each side that can run this case finds its model, converted where that has to be."""
        folders = {}
        for side in self.sides:
            reason = why_not(side, case.model)
            if reason is None:
                try:
                    folders[side] = self.form(side, case, scratch / "input.npy")
                except jobs.JobError as error:
                    reason = f"no conversion: {error}"
                except DisagreementError as error:
                    self.fail(case, f"{side}'s conversion", error)
            if reason is not None:
                self.left_out.append(f"{case}, {side}: {reason}")
                say(f"left out: {self.left_out[-1]}")
        return folders

    def form(self, side: str, case: Case, input_file: Path) -> Path:
        """The folder that a side loads.

        Raises:
            JobError: it could not be made. DisagreementError: what was made computes something else.
        """
        given = {"model": case.model, "models_folder": str(self.models_folder)}
        if side == ONNXRUNTIME:
            given |= {"seconds": case.seconds, "batch": case.batch, "input_file": str(input_file)}
            exporter = jobs.run("benchmarks.conversions:to_onnx", given, jobs.available_cores())
            folder = conversions.onnx_folder(case, self.models_folder)
            apart = conversions.onnx_difference(folder)
            say(f"{case}: ONNX by torch's {exporter} exporter, {apart:.1e} from transformers")
            return folder
        if side == CTRANSLATE2:
            return Path(jobs.run("benchmarks.conversions:to_ctranslate2", given, jobs.available_cores()))
        return folder_of(case.model, self.models_folder)

    def take_turns(
        self, case: Case, folders: dict[str, Path], scratch: Path
    ) -> tuple[Runs, dict[tuple[str, int], float]]:
        """All rounds of all sides with all numbers of threads; and how far each one's logits lie from npconformer's.

        A side that fails, or whose first logits are not npconformer's, is taken out, with the times that it has.
        """
        runs: Runs = {(side, threads): [] for threads in self.threads for side in folders}
        differences = {}
        for turn in range(self.rounds):
            for side, threads in list(runs):
                if (side, threads) not in runs:
                    continue  # taken out in this round
                try:
                    found = measure(side, threads, folders[side], scratch, self.warm_up, keep_logits=turn == 0)
                    if turn == 0 and side != FLOOR:
                        differences[side, threads] = difference(side, threads, scratch)
                except (jobs.JobError, DisagreementError) as error:
                    self.fail(case, f"{side}, {threads_text(threads)}", error)
                    if side == OURS:
                        return {}, {}
                    runs = {key: found for key, found in runs.items() if key[0] != side}
                    continue
                runs[side, threads].append(found)
                say(f"{case}, round {turn + 1}, {side}, {threads_text(threads)}: {found['seconds']:.4f} s")
        return runs, differences


def measure(side: str, threads: int, folder: Path, scratch: Path, warm_up: int, keep_logits: bool) -> dict[str, Any]:
    """What one process finds; its logits go to the scratch folder, where the input is."""
    given: dict[str, Any] = {"side": side, "threads": threads, "folder": str(folder)}
    given |= {"input_file": str(scratch / "input.npy"), "warm_up": warm_up}
    given["logits_file"] = str(scratch / f"{side}-{threads}.npy") if keep_logits else None
    return jobs.run("benchmarks.peer_sides:measure", given, threads)


def difference(side: str, threads: int, scratch: Path) -> float:
    """How far the logits that a side left lie from npconformer's.

    Raises:
        DisagreementError: too far, for a side that has to agree.
    """
    ours, theirs = (np.load(scratch / f"{name}-{threads}.npy") for name in (OURS, side))
    return largest_difference(theirs, ours, TOLERANCE if PEERS[side].checked else float("inf"))


def table_of(
    case: Case, runs: Runs, differences: dict[tuple[str, int], float], numbers_of_threads: Sequence[int]
) -> Table:
    """A row for each side with each number of threads; with several numbers, how much faster than its one thread."""
    table = Table(str(case))
    seconds = {key: [run["seconds"] for run in found] for key, found in runs.items()}
    for (side, threads), samples in seconds.items():
        row = {
            "side": f"{side}, {threads_text(threads)}",
            "s": spread(samples),
            "npconformer / it": None if side == OURS else median_ratio(seconds[OURS, threads], samples),
            "peak MB": None
            if side == FLOOR
            else round(spread([run["peak"] for run in runs[side, threads]]).median / MB),
            "difference": None if side == OURS else differences.get((side, threads)),
        }
        if len(numbers_of_threads) > 1:
            row["times its 1 thread"] = (
                median_ratio(seconds[side, 1], samples) if threads > 1 and (side, 1) in seconds else None
            )
        table.add(row)
    return table


def threads_text(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def chosen_sides(names: Sequence[str] | None) -> list[str]:
    """npconformer, which all are compared with, and those that are asked for (all but itself by default), in order."""
    return [side for side in PEERS if side == OURS or names is None or side in names]


def chosen_cases(models: Sequence[str], seconds: Sequence[float] | None, batches: Sequence[int]) -> Iterator[Case]:
    """Every combination; without lengths the digits model has its recording, every other model 10 s."""
    for model in dict.fromkeys(models):
        for batch in dict.fromkeys(batches):
            default = RECORDING_SECONDS if model == "digits" else DEFAULT_SECONDS
            for length in dict.fromkeys(seconds or (default,)):
                yield Case(model, length, batch)


def input_of(case: Case) -> np.ndarray:
    """`make_input`'s, but noise for the digits model where the length is not that of its recording."""
    if case.model == "digits" and case.seconds != RECORDING_SECONDS:
        return np.random.default_rng(SEED).standard_normal((case.batch, case.samples), dtype=np.float32)
    return make_input(case)


def facts_of(load: float) -> dict[str, str]:
    """What the figures depend on, and nothing else about the machine."""
    facts = {
        "processor": f"{machine.processor()}, {machine.vector_extensions()}, {os.cpu_count()} logical cores",
        "numpy": f"{metadata.version('numpy')} with {machine.numpy_blas()}",
    }
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            facts[library] = metadata.version(library)
    return {**facts, "load of the machine before": f"{load:.2f}"}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=MODELS, default=["base"], metavar="MODEL", help=f"some of: {' '.join(MODELS)}"
    )
    parser.add_argument(
        "--seconds", nargs="+", type=positive, metavar="S", help="lengths of audio; default: 10, digits: its recording"
    )
    parser.add_argument("--batch", nargs="+", type=count, default=[1], metavar="B", help="batch sizes; default: 1")
    parser.add_argument(
        "--threads", nargs="+", type=count, default=[jobs.available_cores()], help="numbers of; default: all cores"
    )
    parser.add_argument("--rounds", type=count, default=5, help="processes of each side; default: 5")
    parser.add_argument(
        "--warm-up", type=count, default=WARM_UP, help=f"passes of npconformer before timed ones; default: {WARM_UP}"
    )
    parser.add_argument(
        "--sides",
        nargs="+",
        choices=tuple(PEERS),
        metavar="SIDE",
        help=f"beside npconformer, some of: {' '.join(PEERS)}",
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="where models are kept for the next run; default: a temporary folder",
    )
    parser.add_argument("--output", type=Path, metavar="NAME", help="writes NAME.md and NAME.csv too")
    return parser.parse_args(arguments)


def save(output: Path, facts: dict[str, str], peers: Peers) -> None:
    """Writes output.md and output.csv."""
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += [f"- left out: {line}" for line in peers.left_out]
    failures = [f"**Failed:** {failure}" for failure in peers.failures]
    parts = [
        "# npconformer beside its peers",
        "\n".join(lines),
        *failures,
        *(markdown(table) for table in peers.tables),
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(f"{output}.md", "\n\n".join(parts) + "\n")
    write_text_atomically(f"{output}.csv", as_csv(peers.tables))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    with contextlib.ExitStack() as stack:
        folder = options.models
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="npconformer-benchmark-")))
        folder.mkdir(parents=True, exist_ok=True)
        threads = list(dict.fromkeys(options.threads))
        peers = Peers(chosen_sides(options.sides), threads, options.rounds, folder.resolve(), options.warm_up)
        facts = facts_of(load_average())
        for case in chosen_cases(options.only, options.seconds, options.batch):
            peers.run(case)
            if options.output:
                save(options.output, facts, peers)
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    for line in peers.left_out:
        print(f"left out: {line}")
    print("", *textwrap.wrap(NOTE, 120), sep="\n")
    for table in peers.tables:
        print(f"\n{plain(table)}")
    for failure in peers.failures:
        print(f"\nFAILED {failure}")
    return 1 if peers.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
