"""Making other recordings of those there are: joined, faster or slower, with silence, coloured, noisy or louder.

Each kind has a `probability` for an utterance and ranges (least, most) that a value is drawn from evenly. All
randomness comes from the generator passed in. An utterance goes through, in this order:

    speed    each example by itself: resampled, so that the pitch changes with it
    joining  several examples one after the other, with a gap between them
    silence  before and behind
    colour   filtered at random, as another microphone or room would
    noise    white or from files, as strong as a signal-to-noise ratio says; also over gaps and silence
    gain     the whole louder or softer; a feature extractor with do_normalize undoes it

What changes the length is drawn first (`Timing`), so that utterances of similar length can be batched.

N counts samples; waveforms are float32 (N,).

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from npconformer.data.sound_changes import add_echoes, add_noise, amplitude, change_speed, level_of, white_noise
from npconformer.storage.messages import shown

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
            raise ValueError(f"Joining: longest_seconds must be above 0, got {shown(self.longest_seconds)}")


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
class Colour:
    """strength: how strong the echoes are together, beside the sound itself, 0 to 1. seconds: within which they
    fade, 0.0002 to 0.1; 2 ms change the balance of frequencies, 50 ms sound like a room."""

    probability: float = 0.5
    strength: Range = (0.0, 0.7)
    seconds: Range = (0.001, 0.004)

    def __post_init__(self) -> None:
        _check(self, strength=(0, 1), seconds=(2e-4, 0.1))


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


class Timing(NamedTuple):
    """How an utterance of examples is laid out: how much faster each is, and the seconds of silence between,
    before and behind them."""

    speeds: tuple[float, ...]
    gaps: tuple[float, ...]
    before: float = 0.0
    behind: float = 0.0

    def seconds(self, examples: Sequence[float]) -> float:
        """How long the utterance is, from the seconds of its examples."""
        spoken = sum(one / speed for one, speed in zip(examples, self.speeds))
        return spoken + sum(self.gaps) + self.before + self.behind


@dataclass(frozen=True)
class Augmentation:
    """What is done to the utterances of training; None leaves a kind out."""

    speed: Speed | None = None
    joining: Joining | None = None
    silence: Silence | None = None
    noise: Noise | None = None
    gain: Gain | None = None
    colour: Colour | None = None

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Augmentation:
        """The augmentation that `to_dict` described: {"speed": {"factor": [0.9, 1.1]}, "noise": {}}.

        Raises ValueError for names and values that have no meaning.
        """
        if not isinstance(settings, dict):
            raise ValueError(f"augmentation: expected an object by kind, got {shown(settings)}")
        unknown = sorted(set(settings) - set(KINDS))
        if unknown:
            raise ValueError(f"augmentation: unknown {', '.join(unknown)}; known are {', '.join(KINDS)}")
        kinds = {}
        for name, values in settings.items():
            if values is None:
                continue
            known = [field.name for field in dataclasses.fields(KINDS[name])]
            if not isinstance(values, dict) or set(values) - set(known):
                raise ValueError(f"augmentation: {name} must be an object of {', '.join(known)}, got {shown(values)}")
            kinds[name] = KINDS[name](**values)
        return cls(**kinds)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; kinds that are left out are not in it."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @property
    def fastest(self) -> float:
        """How much faster an example may become, at least 1."""
        return max(1.0, self.speed.factor[1]) if self.speed else 1.0

    def group(self, seconds: Sequence[float], random: np.random.Generator) -> list[list[int]]:
        """Which examples become one utterance: every example is in one group, in random order if any are joined."""
        joining = self.joining
        if joining is None or joining.probability == 0:
            return [[i] for i in range(len(seconds))]
        groups = []
        waiting = random.permutation(len(seconds)).tolist()
        while waiting:
            group, wanted = [waiting.pop()], 1
            total = seconds[group[0]]
            if random.random() < joining.probability:
                wanted = int(random.integers(joining.utterances[0], joining.utterances[1] + 1))
            while len(group) < wanted and waiting:
                total += joining.gap[1] + seconds[waiting[-1]]
                if total > joining.longest_seconds:
                    break
                group.append(waiting.pop())
            groups.append(group)
        return groups

    def draw_timing(self, examples: int, random: np.random.Generator) -> Timing:
        """The timing of an utterance of that many examples."""
        speeds, gaps, before, behind = (1.0,) * examples, (0.0,) * (examples - 1), 0.0, 0.0
        if self.speed:
            chances = random.random(examples)
            factors = random.uniform(*self.speed.factor, size=examples)
            speeds = tuple(np.where(chances < self.speed.probability, factors, 1.0).tolist())
        if self.joining:
            gaps = tuple(random.uniform(*self.joining.gap, size=examples - 1).tolist())
        if self.silence and random.random() < self.silence.probability:
            before, behind = random.uniform(*self.silence.seconds, size=2).tolist()
        return Timing(speeds, gaps, before, behind)

    def apply(
        self,
        waveforms: Sequence[np.ndarray],
        timing: Timing,
        rate: int,
        random: np.random.Generator,
        read: Callable[[str], np.ndarray],
    ) -> tuple[np.ndarray, list[int]]:
        """Make one utterance of examples [(N_1,), ...] at `rate`; read: gives the samples of a noise file.

        Returns the utterance (N,), and the first sample of each example in it.
        """
        spoken = [change_speed(waveform, speed, rate) for waveform, speed in zip(waveforms, timing.speeds)]
        level = level_of(spoken)  # without silence
        silences = [timing.before, *timing.gaps, timing.behind]
        floors = [kind and kind.floor for kind in (self.silence, *[self.joining] * len(timing.gaps), self.silence)]
        quiet = [
            white_noise(round(seconds * rate), level * amplitude(random.uniform(*floor)) if floor else 0.0, random)
            for seconds, floor in zip(silences, floors)
        ]
        parts = [part for pair in zip(quiet, spoken) for part in pair] + quiet[-1:]
        ends = np.cumsum([len(part) for part in parts])
        utterance = spoken[0] if ends[-1] == len(spoken[0]) else np.concatenate(parts)
        if self.colour and random.random() < self.colour.probability:
            strength, seconds = random.uniform(*self.colour.strength), random.uniform(*self.colour.seconds)
            utterance = add_echoes(utterance, strength, max(1, round(seconds * rate)), random)
        if self.noise and random.random() < self.noise.probability:
            ratio = amplitude(random.uniform(*self.noise.ratio))
            utterance = add_noise(utterance, level / ratio, self.noise.files, random, read)
        if self.gain and random.random() < self.gain.probability:
            utterance = utterance * np.float32(amplitude(random.uniform(*self.gain.decibels)))
        return utterance, ends[:-1:2].tolist()


KINDS = {"speed": Speed, "joining": Joining, "silence": Silence, "colour": Colour, "noise": Noise, "gain": Gain}


def _check(kind: Any, **limits: Range) -> None:
    """Refuse a probability outside 0..1 and ranges outside their limits; lists (of JSON) become tuples."""
    name = type(kind).__name__
    if not _is_number(kind.probability) or not 0 <= kind.probability <= 1:
        raise ValueError(f"{name}: probability must be a number from 0 to 1, got {shown(kind.probability)}")
    for field, (least, most) in limits.items():
        value = getattr(kind, field)
        whole = field == "utterances"
        pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))
        if not pair or not least <= value[0] <= value[1] <= most or (whole and any(v != int(v) for v in value)):
            numbers = "whole numbers" if whole else "numbers"
            raise ValueError(
                f"{name}: {field} must be two {numbers} (least, most) from {least:g} to {most:g}, got {shown(value)}"
            )
        object.__setattr__(kind, field, tuple(map(int, value)) if whole else tuple(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
