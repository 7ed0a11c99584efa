"""Which examples a model can learn from, found out before training, and why the others cannot be used.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from npconformer.data.examples import Example, LeftOut, UnknownToModel, left_out
from npconformer.data.reading import AudioReader
from npconformer.data.targets import Piece, Targets

LONGEST_SECONDS = 30.0


@dataclass
class Selection:
    """Examples that can be used, each with its samples at the model's rate and what is to be learnt from it."""

    examples: list[Example] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    encoded: list[Any] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.examples)


def select_examples(
    examples: Iterable[Example],
    targets: Targets,
    reader: AudioReader,
    longest_seconds: float = LONGEST_SECONDS,
    fastest: float = 1.0,
    workers: int = 2,
    progress: bool = False,
) -> Selection:
    """Read every example once, and keep those that the model can learn from.

    targets: what is to be learnt. reader: reads the sound, and keeps it for training. longest_seconds: of an
    example. fastest: how much faster augmentation may make it: what fits must fit then, too. workers: threads
    that read. progress: show a bar on standard error.

    Left out, each with its reason: recordings that cannot be read, are empty, too short for one frame or longer
    than longest_seconds; labels that are missing or not the model's; texts with letters that the vocabulary has
    not, and those with more letters than their sound has frames; and whatever else raises an error. The order stays.
    """
    from tqdm import tqdm

    if not longest_seconds > 0:
        raise ValueError(f"longest_seconds must be above 0, got {longest_seconds!r}")
    if not 1 <= fastest < math.inf:
        raise ValueError(f"fastest must be a number of at least 1, got {fastest!r}")

    def check(example: Example) -> tuple[int, Any] | LeftOut:
        try:
            encoded = targets.encode(example)
            samples = len(reader(example))
            _check_length(samples, encoded, targets, reader.sampling_rate, longest_seconds, fastest)
        except Exception as error:  # whatever it is, it is of this one recording
            return left_out(example, error if isinstance(error, UnknownToModel) else _without_errno(error))
        except MemoryError:
            return left_out(example, "not enough memory to read it")
        return samples, encoded

    examples = list(examples)
    selection = Selection()
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="npconformer-select") as threads:
        results = threads.map(check, examples)
        bar = tqdm(results, total=len(examples), desc="reading", unit="file", file=sys.stderr, disable=not progress)
        for example, result in zip(examples, bar):
            if isinstance(result, LeftOut):
                selection.left_out.append(result)
                continue
            selection.examples.append(example)
            selection.samples.append(result[0])
            selection.encoded.append(result[1])
    return selection


def _check_length(
    samples: int, encoded: Any, targets: Targets, rate: int, longest_seconds: float, fastest: float
) -> None:
    seconds = samples / rate
    if seconds > longest_seconds:
        raise ValueError(f"{seconds:.1f} s are too long: the longest is {longest_seconds:g} s")
    fewest = samples if fastest == 1 else math.floor(samples / fastest)
    faster = f" when made {fastest:g} times faster" if fastest > 1 else ""
    if fewest < targets.shortest:
        raise ValueError(
            f"{seconds:.3f} s ({samples} samples at {rate} Hz) are too short{faster}: "
            f"the model needs {targets.shortest} samples"
        )
    if not targets.fits([Piece(encoded)], fewest):
        raise ValueError(f"{targets.misfit(fewest, seconds)}{faster}")


def _without_errno(error: Exception) -> str:
    """An OSError's own words: "Permission denied", not "[Errno 13] Permission denied: 'a.wav'"."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}".rstrip(": ")
