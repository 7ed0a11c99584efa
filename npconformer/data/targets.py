"""What a model is to say of utterances: the `labels` of a batch, for each kind of head.

An utterance that the model hears may be made of several examples, one after the other, each faster or slower
than it was recorded. `Piece` says where each of them lies, so that labels can follow.

Letters: B utterances in a batch, T frames, S labels of the longest text, C classes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from npconformer.data.examples import Example, UnknownToModel
from npconformer.data.segments import active_frames, segments_of, speakers_of
from npconformer.data.spelling import spell, unknown_letters
from npconformer.losses.class_labels import IGNORED
from npconformer.models.frame_clock import FrameClock
from npconformer.segments.diarization import SILENCE, Segment

SPEAKERS = ("names", "order")  # how classes of frames are told apart
SEVERAL = "|"  # between the labels of an example that has several


class Piece(NamedTuple):
    """An example in an utterance: what `Targets.encode` gave, its first sample there, and how much faster it is."""

    encoded: Any
    start: int = 0
    speed: float = 1.0


class Layout(NamedTuple):
    """What is known of a batch when its labels are made: samples of each utterance (B,), rows of the model's input."""

    lengths: list[int]
    rows: int


class Targets:
    """Base: labels of no kind, for pre-training with losses of its own or for inputs alone.

    clock: from samples to frames of the model. shortest: the fewest samples the model can learn from; of those that it
    can be measured on, `shortest_to_measure`.
    """

    joins = True  # whether several examples can be made into one utterance

    def __init__(self, clock: FrameClock, shortest: int = 1) -> None:
        self.clock = clock
        self.shortest = self.shortest_to_measure = shortest

    def encode(self, example: Example) -> Any:
        """What is to be learnt from the example. Raises ValueError, saying why, when there is nothing."""
        return None

    def fits(self, pieces: Sequence[Piece], samples: int) -> bool:
        """Whether an utterance of that many samples has room for what is to be learnt from it."""
        return samples >= self.shortest

    def misfit(self, samples: int, seconds: float) -> str:
        """Why an example of that many samples, of as many seconds as it was recorded, does not fit."""
        return "there is nothing in it to learn from"

    def for_evaluation(self) -> Targets:
        """The same for data that nothing is learnt from."""
        targets = copy.copy(self)
        targets.shortest = self.shortest_to_measure
        return targets

    def collate(self, utterances: list[list[Piece]], layout: Layout, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The arrays of a batch that the model takes beside the sound. rng: what is random comes from it."""
        return {}


class TextTargets(Targets):
    """CTC: the ids of the text, int64 (B, S), padded with -100.

    tokenizer: of the texts, which are spelt in its letters (`spell`). vocab_size, blank: of the model.
    """

    def __init__(self, tokenizer: Any, clock: FrameClock, vocab_size: int, blank: int, shortest: int = 1) -> None:
        super().__init__(clock, shortest)
        self.tokenizer, self.vocab_size, self.blank = tokenizer, vocab_size, blank
        self.joins = not unknown_letters(" ", tokenizer)  # words can only be told apart by a space
        self.space = self._ids(" ") if self.joins else None

    def _ids(self, text: str) -> np.ndarray:
        return np.asarray(self.tokenizer.convert_tokens_to_ids(self.tokenizer.tokenize(text)), np.int64)

    def encode(self, example: Example) -> np.ndarray:
        if not example.text:
            raise ValueError("no text says what is said" + ": it is empty" * (example.text is not None))
        text = spell(example.text, self.tokenizer)
        unknown = unknown_letters(text, self.tokenizer)
        if unknown:
            raise UnknownToModel(f"its text {_shortened(text)} has {_listed(unknown)}, which the vocabulary has not")
        ids = self._ids(text)
        if (ids == self.blank).any() or ids.max() >= self.vocab_size:
            raise ValueError(f"its text {_shortened(text)} holds the blank or an id outside 0..{self.vocab_size - 1}")
        return ids

    def _joined(self, pieces: Sequence[Piece]) -> np.ndarray:
        if len(pieces) == 1:
            return pieces[0].encoded
        parts = [part for piece in pieces for part in (self.space, piece.encoded)]
        return np.concatenate(parts[1:])

    def fits(self, pieces: Sequence[Piece], samples: int) -> bool:
        return samples >= self.shortest and self.clock.frames_of_loss(samples) >= frames_needed(self._joined(pieces))

    def misfit(self, samples: int, seconds: float) -> str:
        frames = self.clock.frames_of_loss(samples)
        return f"its text is too long for its {seconds:.2f} s, which are {frames} frame{'s' * (frames != 1)}"

    def collate(self, utterances: list[list[Piece]], layout: Layout, rng: np.random.Generator) -> dict[str, np.ndarray]:
        texts = [self._joined(pieces) for pieces in utterances]
        labels = np.full((len(texts), max(map(len, texts))), IGNORED, np.int64)
        for row, text in zip(labels, texts):
            row[: len(text)] = text
        return {"labels": labels}


def frames_needed(ids: np.ndarray) -> int:
    """The fewest frames of a CTC alignment: one for each id, and a blank between two of one kind."""
    return len(ids) + int((ids[1:] == ids[:-1]).sum())


class ClassTargets(Targets):
    """The class of an utterance, by the config's problem_type.

    int64 (B,); for "multi_label_classification" float32 (B, C) of 0 and 1, where an example's labels are written
    "a|b"; for "regression" float32 (B, C) of numbers written "1.5|2".

    field: "label" or "speaker", where the name of the class is found. label2id: of the config. joins: whether
    examples may be joined into one utterance; the first one's class then holds.
    """

    joins = False

    def __init__(
        self,
        label2id: dict[str, int],
        clock: FrameClock,
        field: str = "label",
        problem_type: str | None = None,
        shortest: int = 1,
    ) -> None:
        super().__init__(clock, shortest)
        if problem_type is None and len(label2id) == 1 and field == "label":
            problem_type = "regression"  # as the model takes it
        self.label2id, self.field, self.problem_type = label2id, field, problem_type

    def encode(self, example: Example) -> Any:
        label = getattr(example, self.field)
        if label is None:
            raise ValueError(f"no {self.field} is given")
        if self.problem_type == "regression":
            return self._numbers(label)
        if self.problem_type == "multi_label_classification":
            row = np.zeros(len(self.label2id), np.float32)
            row[[self._class(name.strip()) for name in label.split(SEVERAL)]] = 1
            return row
        return self._class(label)

    def _class(self, label: str) -> int:
        if label not in self.label2id:
            raise UnknownToModel(f"its {self.field} {label!r} is none of the model's: {_listed(list(self.label2id))}")
        return self.label2id[label]

    def _numbers(self, label: str) -> np.ndarray:
        try:
            row = np.array([float(number) for number in label.split(SEVERAL)], np.float32)
        except ValueError:
            row = np.array([np.nan])
        if len(row) != len(self.label2id) or not np.isfinite(row).all():
            raise ValueError(f"its {self.field} {label!r} must be {len(self.label2id)} numbers, as in 1.5{SEVERAL}2")
        return row

    def collate(self, utterances: list[list[Piece]], layout: Layout, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"labels": np.stack([np.asarray(pieces[0].encoded) for pieces in utterances])}


class SpeakerTargets(ClassTargets):
    """The speaker of an utterance, int64 (B,), for speaker vectors."""

    def __init__(self, label2id: dict[str, int], clock: FrameClock, shortest: int = 1) -> None:
        super().__init__(label2id, clock, "speaker", "single_label_classification", shortest)

    def for_evaluation(self) -> Targets:
        """Vectors are compared with each other, so that speakers whom training has never heard will do."""
        return AnySpeakerTargets(self.label2id, self.clock, self.shortest_to_measure)


class AnySpeakerTargets(SpeakerTargets):
    """The speaker of an utterance, known to the model or not.

    labels: int64 (B,), -100 for a speaker who is no class. speakers: (B,) names.
    """

    def encode(self, example: Example) -> tuple[int, str]:
        if example.speaker is None:
            raise ValueError("no speaker is given")
        return self.label2id.get(example.speaker, IGNORED), example.speaker

    def collate(self, utterances: list[list[Piece]], layout: Layout, rng: np.random.Generator) -> dict[str, np.ndarray]:
        labels, speakers = zip(*(pieces[0].encoded for pieces in utterances))
        return {"labels": np.array(labels, np.int64), "speakers": np.array(speakers)}


class FrameTargets(Targets):
    """Who speaks in each frame, float32 (B, T, C), by the RTTM file of the example.

    With `speakers` "names" a speaker is the class of that name; with "order" the first to speak in an example is class
    0, the next class 1, and so on, whoever they are, so that one speaker may be a different class in every recording.
    With a single class it is whether anybody speaks. Frames of padding are -100.

    For "multi_label_classification" and for a single class a frame has a 1 for each who speaks. For a single label
    in each frame (None, "single_label_classification"), frames in which nobody speaks are of the class
    "silence" if there is one; without it, and where several speak, a frame is -100 and does not count.
    """

    def __init__(
        self,
        label2id: dict[str, int],
        clock: FrameClock,
        problem_type: str | None = None,
        shortest: int = 1,
        speakers: str = "names",
    ) -> None:
        super().__init__(clock, shortest)
        if speakers not in SPEAKERS:
            raise ValueError(f"speakers: expected one of {', '.join(SPEAKERS)}, got {speakers!r}")
        self.in_order = speakers == "order"
        self.names = sorted(label2id, key=label2id.__getitem__)
        self.silence = label2id.get(SILENCE)
        if problem_type is None and len(label2id) == 1:
            problem_type = "regression"  # as the model takes it
        self.one_label = problem_type in (None, "single_label_classification")
        self.padding = 0 if problem_type == "regression" else IGNORED  # the squared error counts every frame

    def encode(self, example: Example) -> list[Segment]:
        segments = segments_of(example)
        if self.one_label and self.silence is None and not segments:
            raise ValueError("nobody speaks in it")
        if len(self.names) == 1:
            return [Segment(start, end, self.names[0]) for start, end, _ in segments]
        speakers = speakers_of(segments)
        classes = [name for name in self.names if name != SILENCE]
        if self.in_order:
            if len(speakers) > len(classes):
                raise UnknownToModel(f"{len(speakers)} speakers in it, and the model has {len(classes)}")
            named = dict(zip(speakers, classes))
            return [Segment(start, end, named[speaker]) for start, end, speaker in segments]
        unknown = [speaker for speaker in speakers if speaker not in classes]
        if unknown:
            raise UnknownToModel(f"its speakers {_listed(unknown)} are none of the model's: {_listed(classes)}")
        return segments

    def fits(self, pieces: Sequence[Piece], samples: int) -> bool:
        """Also whether a frame of it counts."""
        return super().fits(pieces, samples) and bool((self._rows(list(pieces), self.clock.frames(samples)) >= 0).any())

    def misfit(self, samples: int, seconds: float) -> str:
        return "in no frame of it does one person speak alone"

    def collate(self, utterances: list[list[Piece]], layout: Layout, rng: np.random.Generator) -> dict[str, np.ndarray]:
        frames = self.clock.frames_of_rows(layout.rows)
        labels = np.full((len(utterances), frames, len(self.names)), self.padding, np.float32)
        for row, pieces, length in zip(labels, utterances, layout.lengths):
            own = self.clock.frames(length)
            row[:own] = self._rows(pieces, own)
        return {"labels": labels}

    def _rows(self, pieces: list[Piece], frames: int) -> np.ndarray:
        rate = self.clock.sampling_rate
        moved = [
            Segment(start / speed + first / rate, end / speed + first / rate, speaker)
            for segments, first, speed in pieces
            for start, end, speaker in segments
        ]
        rows = active_frames(moved, self.names, frames, self.clock.seconds_per_frame).astype(np.float32)  # (T, C)
        if self.one_label:
            speaking = rows.sum(axis=1)
            if self.silence is not None:
                rows[speaking == 0, self.silence] = 1
                rows[speaking > 1] = IGNORED
            else:
                rows[speaking != 1] = IGNORED
        return rows


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _shortened(text: str, most: int = 40) -> str:
    return repr(text if len(text) <= most else text[:most] + "…")
