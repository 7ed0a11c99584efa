"""Log-mel features of a long recording: npconformer beside transformers and, where installed, kaldi-native-fbank.

    python -m benchmarks.features                                  ten minutes, five rounds
    python -m benchmarks.features --minutes 60 --rounds 3          an hour

Each side is a process of its own, with the same number of threads; the processes take turns. A process imports its
library, makes the waveform from the demo's recording, extracts once to warm up, and is then timed on the whole. First
the features of the three are compared. transformers and npconformer return normalised rows of two frames;
kaldi-native-fbank returns the 80 bands of each frame and normalises nothing.

    seconds     median of the rounds, and the fastest; `cpu` is the processor time of all threads in it
    peak        largest resident memory of the process, in MB (10^6 bytes); `before` when nothing was extracted yet
    ratio       the median of the ratios of npconformer's time to the side's, round by round
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import jobs
from benchmarks.cases import RECORDING, SAMPLING_RATE

OURS, THEIRS, KALDI = "npconformer", "transformers", "kaldi-native-fbank"
MODULES = {OURS: "npconformer", THEIRS: "transformers", KALDI: "kaldi_native_fbank"}
# The reference rounds its spectrum to complex64; kaldi-native-fbank computes in float32.
LIMITS = {THEIRS: 5e-6, KALDI: 2e-2}
BAR = 5.0  # times as fast as transformers


def main() -> int:
    """Compare, then time in turns; print the table. The exit status is 1 where features differ or the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="length of the recording; default: 10")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each side; default: 5")
    parser.add_argument("--threads", type=int, default=jobs.available_cores(), help="default: the cores there are")
    arguments = parser.parse_args()
    sides = [side for side, module in MODULES.items() if importlib.util.find_spec(module)]
    differences = jobs.run("benchmarks.features:compare", {"sides": sides}, arguments.threads)
    for side, difference in differences.items():
        print(f"largest difference from {side}, log-mel features of the demo's recording: {difference:.1e}")
        if difference > LIMITS[side]:
            print(f"more than {LIMITS[side]:.0e}: not timed")
            return 1
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(arguments.rounds):
        for side in sides:
            given = {"side": side, "minutes": arguments.minutes}
            runs[side].append(jobs.run("benchmarks.features:measure", given, arguments.threads))
    rows = [row_of(side, runs[side], runs[OURS]) for side in sides]
    print(f"\n{arguments.minutes:g} minutes, {arguments.threads} threads, {arguments.rounds} rounds")
    print("| | seconds | fastest | cpu | before, MB | peak, MB | ratio |\n|---|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    if THEIRS not in sides:
        return 0
    gain = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(runs[THEIRS], runs[OURS]))
    print(f"\nnpconformer is {gain:.1f} times as fast as transformers (bar: {BAR:g})")
    return int(gain < BAR)


def row_of(side: str, samples: list[dict[str, float]], ours: list[dict[str, float]]) -> list[str]:
    """A row of the table: medians over the rounds."""
    median = {name: statistics.median(one[name] for one in samples) for name in samples[0]}
    fastest = min(one["seconds"] for one in samples)
    ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(ours, samples))
    return [
        side,
        f"{median['seconds']:.3f}",
        f"{fastest:.3f}",
        f"{median['cpu']:.3f}",
        f"{median['before'] / 1e6:.0f}",
        f"{median['peak'] / 1e6:.0f}",
        f"{ratio:.2f}",
    ]


def measure(side: str, minutes: float) -> dict[str, float]:
    """A job: {"seconds", "cpu"} of one extraction, {"before", "peak"} in bytes."""
    from benchmarks.memory import peak_bytes

    extract = extractor_of(side)
    waveform = make_waveform(minutes)
    extract(waveform[: 10 * SAMPLING_RATE])
    before = peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    extract(waveform)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"seconds": wall, "cpu": cpu, "before": before, "peak": peak_bytes()}


def compare(sides: list[str]) -> dict[str, float]:
    """A job: the largest difference of each other side's log-mel features, before normalisation, from npconformer's."""
    import numpy as np

    waveform = make_waveform(0.25)
    ours = extractor_of(OURS, do_normalize_per_mel_bins=False)(waveform)
    found = {}
    for side in sides:
        if side != OURS:
            theirs = extractor_of(side, **({"do_normalize_per_mel_bins": False} if side == THEIRS else {}))(waveform)
            frames = min(len(ours), len(theirs))  # rows of two frames leave out an odd last one
            found[side] = float(np.abs(ours[:frames] - theirs[:frames]).max())
    return found


def extractor_of(side: str, **options: Any) -> Callable[[Any], Any]:
    """A function from a waveform (N,) to features (T, 80): views of rows of two frames, where a side has them."""
    if side == KALDI:
        return kaldi_features
    if side == OURS:
        from npconformer import SeamlessM4TFeatureExtractor
    else:
        from transformers import SeamlessM4TFeatureExtractor
    extractor = SeamlessM4TFeatureExtractor()
    options = {"sampling_rate": SAMPLING_RATE, "return_tensors": "np", "pad_to_multiple_of": None, **options}
    return lambda waveform: extractor(waveform, **options)["input_features"].reshape(-1, 80)


def kaldi_features(waveform: Any) -> Any:
    """The same by kaldi-native-fbank: (T, 80), as its examples do it."""
    import kaldi_native_fbank
    import numpy as np

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(SAMPLING_RATE, (waveform * 32768).tolist())
    fbank.input_finished()
    return np.stack([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])


def make_waveform(minutes: float) -> Any:
    """The demo's recording again and again, each time at another level: float32 (N,)."""
    import numpy as np

    from npconformer.audio import read_audio

    recording, random = read_audio(RECORDING, SAMPLING_RATE), np.random.default_rng(0)
    waveform = np.empty(round(minutes * 60 * SAMPLING_RATE), np.float32)
    for start in range(0, len(waveform), len(recording)):
        piece = waveform[start : start + len(recording)]
        np.multiply(recording[: len(piece)], np.float32(random.uniform(0.3, 1.0)), out=piece)
    return waveform


if __name__ == "__main__":
    sys.exit(main())
