"""Recognisers of speech behind one shape: paths of recordings of 16 kHz in, their texts out, in processes of their own.

A side's libraries are imported only in the process that measures it, and nothing of npconformer in the others.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_bytes

Recognise = Callable[[Sequence[str]], list[str]]

OURS, TORCH, WHISPER, SPHINX = "npconformer", "torch program", "faster-whisper tiny.en", "pocketsphinx"
NEEDS = {TORCH: "torch", WHISPER: "faster_whisper", SPHINX: "pocketsphinx"}
RATE = 16000
PROGRAMS = Path(__file__).parent / "programs"


class RefusedError(RuntimeError):
    """This side cannot be measured here; the message says why in one line."""


def is_installed(side: str) -> bool:
    """Whether there is anything to measure."""
    return side == OURS or importlib.util.find_spec(NEEDS[side]) is not None


def load_npconformer(threads: int, model: str, dtype: str = "float32", batch_size: int = 1) -> Recognise:
    """As people call it; dtype goes to from_pretrained."""
    import npconformer

    try:
        recognise = npconformer.pipeline("automatic-speech-recognition", model, dtype=dtype)
    except ValueError as error:
        if "dtype" not in str(error):
            raise
        raise RefusedError(f"{dtype}: not supported by this version") from error
    return lambda paths: [answer["text"] for answer in recognise(list(paths), batch_size=batch_size)]


def load_torch(threads: int, arrays: str) -> Recognise:
    """The plain program of the same layers, one utterance after the other."""
    import torch

    sys.path.insert(0, str(PROGRAMS))
    from nemo_torch import Recogniser

    torch.set_num_threads(threads)
    model = Recogniser.from_folder(arrays)
    return lambda paths: [model.recognise(torch.from_numpy(read_samples(path))) for path in paths]


def load_whisper(threads: int) -> Recognise:
    """As its README says, greedily; its weights have to be in the hub's cache."""
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(
            "tiny.en", device="cpu", compute_type="float32", cpu_threads=threads, local_files_only=True
        )
    except Exception as error:  # the hub's client has several for a file that is not there
        raise RefusedError(f"no weights: {str(error).splitlines()[0]}") from error

    def recognise(path: str) -> str:
        segments, _ = model.transcribe(read_samples(path), language="en", beam_size=1)
        return " ".join(segment.text.strip() for segment in segments)

    return lambda paths: [recognise(path) for path in paths]


def load_sphinx(threads: int) -> Recognise:
    """With the English model that comes with it; it knows one thread."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE, loglevel="FATAL")

    def recognise(path: str) -> str:
        decoder.start_utt()
        decoder.process_raw(read_samples(path, "int16").tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    return lambda paths: [recognise(path) for path in paths]


def read_samples(path: str, dtype: str = "float32") -> Any:
    """The samples of a recording of one channel."""
    import soundfile

    samples, rate = soundfile.read(path, dtype=dtype)
    if rate != RATE or samples.ndim != 1:
        raise RefusedError(f"{path}: expected one channel of {RATE} Hz, got {rate} Hz, shape {samples.shape}")
    return samples


LOADERS: dict[str, Callable[..., Recognise]] = {
    OURS: load_npconformer,
    TORCH: load_torch,
    WHISPER: load_whisper,
    SPHINX: load_sphinx,
}


def measure(side: str, settings: dict[str, Any], paths: list[str], passes: int, threads: int) -> dict[str, Any]:
    """A job: loads, recognises the first recording, then all of them, `passes` times.

    Returns:
        "texts"; "seconds" and "cpu", by the clock and of processor time of all threads, medians of the passes; "load"
        in seconds; "loaded" and "peak" in bytes. Or "refused": why nothing was measured.
    """
    try:
        started = time.perf_counter()
        recognise = LOADERS[side](threads, **settings)
        load, loaded = time.perf_counter() - started, peak_bytes()
        recognise(paths[:1])
        times, texts = [], []
        for _ in range(passes):
            wall, cpu = time.perf_counter(), time.process_time()
            texts = recognise(paths)
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
    except RefusedError as error:
        return {"refused": str(error)}
    seconds, cpu = (statistics.median(one) for one in zip(*times, strict=True))
    return {"texts": texts, "seconds": seconds, "cpu": cpu, "load": load, "loaded": loaded, "peak": peak_bytes()}
