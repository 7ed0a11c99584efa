"""What a head is to tell apart, task by task: the letters, labels or speakers of the training data.

Each function here takes the source of a training and its examples, and says which fields of the configuration the
head needs; for CTC also with which tokenizer. Where the source has a head of the kind it keeps its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from npconformer.data.examples import Example
from npconformer.data.segments import segments_of, speakers_of
from npconformer.data.targets import SEVERAL
from npconformer.segments.diarization import SILENCE
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer
from npconformer.text.tokenizer_files import VOCABULARY_FILE
from npconformer.training.source import Source

NEW_HEAD = "new_head=True (--new-head)"
IN_ORDER = "speakers='order' (--speakers order)"
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
    if not (source.new_head or of_other or _is_unnamed(config)):
        return Head({})
    names = class_names(examples, field, config.problem_type)
    report(f"{len(names)} classes of the training data: {', '.join(names[:12])}{' …' * (len(names) > 12)}")
    return Head({"id2label": dict(enumerate(names))})


def frames_head(source: Source, examples: Sequence[Example], report: Report, speakers: str = "names") -> Head:
    """Frame classification: the speakers of the data, unless the source names its own, and how they are learnt.

    With speakers "order", and where there is one class without a name (whether anybody speaks), the classes are those
    of the configuration.

    A frame classifier that does not say is trained for what `npconformer diarize` takes it to say. The models' own
    reading of None is the reference's, softmax over the classes of a frame. It leaves out frames with no speaker or
    several, and its logits mean nothing one by one.
    """
    config, settings = source.config, {}
    if speakers == "names" and _needs_speakers(source):
        names = _speakers(source, examples, report)
        settings["id2label"] = dict(enumerate(names))
    if config.problem_type is None:
        classes = settings.get("id2label", config.id2label)
        problem = ONE if SILENCE in classes.values() else SEVERAL_AT_ONCE
        report(f"problem_type is {problem}: {FRAME_PROBLEMS[problem]}")
        settings["problem_type"] = problem
    return Head(settings)


def _is_unnamed(config: Any) -> bool:
    return all(name == f"LABEL_{index}" for index, name in config.id2label.items())


def _needs_speakers(source: Source) -> bool:
    """Whether the classes of frames are to be the speakers of the data."""
    if not source.needs_head or "id2label" in source.overrides:
        return False
    if source.new_head or (source.other_kind and "num_labels" not in source.overrides):
        return True
    return _is_unnamed(source.config) and source.config.num_labels > 1


def _speakers(source: Source, examples: Sequence[Example], report: Report) -> list[str]:
    """Everybody who speaks in the data, sorted, and silence where the configuration has it.

    Raises ValueError when nobody does, or when it is another number than the overrides ask for.
    """
    in_recordings = Counter(name for example in examples for name in _speakers_in(example))
    names = sorted(in_recordings)
    if not names:
        raise ValueError("no RTTM file of the training data says who speaks when")
    if not source.other_kind and SILENCE in source.config.id2label.values() and SILENCE not in names:
        names.append(SILENCE)
    report(f"{len(names)} classes of the training data: {', '.join(names[:12])}{' …' * (len(names) > 12)}")
    wanted = source.overrides.get("num_labels", len(names))
    if wanted != len(names):
        raise ValueError(
            f"num_labels is {wanted}, and the training data have {len(names)} classes; leave it out, or ask for "
            f"classes that stand for whoever speaks first, second, ...: {IN_ORDER}"
        )
    if len(names) > 1 and max(in_recordings.values()) == 1 < sum(in_recordings.values()) and len(examples) > 1:
        report(f"nobody speaks in two recordings; to learn who speaks first, second, ... in each: {IN_ORDER}")
    return names


def _speakers_in(example: Example) -> list[str]:
    try:
        return speakers_of(segments_of(example))
    except (ValueError, OSError):  # why it cannot be used is said when it is selected
        return []


def pretraining_head(source: Source, examples: Sequence[Example], report: Report) -> Head:
    """Pre-training tells frames of sound apart, whatever the data say."""
    return Head({})


HEADS: dict[str, Callable[..., Head]] = {
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
