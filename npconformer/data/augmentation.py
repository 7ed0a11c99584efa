"""Making other recordings of the recordings there are: joined, faster or slower, with silence, noise, or louder.

Each kind has a `probability` for an utterance and ranges (least, most) that a value is drawn from evenly. All
randomness comes from the generator passed in. An utterance goes through, in this order:

    speed    each example by itself: resampled, so that the pitch changes with it
    joining  several examples one after the other, with a gap between them
    silence  before and behind
    noise    white or from files, as strong as a signal-to-noise ratio says; also over gaps and silence
    gain     the whole louder or softer; a feature extractor with do_normalize undoes it

N counts samples; waveforms are float32 (N,).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.audio.files import resample

Range = tuple[float, float]


@dataclass(frozen=True)
class Speed:
    """factor: how much faster, 0.25 to 4; 0.9 to 1.1 sounds natural."""

    probability: float = 0.5
    factor: Range = (0.9, 1.1)

    def __post_init__(self) -> None:
        _check(self, factor=(0.25, 4.0))


@dataclass(frozen=True)
class Joining:
    """utterances: how many are joined, 2 to 100. gap: seconds between two, 0 to 60. longest_seconds: of the
    result, beyond which no more are joined. floor: as for Silence."""

    probability: float = 0.5
    utterances: tuple[int, int] = (2, 4)
    gap: Range = (0.05, 0.5)
    longest_seconds: float = 20.0
    floor: Range = (-80.0, -40.0)

    def __post_init__(self) -> None:
        _check(self, utterances=(2, 100), gap=(0, 60), floor=(-200, 0))
        if not self.longest_seconds > 0:
            raise ValueError(f"Joining: longest_seconds must be above 0, got {self.longest_seconds!r}")


@dataclass(frozen=True)
class Silence:
    """seconds: at the start and at the end, each drawn by itself, 0 to 60. floor: decibels, relative to the
    utterance, of the white noise that silence is made of: no recording is silent; -200 to 0."""

    probability: float = 0.5
    seconds: Range = (0.0, 0.5)
    floor: Range = (-80.0, -40.0)

    def __post_init__(self) -> None:
        _check(self, seconds=(0, 60), floor=(-200, 0))


@dataclass(frozen=True)
class Noise:
    """ratio: signal to noise in decibels, -20 to 100. files: recordings of noise, of which a random stretch is
    taken, repeated if it is too short; without files the noise is white."""

    probability: float = 0.5
    ratio: Range = (10.0, 40.0)
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self, ratio=(-20, 100))
        object.__setattr__(self, "files", tuple(map(str, self.files)))


@dataclass(frozen=True)
class Gain:
    """decibels: added to the level, -60 to 60."""

    probability: float = 0.5
    decibels: Range = (-12.0, 6.0)

    def __post_init__(self) -> None:
        _check(self, decibels=(-60, 60))


@dataclass(frozen=True)
class Augmentation:
    """What is done to the utterances of training; None leaves a kind out."""

    speed: Speed | None = None
    joining: Joining | None = None
    silence: Silence | None = None
    noise: Noise | None = None
    gain: Gain | None = None

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Augmentation:
        """The augmentation that `to_dict` described: {"speed": {"factor": [0.9, 1.1]}, "noise": {}}.

        Raises ValueError for names and values that have no meaning.
        """
        if not isinstance(settings, dict):
            raise ValueError(f"augmentation: expected an object by kind, got {settings!r}")
        unknown = sorted(set(settings) - set(KINDS))
        if unknown:
            raise ValueError(f"augmentation: unknown {', '.join(unknown)}; known are {', '.join(KINDS)}")
        kinds = {}
        for name, values in settings.items():
            if values is None:
                continue
            known = [field.name for field in dataclasses.fields(KINDS[name])]
            if not isinstance(values, dict) or set(values) - set(known):
                raise ValueError(f"augmentation: {name} must be an object of {', '.join(known)}, got {values!r}")
            kinds[name] = KINDS[name](**values)
        return cls(**kinds)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; kinds that are left out are not in it."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @property
    def fastest(self) -> float:
        """How much faster an example may become, at least 1."""
        return max(1.0, self.speed.factor[1]) if self.speed else 1.0

    def longest(self, seconds: Sequence[float]) -> float:
        """How long, in seconds, an utterance of examples of these lengths may become."""
        slowest = min(1.0, self.speed.factor[0]) if self.speed else 1.0
        gaps = (len(seconds) - 1) * self.joining.gap[1] if self.joining else 0.0
        return sum(seconds) / slowest + gaps + (2 * self.silence.seconds[1] if self.silence else 0.0)

    def group(self, seconds: Sequence[float], random: np.random.Generator) -> list[list[int]]:
        """Which examples become one utterance: every example is in one group, in random order if any are joined."""
        if self.joining is None or self.joining.probability == 0:
            return [[i] for i in range(len(seconds))]
        joining, groups = self.joining, []
        waiting = random.permutation(len(seconds)).tolist()[::-1]
        while waiting:
            group, wanted = [waiting.pop()], 1
            if random.random() < joining.probability:
                wanted = int(random.integers(joining.utterances[0], joining.utterances[1] + 1))
            while len(group) < wanted and waiting:
                if self.longest([seconds[i] for i in (*group, waiting[-1])]) > joining.longest_seconds:
                    break
                group.append(waiting.pop())
            groups.append(group)
        return groups

    def apply(
        self,
        waveforms: Sequence[np.ndarray],
        rate: int,
        random: np.random.Generator,
        read: Callable[[str], np.ndarray],
    ) -> tuple[np.ndarray, list[tuple[int, float]]]:
        """Make one utterance of examples [(N_1,), ...] at `rate`; read: gives the samples of a noise file.

        Returns the utterance (N,), and for each example its first sample in it and how much faster it is.
        """
        pieces, places, parts = [], [], []
        for waveform in waveforms:
            factor = 1.0
            if self.speed and random.random() < self.speed.probability:
                factor = float(random.uniform(*self.speed.factor))
                waveform = change_speed(waveform, factor, rate)
            pieces.append((waveform, factor))
        level = _level(np.concatenate([waveform for waveform, _ in pieces]))  # of what is said, without silence

        start = 0
        quiet = self.silence if self.silence and random.random() < self.silence.probability else None

        def be_silent(seconds: Range, floor: Range) -> int:
            parts.append(_silence(random, random.uniform(*seconds), rate, level * _ratio(random.uniform(*floor))))
            return len(parts[-1])

        if quiet:
            start += be_silent(quiet.seconds, quiet.floor)
        for number, (waveform, factor) in enumerate(pieces):
            if number > 0 and self.joining:
                start += be_silent(self.joining.gap, self.joining.floor)
            places.append((start, factor))
            parts.append(waveform)
            start += len(waveform)
        if quiet:
            be_silent(quiet.seconds, quiet.floor)
        utterance = parts[0] if len(parts) == 1 else np.concatenate(parts)

        if self.noise and random.random() < self.noise.probability:
            utterance = add_noise(utterance, level, self.noise, random, read)
        if self.gain and random.random() < self.gain.probability:
            utterance = utterance * np.float32(_ratio(random.uniform(*self.gain.decibels)))
        return utterance, places


KINDS = {"speed": Speed, "joining": Joining, "silence": Silence, "noise": Noise, "gain": Gain}


def change_speed(waveform: np.ndarray, factor: float, rate: int) -> np.ndarray:
    """(N,) -> (round(N / factor),): as if recorded at `rate * factor` and resampled to `rate`."""
    return resample(waveform, rate * factor, rate)


def add_noise(
    utterance: np.ndarray,
    level: float,
    noise: Noise,
    random: np.random.Generator,
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    """(N,) with noise whose root mean square is `level` divided by the ratio drawn; digital silence gets none."""
    ratio = _ratio(random.uniform(*noise.ratio))
    if noise.files:
        source = read(noise.files[int(random.integers(len(noise.files)))])
        first = int(random.integers(len(source) if len(source) < len(utterance) else len(source) - len(utterance) + 1))
        added = source[first : first + len(utterance)]
        if len(added) < len(utterance):
            added = np.take(source, np.arange(first, first + len(utterance)), mode="wrap")
    else:
        added = random.standard_normal(len(utterance), dtype=np.float32)
    strength = _level(added)
    if strength == 0 or level == 0:
        return utterance
    return utterance + added * np.float32(level / ratio / strength)


def _silence(random: np.random.Generator, seconds: float, rate: int, level: float) -> np.ndarray:
    return random.standard_normal(round(seconds * rate), dtype=np.float32) * np.float32(level)


def _level(waveform: np.ndarray) -> float:
    """The root mean square."""
    return math.sqrt(float(np.mean(np.square(waveform, dtype=np.float64)))) if len(waveform) else 0.0


def _ratio(decibels: float) -> float:
    """Decibels -> a factor of amplitudes."""
    return 10.0 ** (decibels / 20.0)


def _check(kind: Any, **limits: Range) -> None:
    """Refuse a probability outside 0..1 and ranges outside their limits; lists (of JSON) become tuples."""
    name = type(kind).__name__
    if not _is_number(kind.probability) or not 0 <= kind.probability <= 1:
        raise ValueError(f"{name}: probability must be a number from 0 to 1, got {kind.probability!r}")
    for field, (least, most) in limits.items():
        value = getattr(kind, field)
        whole = field == "utterances"
        pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))
        if not pair or not least <= value[0] <= value[1] <= most or (whole and any(v != int(v) for v in value)):
            numbers = "whole numbers" if whole else "numbers"
            raise ValueError(
                f"{name}: {field} must be two {numbers} (least, most) from {least:g} to {most:g}, got {value!r}"
            )
        object.__setattr__(kind, field, tuple(map(int, value)) if whole else tuple(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
