"""From measurements to rows of tables: one method for each measure, each row printed as soon as it is there."""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import gpu, jobs, start
from benchmarks.agreement import GRADIENT_TOLERANCE, TOLERANCE, DisagreementError, largest_difference
from benchmarks.cases import CONFIGS, TRAINED, TRAINING_BATCH, TRAINING_LABELS, TRAINING_SECONDS, Case
from benchmarks.forward import FLOOR
from benchmarks.models import folder_of, weight_bytes
from benchmarks.sides import OURS, SIDES, THEIRS
from benchmarks.table import Table, text
from benchmarks.timing import median_ratio, spread

MB = 1e6  # bytes
LOAD_ROUNDS = 3

NOTES = {
    "Forward": (
        "Seconds of one forward pass, median (quartiles). 'ratio' is npconformer / transformers; this and the other "
        "ratios are medians of those of each round. The floor is the same matrix products with nothing between them. "
        f"rtf: seconds of computing for a second of audio. Outputs differ by at most {TOLERANCE:.0e} of the largest "
        "logit ('difference'), or nothing is timed. Disk faults, of npconformer and of transformers: how often mapped "
        "weights had to be read from the disk again; such times mean little."
    ),
    "Memory": (
        "Peak resident memory of a process that imports, loads and runs one batch, in MB (10^6 bytes), mapped weights "
        "included. 'Imported' is the peak after the imports alone."
    ),
    "Loading": (
        "Seconds in a new process after its imports, median: until the model is there, and until the first result for "
        "1 s of audio (the digits model: its recording), since weights that are mapped are read when they are first "
        "used. The file is in the system's cache."
    ),
    "Import": "Seconds of a new process that imports and ends, median (quartiles); 'added' is beyond Python's own.",
    "Cold start": "Seconds from a new process to the text of the demo's recording, with the embedded digits model.",
    "Training step": (
        f"{TRAINED}, {TRAINING_BATCH} x {TRAINING_SECONDS:g} s, {TRAINING_LABELS} labels each: forward, CTC loss, "
        "backward, gradients cleared, without an optimiser. Memory as above, after two steps. Gradients of all "
        f"parameters together differ by at most {GRADIENT_TOLERANCE:.0e} of their norm, or nothing is timed."
    ),
    "Forward on a GPU": (
        "As above, with CuPy and torch on one GPU, each in processes of its own, inputs and outputs on the device, "
        "synchronised around every pass; of a process the median of its passes. "
        "Memory is what each side's pool holds, in MB (10^6 bytes)."
    ),
}


@dataclass
class Suite:
    """Settings of a run, facts to print above the tables, and the tables that it fills.

    Failures are kept, so that the rest is still measured.
    """

    threads: int
    rounds: int
    budget: float
    models_folder: str
    facts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def table(self, title: str) -> Table:
        return self.tables.setdefault(title, Table(title, NOTES[title]))

    def add(self, title: str, row: dict[str, Any]) -> None:
        """Appends a row and prints it to standard error."""
        self.table(title).add(row)
        say(f"{title}: " + "; ".join(f"{column} {text(value)}" for column, value in row.items()))

    def attempt(self, what: str, measure: Any, *arguments: Any) -> None:
        """Calls measure(*arguments); a failure is reported and remembered."""
        try:
            measure(*arguments)
        except (jobs.JobError, DisagreementError) as error:
            self.failures.append(f"{what}: {error}")
            say(f"FAILED {self.failures[-1]}")

    def build(self, model: str) -> None:
        """Makes the random model unless its folder is there."""
        if model in CONFIGS and not folder_of(model, self.models_folder).exists():
            say(f"building {model}")
            arguments = {"model": model, "models_folder": self.models_folder}
            jobs.run("benchmarks.models:build", arguments, self.threads)

    def forward(self, case: Case) -> None:
        result = self._job("forward:measure", case, threads=self.threads, rounds=self.rounds, budget=self.budget)
        samples, audio = result["samples"], case.batch * result["seconds"]
        self.facts["attention in transformers"] = f"its default, {result['attention']}"
        self.facts["weights locked in memory while they are timed"] = "yes" if result["locked"] else "no"
        self.add(
            "Forward",
            {
                "case": str(case),
                "npconformer s": spread(samples[OURS]),
                "transformers s": spread(samples[THEIRS]),
                "ratio": median_ratio(samples[OURS], samples[THEIRS]),
                "floor s": spread(samples[FLOOR]),
                "npconformer / floor": median_ratio(samples[OURS], samples[FLOOR]),
                "transformers / floor": median_ratio(samples[THEIRS], samples[FLOOR]),
                "npconformer rtf": statistics.median(samples[OURS]) / audio,
                "transformers rtf": statistics.median(samples[THEIRS]) / audio,
                "difference": result["difference"],
                "disk faults": ", ".join(str(result["disk faults"][side]) for side in SIDES),
                "rounds": len(samples[OURS]),
            },
        )

    def gpu(self, case: Case) -> None:
        for mode in gpu.MODES:
            self.attempt(f"{case}, {mode}", self._gpu_mode, case, mode)

    def _gpu_mode(self, case: Case, mode: str) -> None:
        runs: dict[str, list[dict[str, float]]] = {side: [] for side in gpu.SIDES}
        with tempfile.TemporaryDirectory(prefix="npconformer-benchmark-") as folder:
            outputs = {side: f"{folder}/{side}.npy" for side in SIDES}
            for _ in range(min(self.rounds, gpu.ROUNDS)):
                for side, found in runs.items():
                    settings = {"mode": mode, "side": side, "outputs": None if found else outputs.get(side)}
                    found.append(self._job("gpu:measure", case, gpu.variables(mode), **settings))
                if len(runs[FLOOR]) == 1:
                    logits = [np.load(path) for path in outputs.values()]
                    difference = largest_difference(*logits, tolerance=gpu.MODES[mode][2])
        samples = {side: [run["seconds"] for run in found] for side, found in runs.items()}
        self.add(
            "Forward on a GPU",
            {
                "case": f"{case}, {mode}",
                "npconformer s": spread(samples[OURS]),
                "transformers s": spread(samples[THEIRS]),
                "ratio": median_ratio(samples[OURS], samples[THEIRS]),
                "floor s": spread(samples[FLOOR]),
                "npconformer / floor": median_ratio(samples[OURS], samples[FLOOR]),
                **{f"{side} MB": round(runs[side][0]["memory"] / MB) for side in SIDES},
                "difference": difference,
                "rounds": len(samples[OURS]),
            },
        )

    def memory(self, case: Case) -> None:
        peaks = {side: self._job("memory:measure", case, side=side, threads=self.threads) for side in SIDES}
        self.add("Memory", {"case": str(case), **self._peaks(case.model, peaks)})

    def loading(self, model: str) -> None:
        runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(LOAD_ROUNDS):
            for side in SIDES:
                runs[side].append(self._job("memory:measure", Case(model, 1), side=side, threads=self.threads))
        loads = {side: [run["load"] for run in runs[side]] for side in SIDES}
        firsts = {side: [run["load"] + run["first"] for run in runs[side]] for side in SIDES}
        self.add(
            "Loading",
            {
                "model": model,
                "weights MB": round(weight_bytes(model, self.models_folder) / MB),
                **{f"{side} load s": statistics.median(loads[side]) for side in SIDES},
                **{f"{side} first result s": statistics.median(firsts[side]) for side in SIDES},
                "ratio of first results": median_ratio(firsts[OURS], firsts[THEIRS]),
            },
        )

    def start(self) -> None:
        samples = start.measure_imports(self.threads, self.rounds)
        bare = samples[start.BARE]
        for name, seconds in samples.items():
            added = statistics.median(a - b for a, b in zip(seconds, bare))
            self.add("Import", {"what": name, "s": spread(seconds), "added s": None if seconds is bare else added})
        cold, transcript = start.measure_cold_start(self.threads, self.rounds)
        self.add(
            "Cold start",
            {
                "text": transcript,
                **{f"{side} s": spread(cold[side]) for side in SIDES},
                "ratio": median_ratio(cold[OURS], cold[THEIRS]),
            },
        )

    def training(self) -> None:
        result = self._job("training:measure", None, threads=self.threads, rounds=self.rounds, budget=self.budget)
        peaks = {side: self._job("memory:measure_training", None, side=side, threads=self.threads) for side in SIDES}
        samples = result["samples"]
        self.add(
            "Training step",
            {
                "model": TRAINED,
                **{f"{side} s": spread(samples[side]) for side in SIDES},
                "ratio": median_ratio(samples[OURS], samples[THEIRS]),
                **self._peaks(TRAINED, peaks),
                "loss difference": result["loss difference"],
                "gradient difference": result["gradient difference"],
                "rounds": len(samples[OURS]),
            },
        )

    def _peaks(self, model: str, peaks: dict[str, dict[str, float]]) -> dict[str, Any]:
        return {
            "weights MB": round(weight_bytes(model, self.models_folder) / MB),
            **{f"{side} peak MB": round(peaks[side]["peak"] / MB) for side in SIDES},
            "ratio of peaks": peaks[OURS]["peak"] / peaks[THEIRS]["peak"],
            **{f"{side} imported MB": round(peaks[side]["imported"] / MB) for side in SIDES},
        }

    def _job(self, function: str, case: Case | None, variables: dict[str, str] | None = None, **settings: Any) -> Any:
        if case is not None:
            settings |= {"model": case.model, "seconds": case.seconds, "batch": case.batch}
        settings["models_folder"] = self.models_folder
        return jobs.run(f"benchmarks.{function}", settings, self.threads, variables)


def say(line: str) -> None:
    """Progress, to standard error."""
    print(line, file=sys.stderr, flush=True)
