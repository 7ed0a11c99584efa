"""Transcribing long recordings in chunks: does an hour take six times as long as ten minutes, and the same memory?

    python -m benchmarks.long_audio                                  the embedded digits model, 10 and 60 minutes
    python -m benchmarks.long_audio --size base                      random weights, 12 layers of 768
    python -m benchmarks.long_audio --size small --minutes 10 --chunk-length-s 0   as a whole: 4 layers of 256
    python -m benchmarks.long_audio --model my-checkpoint --audio recordings/ --chunk-length-s auto --output long.csv

Joins recordings (--audio, by default the demo's), each at another level, to one FLAC file for each length, and
transcribes each in a process of its own, as `npconformer transcribe` would: the file is read piece by piece. Prints a
row for each length, of --repeats runs in alternation the medians:

    peak        largest resident memory of the process, in MB (10^6 bytes)
    loaded      the same when the model was loaded and nothing had been run
    seconds     from the file to the text, without loading; `cpu` is the processor time of all threads in it
    rtf         seconds / length: 0.1 is ten times as fast as speech
    memory, time, work   against the first row: peak / its peak; seconds, and cpu, per minute of audio / its own. On a
                machine that does other things, too, `work` says what `time` would be on a quiet one
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CHILD = "--run-one"
SIZES: dict[str, dict[str, int]] = {  # random weights
    "base": {},
    "small": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024},
}
COLUMNS = ("minutes", "peak", "loaded", "seconds", "cpu", "rtf", "memory", "time", "work")


def main() -> None:
    """Make the recordings, run each in a process of its own, print the table."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="long_audio_", dir=arguments.folder) as folder:
        model = arguments.model or (
            None if arguments.size == "digits" else save_model(Path(folder), **SIZES[arguments.size])
        )
        paths = {}
        for minutes in arguments.minutes:
            paths[minutes] = Path(folder) / f"{minutes:g}.flac"
            write_recording(paths[minutes], minutes, arguments.audio)
        runs: dict[float, list[dict[str, Any]]] = {minutes: [] for minutes in arguments.minutes}
        for repeat in range(arguments.repeats):
            for minutes, path in paths.items():
                runs[minutes].append(run_in_process(path, model, arguments))
                print(f"run {repeat + 1}, {minutes:g} minutes: {runs[minutes][-1]}", file=sys.stderr)
    rows = summarise(runs)
    print("  ".join(f"{name:>8}" for name in COLUMNS))
    for row in rows:
        print("  ".join(f"{row[name]:8.{digits(name)}f}" for name in COLUMNS))
    if arguments.output:
        with open(arguments.output, "w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60], help="lengths; default: 10 60")
    parser.add_argument("--size", choices=("digits", *SIZES), default="digits", help="default: digits")
    parser.add_argument("--model", help="checkpoint folder of a ForCTC model with its processor, instead of --size")
    parser.add_argument(
        "--chunk-length-s",
        type=lambda text: text if text == "auto" else float(text),
        default=30.0,
        help="0: the whole; auto: as transcribe does by itself; default: 30",
    )
    parser.add_argument("--stride-length-s", type=float, help="default: a sixth of the chunk")
    parser.add_argument("--batch-size", type=int, default=1, help="chunks at once; default: 1")
    parser.add_argument("--threads", type=int, help="default: what the environment says")
    parser.add_argument("--repeats", type=int, default=1, help="default: 1")
    parser.add_argument("--audio", nargs="+", help="recordings to join, or folders of them; default: the demo's")
    parser.add_argument("--folder", help="where temporary files go: 70 MB an hour, 0.8 GB for --size base")
    parser.add_argument("--output", help="also write the table as CSV")
    return parser.parse_args()


def write_recording(path: Path, minutes: float, audio: list[str] | None) -> None:
    """Join recordings, each time at another level, until they last that long; one at a time is in memory."""
    import numpy as np
    import soundfile

    from npconformer.audio import read_audio
    from npconformer.commands.demo import RECORDING
    from npconformer.commands.recordings import Recordings

    recordings = [read_audio(one) for one in Recordings(audio or [str(RECORDING)]).sources]
    if not recordings:
        raise SystemExit("--audio: no recordings there")
    random, left = np.random.default_rng(0), round(minutes * 60 * 16000)
    with soundfile.SoundFile(path, "w", 16000, 1, "PCM_16") as file:
        while left > 0:
            piece = recordings[random.integers(len(recordings))][:left] * np.float32(random.uniform(0.3, 1.0))
            file.write(piece)
            left -= len(piece)


def save_model(folder: Path, **sizes: int) -> str:
    """A checkpoint of random weights, of 12 layers of 768 unless told otherwise, with the digits model's processor."""
    import npconformer
    from npconformer.pipelines import EMBEDDED_DIGITS

    processor = npconformer.Wav2Vec2Processor.from_pretrained(EMBEDDED_DIGITS)
    vocabulary = len(processor.tokenizer)
    npconformer.manual_seed(0)
    model = npconformer.Wav2Vec2ConformerForCTC(
        npconformer.Wav2Vec2ConformerConfig(
            vocab_size=vocabulary, feat_extract_norm="layer", conv_bias=True, hidden_act="swish", **sizes
        )
    )
    model.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    return str(folder / "model")


def run_in_process(path: Path, model: str | None, arguments: argparse.Namespace) -> dict[str, Any]:
    """What `run_one` finds, in a fresh process, whose largest resident memory is its own."""
    settings = {
        "path": str(path),
        "model": model,
        "threads": arguments.threads,
        "chunk_length_s": arguments.chunk_length_s or None,
        "stride_length_s": arguments.stride_length_s if arguments.chunk_length_s else None,
        "batch_size": arguments.batch_size,
    }
    command = [sys.executable, "-m", "benchmarks.long_audio", CHILD, json.dumps(settings)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_one(path: str, model: str | None, threads: int | None, **options: Any) -> dict[str, Any]:
    """Transcribe one recording: {"peak", "loaded"} in bytes, {"seconds", "cpu"}, and the number of words."""
    from npconformer.commands.threads import use_threads

    use_threads(threads)
    import time

    from benchmarks.memory import peak_bytes
    from npconformer.pipelines import pipeline

    recognise = pipeline("automatic-speech-recognition", model=model)
    loaded = peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    result = recognise(path, **options)
    seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
    words = len(result["text"].split())
    return {"peak": peak_bytes(), "loaded": loaded, "seconds": seconds, "cpu": cpu, "words": words}


def summarise(runs: dict[float, list[dict[str, Any]]]) -> list[dict[str, float]]:
    """A row of COLUMNS for each length."""
    rows: list[dict[str, float]] = []
    for minutes, results in runs.items():
        median = {name: statistics.median(one[name] for one in results) for name in results[0]}
        row = {"minutes": minutes, "peak": median["peak"] / 1e6, "loaded": median["loaded"] / 1e6}
        row |= {"seconds": median["seconds"], "cpu": median["cpu"], "rtf": median["seconds"] / (60 * minutes)}
        first = rows[0] if rows else row
        row["memory"] = row["peak"] / first["peak"]
        row["time"] = row["rtf"] / first["rtf"]
        row["work"] = (row["cpu"] / minutes) / (first["cpu"] / first["minutes"])
        rows.append(row)
    return rows


def digits(column: str) -> int:
    """After the decimal point."""
    return {"minutes": 1, "rtf": 4, "memory": 3, "time": 3, "work": 3, "seconds": 2, "cpu": 2}.get(column, 0)


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(run_one(**json.loads(sys.argv[2]))))
    else:
        main()
