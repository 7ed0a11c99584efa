"""Word and letter errors, speed and memory of recognisers on recordings whose texts are known.

    python -m benchmarks.recognise DATA --arrays conformer-ctc-small    NeMo's arrays: converted, and beside torch
    python -m benchmarks.recognise DATA --model FOLDER --batch-size 1 8        any model, alone and in batches
    python -m benchmarks.recognise DATA --model FOLDER --dtype float32 int8    kinds of storage, beside each other

DATA is a manifest or a folder, as `npconformer evaluate` takes it, of recordings of 16 kHz with one channel. Every
measurement is a process of its own, with the same number of threads; the processes take turns. A process loads the
model, recognises the first recording to warm up, and then all, files to texts. Beside npconformer run, where they are
installed: a plain torch program of the same layers (programs/nemo_torch.py), which has to give the same texts;
once each, faster-whisper's tiny.en, where its weights are in the hub's cache, and pocketsphinx with its own model.

    words, letters   error rates; case and punctuation do not count, since the recognisers differ in them
    seconds          median of the rounds, and the fastest; `cpu` is the processor time of all threads
    rtf              seconds for a second of sound
    peak             largest resident memory of the process, in MB (10^6 bytes); `loaded` before anything is recognised
    start            from a process's start to its end, with the text of five seconds of speech: median, and the fastest
    ratio            the median of the ratios of npconformer's time to the side's, round by round

The exit status is 1 where the texts of the torch program differ, or a bar is missed.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import jobs
from benchmarks.recognisers import OURS, PROGRAMS, RATE, SPHINX, TORCH, WHISPER, is_installed
from benchmarks.timing import median_ratio, spread

RATIO_BAR, PEAK_BAR, START_BAR = 1.1, 250e6, 1.0  # of the torch program's time; bytes; seconds
COLUMNS = ("side", "words", "letters", "seconds", "fastest", "cpu", "rtf", "loaded, MB", "peak, MB", "ratio")


class Side(NamedTuple):
    """One row: whose recogniser, and with which settings."""

    name: str
    kind: str
    settings: dict[str, Any]


class Data(NamedTuple):
    """Recordings with what is said in them."""

    paths: list[str]
    texts: list[str]
    seconds: float


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a manifest, or a folder of recordings with texts")
    parser.add_argument("--model", help="a checkpoint folder; default: made of --arrays")
    parser.add_argument("--arrays", help="a folder of arrays under NeMo's names, for the torch program")
    parser.add_argument("--dtype", nargs="+", default=["float32"], help="kinds of storage; default: float32")
    parser.add_argument("--batch-size", nargs="+", type=int, default=[1, 8], help="utterances at once; default: 1 8")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each side; default: 5")
    parser.add_argument("--passes", type=int, default=1, help="over the recordings in a process; default: 1")
    parser.add_argument("--threads", type=int, default=jobs.available_cores(), help="default: the cores there are")
    parser.add_argument("--only-ours", action="store_true", help="nothing beside npconformer")
    parser.add_argument("--output", help="also write the table as CSV")
    options = parser.parse_args(arguments)
    if options.model is None and options.arrays is None:
        parser.error("--model or --arrays: expected one of them")
    return options


def choose_sides(options: argparse.Namespace, model: str) -> list[Side]:
    """The first is what the others are compared with."""
    sides = []
    for dtype in options.dtype:
        for size in options.batch_size:
            name = f"{OURS}, {dtype}" + (f", batches of {size}" if size > 1 else "")
            sides.append(Side(name, OURS, {"model": model, "dtype": dtype, "batch_size": size}))
    if options.only_ours:
        return sides
    if options.arrays is not None and is_installed(TORCH):
        sides.insert(1, Side(TORCH, TORCH, {"arrays": options.arrays}))
    return sides + [Side(kind, kind, {}) for kind in (WHISPER, SPHINX) if is_installed(kind)]


def read_data(path: str) -> Data:
    import soundfile

    from npconformer.data import read_examples

    examples = [example for example in read_examples(path)[0] if example.text]
    if not examples:
        raise SystemExit(f"{path}: no recording with a text")
    paths = [str(Path(example.path).resolve()) for example in examples]
    return Data(paths, [example.text for example in examples], sum(soundfile.info(one).duration for one in paths))


def run_sides(sides: list[Side], data: Data, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """The results of every round, by side; a side that is refused is named and left out; other recognisers run once."""
    runs: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    for index in range(options.rounds):
        for side in sides:
            if side.name not in runs or (index and side.kind in (WHISPER, SPHINX)):
                continue
            given = {"side": side.kind, "settings": side.settings, "paths": data.paths, "passes": options.passes}
            given["threads"] = options.threads
            result = jobs.run("benchmarks.recognisers:measure", given, options.threads)
            if "refused" in result:
                print(f"{side.name}: not measured: {result['refused']}")
                del runs[side.name]
            else:
                runs[side.name].append(result)
    return runs


def row_of(name: str, samples: list[dict[str, Any]], ours: list[dict[str, Any]], data: Data) -> list[str]:
    """A row of COLUMNS: errors of the first round, medians of the rest."""
    words, letters = count_errors(data.texts, samples[0]["texts"])
    median = {key: spread([one[key] for one in samples]).median for key in ("seconds", "cpu", "loaded", "peak")}
    seconds = [one["seconds"] for one in samples]
    ratio = median_ratio([one["seconds"] for one in ours][: len(seconds)], seconds)
    return [
        name,
        f"{words.rate:.2%} ({words.errors} of {words.length})",
        f"{letters.rate:.2%}",
        f"{median['seconds']:.2f}",
        f"{min(seconds):.2f}",
        f"{median['cpu']:.2f}",
        f"{median['seconds'] / data.seconds:.4f}",
        f"{median['loaded'] / 1e6:.0f}",
        f"{median['peak'] / 1e6:.0f}",
        f"{ratio:.2f}",
    ]


def count_errors(references: list[str], texts: list[str]) -> tuple[Any, Any]:
    """Edits of words and of letters, without case and punctuation."""
    from npconformer.metrics import TextErrors
    from npconformer.metrics.text_normalization import without_punctuation

    errors = TextErrors()
    for reference, text in zip(references, texts, strict=True):
        errors.add(without_punctuation(reference).casefold(), without_punctuation(text).casefold())
    return errors.words, errors.characters


def run_starts(model: str, arrays: str | None, path: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of whole processes that print the text of five seconds of speech, in turns."""
    commands = {OURS: [sys.executable, "-m", "npconformer", "transcribe", path, "--model", model]}
    if arrays is not None and is_installed(TORCH) and not options.only_ours:
        commands[TORCH] = [sys.executable, str(PROGRAMS / "nemo_torch.py"), arrays, path]
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            done = subprocess.run(command, env=jobs.environment(options.threads), capture_output=True, text=True)
            seconds[name].append(time.perf_counter() - started)
            if done.returncode or not done.stdout.strip():
                raise jobs.JobError(f"{name}: {done.stderr.strip().splitlines()[-1:]}")
    return {name: samples[1:] for name, samples in seconds.items()}  # the first fills the system's cache


def write_five_seconds(data: Data, folder: Path) -> str:
    """The beginning of the first recording that is as long, as WAV."""
    import soundfile

    for path in data.paths:
        samples, rate = soundfile.read(path, dtype="int16")
        if rate == RATE and len(samples) >= 5 * RATE:
            break
    target = folder / "five.wav"
    soundfile.write(target, samples[: 5 * RATE], RATE)
    return str(target)


def differing(runs: dict[str, list[dict[str, Any]]], ours: str) -> int:
    """Prints the texts in which the torch program differs; how many."""
    if TORCH not in runs:
        return 0
    pairs = zip(runs[ours][0]["texts"], runs[TORCH][0]["texts"], strict=True)
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    for ours_text, theirs in wrong:
        print(f"differ: {OURS}: {ours_text!r}; {TORCH}: {theirs!r}")
    return len(wrong)


def missed_bars(runs: dict[str, list[dict[str, Any]]], ours: str, start: float) -> int:
    """Prints each bar and whether it holds; how many do not."""
    bars = [
        ("peak memory, MB", spread([one["peak"] for one in runs[ours]]).median / 1e6, PEAK_BAR / 1e6),
        ("start to text, s", start, START_BAR),
    ]
    if TORCH in runs:
        times = [[one["seconds"] for one in runs[name]] for name in (ours, TORCH)]
        bars.append(("of the torch program's time", median_ratio(*times), RATIO_BAR))
    for what, found, bar in bars:
        print(f"{what}: {found:.2f}, at most {bar:g}: {'holds' if found <= bar else 'MISSED'}")
    return sum(found > bar for _, found, bar in bars)


def main() -> int:
    options = parse()
    data = read_data(options.data)
    with tempfile.TemporaryDirectory(prefix="npconformer-benchmark-") as temporary:
        model = options.model
        if model is None:
            from npconformer.commands.convert_nemo import convert_nemo_folder

            model = str(Path(temporary, "model"))
            convert_nemo_folder(Path(options.arrays), Path(model))
        sides = choose_sides(options, model)
        runs = run_sides(sides, data, options)
        starts = run_starts(model, options.arrays, write_five_seconds(data, Path(temporary)), options)
    ours = sides[0].name
    if ours not in runs:
        return 1
    rows = [row_of(name, samples, runs[ours], data) for name, samples in runs.items()]
    print(
        f"\n{len(data.paths)} recordings, {data.seconds:.1f} s, {options.threads} threads, {options.rounds} rounds\n\n"
        f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}"
    )
    for row in rows:
        print(f"| {' | '.join(row)} |")
    for name, samples in starts.items():
        print(f"start, {name}: {spread(samples).median:.2f} s (fastest {min(samples):.2f})")
    print()
    if options.output:
        with open(options.output, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    return int(differing(runs, ours) + missed_bars(runs, ours, spread(starts[OURS]).median) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
