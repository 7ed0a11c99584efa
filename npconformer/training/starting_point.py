"""What a training starts from: a model with the task's head, and what prepares its inputs and texts.

A checkpoint gives the weights it has, and a head of its own kind with its labels or vocabulary. What it lacks starts
at random: a head of another kind, for labels or letters taken from the training data. So does, where a new head is
asked for, the layer that tells labels or letters apart; the rest of a head (projections, TDNN layers) stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from npconformer.arrays import generator
from npconformer.audio.feature_extraction import Wav2Vec2FeatureExtractor
from npconformer.checkpoints.report import describe_mismatches
from npconformer.data.examples import Example
from npconformer.data.targets import SEVERAL
from npconformer.models import wav2vec2_conformer
from npconformer.models.wav2vec2_conformer import Wav2Vec2ConformerConfig
from npconformer.processors.wav2vec2_processor import Wav2Vec2Processor
from npconformer.segments.diarization import SILENCE
from npconformer.storage.files import read_json_object
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer
from npconformer.text.tokenizer_files import VOCABULARY_FILE
from npconformer.training.tasks import TASKS

SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "|")  # at the numbers that configurations have by default
NAMED_AFTER = {"sequence": "label", "xvector": "speaker"}  # what the classes of a task are called in the data
OUTPUTS = {"ctc": "lm_head.", "sequence": "classifier.", "frame": "classifier.", "xvector": "objective."}
NEW_HEAD = "new_head=True (--new-head)"
ONE, SEVERAL_AT_ONCE = "single_label_classification", "multi_label_classification"
FRAME_PROBLEMS = {
    ONE: f"each frame has one class, as one of them is {SILENCE!r}",
    SEVERAL_AT_ONCE: "each speaker is learnt by itself, so that nobody or several may speak in a frame",
}


def starting_point(
    task: str,
    source: str | os.PathLike,
    examples: Sequence[Example],
    overrides: dict[str, Any] | None = None,
    seed: int = 0,
    report: Callable[[str], Any] = print,
    new_head: bool = False,
) -> tuple[Any, Any]:
    """A model to train, and its processor (for CTC) or feature extractor.

    Args:
        task: one of "ctc", "sequence", "frame", "xvector", "pretraining".
        source: a checkpoint folder, or the JSON file of a configuration: then all weights start at random.
        examples: the training data, whose letters, labels or speakers a new head is made for.
        overrides: fields of the configuration to replace.
        seed: of the random weights.
        report: called with lines about what was made anew.
        new_head: the labels, speakers or letters are those of the data even if the checkpoint has a head of this kind
            for others. The classes of frames stay those of the configuration, with what `overrides` says.

    Raises:
        FileNotFoundError: there is no such checkpoint or file.
        ValueError: it does not fit the task, or the data have nothing that a head can be made for, or the sizes of
            its head are not those of the configuration and no new head is asked for.
    """
    if new_head and task not in OUTPUTS:
        raise ValueError(f"new_head: models for {task} have no labels or letters that a head could be made for")
    model_class = getattr(wav2vec2_conformer, "Wav2Vec2Conformer" + TASKS[task].head)
    folder = Path(source) if Path(source).is_dir() else None
    overrides = overrides or {}
    config = Wav2Vec2ConformerConfig.from_pretrained(source, **overrides)
    has_head = folder is not None and model_class.__name__ in (config.architectures or [])
    other_kind = folder is not None and bool(config.architectures) and not has_head  # its labels are another head's
    if other_kind and "problem_type" not in overrides:
        config.problem_type = None
    extractor = _feature_extractor(folder, config)
    processor: Any = extractor
    settings: dict[str, Any] = {}
    if task == "ctc":
        tokenizer = None if new_head else _tokenizer(folder)
        if tokenizer is None and has_head and not new_head:
            raise ValueError(
                f"{folder} has no {VOCABULARY_FILE}, which says what letters its head knows; put it there, or have a "
                f"head made for the letters of the data: {NEW_HEAD}"
            )
        if tokenizer is None:
            tokenizer = build_tokenizer(example.text for example in examples if example.text)
            report(f"vocabulary of the training texts: {' '.join(list(tokenizer.get_vocab())[len(SPECIAL_TOKENS) :])}")
        if new_head or not has_head:
            settings = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
        processor = Wav2Vec2Processor(extractor, tokenizer)
    elif task in NAMED_AFTER and (new_head or not has_head) and config.problem_type != "regression":
        of_other = other_kind and not {"id2label", "num_labels"} & set(overrides)
        if new_head or of_other or all(name == f"LABEL_{index}" for index, name in config.id2label.items()):
            names = class_names(examples, NAMED_AFTER[task], config.problem_type)
            settings = {"id2label": dict(enumerate(names))}
            report(f"{len(names)} classes of the training data: {', '.join(names[:12])}{' …' * (len(names) > 12)}")
    elif task == "frame" and config.problem_type is None:
        settings = {"problem_type": _frame_problem(config)}
        report(f"problem_type is {settings['problem_type']}: {FRAME_PROBLEMS[settings['problem_type']]}")
    config = Wav2Vec2ConformerConfig.from_dict(config.to_dict(), **settings)

    generator.manual_seed(seed)
    if folder is None or not _has_weights(folder):
        report(f"all weights start at random: {source} is a configuration without weights")
        return model_class(config), processor
    model = model_class.from_pretrained(
        folder, config=config, allow_missing=new_head or not has_head, ignore_mismatched_sizes=True
    )
    _check_missing(model, folder)
    head = [name for name in model.state_dict() if not name.startswith(model.base_model_prefix + ".")]
    new = [name for name in head if new_head and name.startswith(OUTPUTS[task])]
    if other_kind:
        new = head  # that kind's weights may have the same names, and even the same sizes
    _check_sizes(model, folder, new)
    _renew(model, new)
    if at_random := list(dict.fromkeys([*model.load_report.missing, *new])):
        report(f"these start at random: {', '.join(at_random)}")
    return model, processor


def _frame_problem(config: Any) -> str:
    """What a frame classifier that does not say is trained for: what `npconformer diarize` takes it to say.

    The models' own reading of None is the reference's, softmax over the classes of a frame. It leaves out frames
    with no speaker or several, and its logits mean nothing one by one.
    """
    return ONE if SILENCE in config.id2label.values() else SEVERAL_AT_ONCE


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


def _feature_extractor(folder: Path | None, config: Any) -> Wav2Vec2FeatureExtractor:
    if folder is not None and any((folder / f"{n}_config.json").is_file() for n in ("processor", "preprocessor")):
        return Wav2Vec2FeatureExtractor.from_pretrained(folder)
    return Wav2Vec2FeatureExtractor(return_attention_mask=config.feat_extract_norm == "layer")


def _tokenizer(folder: Path | None) -> Wav2Vec2CTCTokenizer | None:
    if folder is None or not (folder / VOCABULARY_FILE).is_file():
        return None
    read_json_object(folder / VOCABULARY_FILE)  # names the file if it is damaged
    return Wav2Vec2CTCTokenizer.from_pretrained(folder)


def _has_weights(folder: Path) -> bool:
    return any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*"))


def _check_missing(model: Any, folder: Path) -> None:
    """Refuse a checkpoint that lacks weights of the model below the head."""
    inside = [n for n in model.load_report.missing if n.startswith(model.base_model_prefix + ".")]
    inside = [name for name in inside if not name.endswith("masked_spec_embed")]
    if inside:
        raise ValueError(f"{folder} lacks {len(inside)} weights of the model itself, such as {inside[0]}")


def _check_sizes(model: Any, folder: Path, new: list[str]) -> None:
    """Refuse weights of other sizes than the configuration says, but for those that are made anew."""
    wrong = [one for one in model.load_report.mismatched if one[0] not in new]
    if wrong:
        of_outputs = all(name.startswith(tuple(OUTPUTS.values())) for name, _, _ in wrong)
        remedy = f"; to train a head of another size: {NEW_HEAD}" if of_outputs else ""
        raise ValueError(f"the configuration contradicts the weights of {folder}: {describe_mismatches(wrong)}{remedy}")


def _renew(model: Any, names: list[str]) -> None:
    """Give these weights random values where the checkpoint had some of the same size."""
    if set(names) & set(model.load_report.loaded):
        fresh = dict(type(model)(model.config).named_parameters())
        for name, parameter in model.named_parameters():
            if name in names:
                parameter.data = fresh[name].data
