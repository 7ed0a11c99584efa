"""What weights stored in float16, bfloat16 and int8 take and cost beside float32: bytes, peak memory, time, errors.

    python -m benchmarks.storage --models FOLDER                 # large-relative, 10 s and 1 s of audio
    python -m benchmarks.storage --models FOLDER --model base --seconds 10 --rounds 3

Every figure comes from a process of its own: float32, float16, bfloat16, int8, float32, ... The folders that are loaded
are made by `npconformer convert`. "while loading" is int8 or a half made of the float32 file while it is loaded. Peak
memory counts the pages of the mapped file. Errors are of the logits, against float32: the largest over the largest
logit, and the root of the mean square over that of the logits. The exit status is 1 where a bar is not kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import Case
from benchmarks.memory import peak_bytes

KINDS = ("float32", "float16", "bfloat16", "int8")
MOST_MEMORY = {"float16": 0.62, "bfloat16": 0.62, "int8": 0.40}  # of float32's
MOST_TIME = {"float16": 1.10, "bfloat16": 1.10, "int8": 1.25}
PAUSE = 0.15  # seconds before a sample


def folder_of(models: Path, model: str, kind: str) -> Path:
    """Where the model stored as `kind` is, or will be."""
    return models / (f"{model}-random" if kind == "float32" else f"{model}-random-{kind}")


def make_folders(models: Path, model: str) -> None:
    """The random model in float32, without torch, and what `npconformer convert` makes of it."""
    from benchmarks.cases import CONFIGS
    from npconformer import AutoConfig, Wav2Vec2ConformerForCTC, manual_seed
    from npconformer.cli import main

    first = folder_of(models, model, "float32")
    if not first.is_dir():
        manual_seed(0)
        settings = dict(CONFIGS[model])
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        Wav2Vec2ConformerForCTC(config).save_pretrained(first, max_shard_size="100GB")
    for kind in KINDS[1:]:
        target = folder_of(models, model, kind)
        if not target.is_dir() and main(
            ["convert", str(first), str(target), "--dtype", kind, "--max-shard-size", "9GB"]
        ):
            raise SystemExit(f"{target} could not be made")


def measure(folder: str, kind: str, model: str, seconds: float, samples: int) -> dict[str, Any]:
    """In a process of its own: loads, runs, and tells memory, times and where the logits are."""
    import numpy as np

    from benchmarks.models import make_input
    from npconformer import Wav2Vec2ConformerForCTC, no_grad

    values = make_input(Case(model, seconds, 1))
    start = time.perf_counter()
    loaded = Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype=kind)
    load, times = time.perf_counter() - start, []
    with no_grad():
        for _ in range(samples + 1):
            time.sleep(PAUSE)
            start = time.perf_counter()
            logits = loaded(values).logits.numpy()
            times.append(time.perf_counter() - start)
    peak = peak_bytes()
    path = Path(folder).parent / f"logits-{kind}.npy"
    np.save(path, logits)
    return {"peak": peak, "load": load, "first": times[0], "time": median(times[1:] or times), "logits": str(path)}


def in_own_process(*arguments: Any) -> dict[str, Any]:
    """`measure` in a new process."""
    call = [sys.executable, "-m", "benchmarks.storage", "--one", *map(str, arguments)]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def compare(models: Path, model: str, seconds: float, rounds: int, samples: int) -> tuple[str, bool]:
    """A table of Markdown for one length, and whether all bars are kept (those of memory and time are for 10 s)."""
    import numpy as np

    sides = [(kind, folder_of(models, model, kind), kind) for kind in KINDS]
    sides += [(f"{kind}, while loading", folder_of(models, model, "float32"), kind) for kind in KINDS[1:]]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in sides}
    errors: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for name, folder, kind in sides:
            result = in_own_process(folder, kind, model, seconds, samples)
            found[name].append(result)
            logits = np.load(result["logits"])
            if name == "float32":
                exact = logits
            difference = np.abs(logits - exact)
            errors[name] = (
                float(difference.max() / np.abs(exact).max()),
                float(np.sqrt(np.square(difference).mean() / np.square(exact).mean())),
            )
    middle = {
        name: {key: median(one[key] for one in found[name]) for key in ("peak", "load", "time")} for name in found
    }
    lines = [f"{model}, {seconds:g} s of audio", ""]
    lines += ["| stored as | file, MB | peak, MB | of float32's | load, s | time, s | of float32's | largest | rms |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    kept = True
    for name, folder, _ in sides:
        row, base = middle[name], middle["float32"]
        memory = row["peak"] / base["peak"]
        slower = median(a["time"] / b["time"] for a, b in zip(found[name], found["float32"], strict=True))
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        largest, rms = errors[name]
        lines.append(
            f"| {name} | {size / 1e6:.0f} | {row['peak'] / 1e6:.0f} | {memory:.2f} | {row['load']:.2f} | "
            f"{row['time']:.3f} | {slower:.2f} | {largest:.1e} | {rms:.1e} |"
        )
        if seconds == 10 and name in MOST_MEMORY:
            kept &= memory <= MOST_MEMORY[name] and slower <= MOST_TIME[name]
        elif seconds == 10:
            kept &= memory <= 1
    return "\n".join(lines), kept


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, help="a folder to keep the models in (5 GB for the large one)")
    parser.add_argument("--model", default="large-relative")
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--samples",
        type=int,
        default=3,
        help="in each process, after a first that is not counted (but where it is alone)",
    )
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        folder, kind, model, seconds, samples = arguments.one
        print(json.dumps(measure(folder, kind, model, float(seconds), int(samples))))
        return 0
    arguments.models.mkdir(exist_ok=True)
    make_folders(arguments.models, arguments.model)
    all_kept = True
    for seconds in arguments.seconds:
        table, kept = compare(arguments.models, arguments.model, seconds, arguments.rounds, arguments.samples)
        print(table + "\n", flush=True)
        all_kept &= kept
    return 0 if all_kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
