"""Wav2Vec2-BERT at its real size beside CTranslate2, which runs it forward only, from a converted checkpoint.

    pip install ctranslate2                                        beside torch and transformers, for the conversion
    python -m benchmarks.beside_ctranslate2                        10 s of audio, five rounds
    python -m benchmarks.beside_ctranslate2 --seconds 60 --models FOLDER

Each side is a process of its own, with the same number of threads and float32 weights; the processes take turns. The
model has random weights and an adapter, without which CTranslate2's converter does not take it. How far the two sets of
logits lie apart is printed and nothing is refused for it: CTranslate2 4 does not give transformers' numbers for this
model, while npconformer does.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import jobs
from benchmarks.cases import Case
from benchmarks.memory import peak_bytes
from benchmarks.models import build, folder_of, make_input

MODEL = "w2v-bert-adapter"
OURS, THEIRS = "npconformer", "ctranslate2"
PASSES = 3  # timed in each process, after one that is not


def convert(models_folder: str) -> str:
    """A job: CTranslate2's form of the model, made once; it asks for a processor's files beside the weights."""
    folder, target = folder_of(MODEL, models_folder), Path(models_folder) / "ctranslate2"
    if not target.is_dir():
        from ctranslate2.converters import TransformersConverter

        import npconformer

        letters = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *map(chr, range(65, 92))])}
        tokenizer = npconformer.Wav2Vec2CTCTokenizer(letters)
        npconformer.Wav2Vec2BertProcessor(npconformer.SeamlessM4TFeatureExtractor(), tokenizer).save_pretrained(folder)
        TransformersConverter(str(folder)).convert(str(target))
    return str(target)


def measure(side: str, seconds: float, models_folder: str, threads: int) -> dict[str, Any]:
    """A job: the fastest pass in seconds, the peak in bytes, and some logits to compare."""
    values = make_input(Case(MODEL, seconds))
    if side == OURS:
        import npconformer

        model = npconformer.AutoModelForCTC.from_pretrained(folder_of(MODEL, models_folder))

        def run() -> np.ndarray:
            with npconformer.no_grad():
                return np.asarray(model(values).logits)
    else:
        import ctranslate2

        target = str(Path(models_folder) / "ctranslate2")
        converted = ctranslate2.models.Wav2Vec2Bert(target, compute_type="float32", intra_threads=threads)

        def run() -> np.ndarray:
            return np.array(converted.encode(ctranslate2.StorageView.from_array(values), to_cpu=True))

    logits, times = run(), []
    for _ in range(PASSES):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return {"seconds": min(times), "peak": peak_bytes(), "logits": logits[0, ::10].tolist()}


def main() -> int:
    """Convert, time in turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of audio; default: 10")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each side; default: 5")
    parser.add_argument("--threads", type=int, default=jobs.available_cores(), help="default: the cores there are")
    parser.add_argument(
        "--models", help="where the models (5 GB) are kept for the next run; default: a temporary folder"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="npconformer-benchmark-") as temporary:
        models = options.models or temporary
        if not folder_of(MODEL, models).exists():
            build(MODEL, models)
        jobs.run("benchmarks.beside_ctranslate2:convert", {"models_folder": models}, options.threads)
        runs: dict[str, list[dict[str, Any]]] = {OURS: [], THEIRS: []}
        for _ in range(options.rounds):
            for side in runs:
                given = {
                    "side": side, "seconds": options.seconds, "models_folder": models, "threads": options.threads
                }  # fmt: skip
                runs[side].append(jobs.run("benchmarks.beside_ctranslate2:measure", given, options.threads))
    times = {side: [run["seconds"] for run in found] for side, found in runs.items()}
    ours, theirs = (np.array(runs[side][0]["logits"]) for side in (OURS, THEIRS))
    print(f"{MODEL}, {options.seconds:g} s of audio, {options.threads} threads, {options.rounds} rounds")
    for side, found in runs.items():
        print(f"{side:12} {statistics.median(times[side]):.2f} s, peak {found[0]['peak'] / 1e6:,.0f} MB")
    print(f"ratio {statistics.median(a / b for a, b in zip(times[OURS], times[THEIRS])):.2f}")
    print(f"largest difference of the logits {np.abs(ours - theirs).max():.2f}; largest logit {np.abs(ours).max():.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
