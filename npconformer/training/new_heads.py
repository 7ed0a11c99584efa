"""What a head is to tell apart, task by task: the letters, labels or speakers of the training data.

Each function here takes the source of a training and its examples, and says which fields of the configuration the
head needs; for CTC also with which tokenizer. Where the source has a head of the kind it keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from npconformer.data.examples import Example
from npconformer.data.targets import SEVERAL
from npconformer.segments.diarization import SILENCE
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer
from npconformer.text.tokenizer_files import VOCABULARY_FILE
from npconformer.training.source import Source

NEW_HEAD = "new_head=True (--new-head)"
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "|")  # at the numbers that configurations have by default
ONE, SEVERAL_AT_ONCE = "single_label_classification", "multi_label_classification"
FRAME_PROBLEMS = {
    ONE: f"each frame has one class, as one of them is {SILENCE!r}",
    SEVERAL_AT_ONCE: "each speaker is learnt by itself, so that nobody or several may speak in a frame",
}

Report = Callable[[str], Any]


class Head(NamedTuple):
    """Fields of the configuration that the head needs, and the tokenizer of its letters, if it has letters."""

    settings: dict[str, Any]
    tokenizer: Wav2Vec2CTCTokenizer | None = None


def letters_head(source: Source, examples: Sequence[Example], report: Report) -> Head:
    """CTC: the source's letters, or those of the texts.

    Raises ValueError where the source has a head and nothing says for which letters, or no example has a text.
    """
    tokenizer = None if source.new_head else source.tokenizer()
    if tokenizer is None and not source.needs_head:
        raise ValueError(
            f"{source.folder} has no {VOCABULARY_FILE}, which says what letters its head knows; put it there, or have "
            f"a head made for the letters of the data: {NEW_HEAD}"
        )
    if tokenizer is None:
        tokenizer = build_tokenizer(example.text for example in examples if example.text)
        report(f"vocabulary of the training texts: {' '.join(list(tokenizer.get_vocab())[len(SPECIAL_TOKENS) :])}")
    if not source.needs_head:
        return Head({}, tokenizer)
    return Head({"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}, tokenizer)


def classes_head(source: Source, examples: Sequence[Example], report: Report, field: str) -> Head:
    """Classification: the classes of the data, which an example has in its `field`, unless the source names its own.

    Raises ValueError when there are fewer than two.
    """
    config = source.config
    if not source.needs_head or config.problem_type == "regression":
        return Head({})
    of_other = source.other_kind and not {"id2label", "num_labels"} & set(source.overrides)
    unnamed = all(name == f"LABEL_{index}" for index, name in config.id2label.items())
    if not (source.new_head or of_other or unnamed):
        return Head({})
    names = class_names(examples, field, config.problem_type)
    report(f"{len(names)} classes of the training data: {', '.join(names[:12])}{' …' * (len(names) > 12)}")
    return Head({"id2label": dict(enumerate(names))})


def frames_head(source: Source, examples: Sequence[Example], report: Report) -> Head:
    """Frame classification: the classes of the configuration, and what it does not say of them.

    A frame classifier that does not say is trained for what `npconformer diarize` takes it to say. The models' own
    reading of None is the reference's, softmax over the classes of a frame. It leaves out frames with no speaker or
    several, and its logits mean nothing one by one.
    """
    if source.config.problem_type is not None:
        return Head({})
    problem = ONE if SILENCE in source.config.id2label.values() else SEVERAL_AT_ONCE
    report(f"problem_type is {problem}: {FRAME_PROBLEMS[problem]}")
    return Head({"problem_type": problem})


def pretraining_head(source: Source, examples: Sequence[Example], report: Report) -> Head:
    """Pre-training tells frames of sound apart, whatever the data say."""
    return Head({})


HEADS: dict[str, Callable[[Source, Sequence[Example], Report], Head]] = {
    "ctc": letters_head,
    "sequence": partial(classes_head, field="label"),
    "frame": frames_head,
    "xvector": partial(classes_head, field="speaker"),
    "pretraining": pretraining_head,
}


def build_tokenizer(texts: Iterable[str]) -> Wav2Vec2CTCTokenizer:
    """A tokenizer for the letters of the texts in upper case, `|` for the space, as released checkpoints have it.

    Raises ValueError when there are no letters.
    """
    letters = sorted(set("".join(texts).upper()) - set(" |"))
    letters = [letter for letter in letters if not letter.isspace()]
    if not letters:
        raise ValueError("no training example has a text to take the vocabulary from")
    return Wav2Vec2CTCTokenizer({token: number for number, token in enumerate([*SPECIAL_TOKENS, *letters])})


def class_names(examples: Iterable[Example], field: str, problem_type: str | None = None) -> list[str]:
    """The labels or speakers of the examples, sorted; numbers by their value.

    Raises ValueError when there are fewer than two.
    """
    values = [value for example in examples if (value := getattr(example, field)) is not None]
    if problem_type == "multi_label_classification":
        values = [part.strip() for value in values for part in value.split(SEVERAL)]
    names = sorted(set(values))
    if len(names) < 2:
        raise ValueError(f"the training data have {len(names)} different {field}s; at least 2 are needed")
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names
