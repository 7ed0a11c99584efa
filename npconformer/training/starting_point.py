"""What a training starts from: a model with the task's head, and what prepares its inputs and texts.

A checkpoint gives the weights it has, and a head of its own kind with its labels or vocabulary. What it lacks starts
at random: a head of another kind, for labels or letters taken from the training data. So does, where a new head is
asked for, the layer that tells labels or letters apart; the rest of a head (projections, TDNN layers) stays. And so
do weights that a field of the configuration adds where it is replaced: an adapter, with `add_adapter`.

Lesson: notebooks/11_fine_tuning.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from npconformer.arrays import generator
from npconformer.checkpoints.report import count_by_part
from npconformer.data.examples import Example
from npconformer.models.auto import model_class
from npconformer.models.unknown_fields import NEAR, unknown_fields_of
from npconformer.processors.auto import AutoProcessor
from npconformer.processors.checkpoint_files import checkpoint_folder
from npconformer.storage.hub_options import AS_USUAL, HubOptions
from npconformer.storage.messages import shown
from npconformer.training.first_weights import OUTPUTS, load_weights
from npconformer.training.new_heads import HEADS
from npconformer.training.ready_configurations import is_ready
from npconformer.training.source import Source
from npconformer.training.tasks import TASKS


def starting_point(
    task: str,
    source: str | os.PathLike,
    examples: Sequence[Example],
    overrides: dict[str, Any] | None = None,
    seed: int = 0,
    report: Callable[[str], Any] = print,
    new_head: bool = False,
    hub: HubOptions = AS_USUAL,
    speakers: str = "names",
) -> tuple[Any, Any]:
    """A model to train, and its processor (for CTC) or feature extractor.

    Args:
        task: one of "ctc", "sequence", "frame", "xvector", "pretraining".
        source: a checkpoint folder, or "owner/name" of a repository at the hub; or the JSON file of a configuration,
            or the name of a ready one (`ready_configurations`): then all weights start at random.
        examples: the training data, whose letters, labels or speakers a new head is made for.
        overrides: fields of the configuration to replace.
        seed: of the random weights.
        report: called with lines about what was made anew.
        new_head: the labels, speakers or letters are those of the data even if the checkpoint has a head of this kind
            for others.
        hub: how to get a repository.
        speakers: what the classes of frames are, as for `FrameTargets`; with "order" the configuration says how many.

    Raises:
        FileNotFoundError: there is no such checkpoint or file.
        PermissionError, ConnectionError: the hub does not give it.
        ValueError: it does not fit the task, or the data have nothing that a head can be made for, or the sizes of
            its head are not those of the configuration and no new head is asked for.
    """
    if new_head and task not in OUTPUTS:
        raise ValueError(f"new_head: models for {task} have no labels or letters that a head could be made for")
    head_name = TASKS[task].head_name
    if not is_ready(source):
        source = checkpoint_folder(source, hub)
    found = Source.find(source, head_name, overrides, new_head)
    kind = model_class(found.config.model_type, head_name)
    extractor = found.feature_extractor()
    _check_input(kind, extractor, source)
    options = {"speakers": speakers} if task == "frame" else {}
    head = HEADS[task](found, examples, report, **options)
    config = type(found.config).from_dict(found.config.to_dict(), **head.settings)
    processor = extractor if head.tokenizer is None else AutoProcessor.from_parts(extractor, head.tokenizer)

    generator.manual_seed(seed)
    for name, meant in unknown_fields_of(found.config, NEAR).items():
        if meant is not None or not found.has_weights:  # beside weights there is much that others write
            hint = f"; did you mean {meant!r}?" * (meant is not None)
            report(f"{source}: {shown(name)} is no field of {type(found.config).__name__} and has no effect{hint}")
    if not found.has_weights:
        report(f"all weights start at random: {source} is a configuration without weights")
        return kind(config), processor
    first = load_weights(kind, config, found, task)
    fields = " and ".join(found.overrides)
    if first.added:
        report(f"weights that {fields} added, which start at random: {count_by_part(first.added)}")
    if first.removed:
        report(f"weights that {fields} left out: {count_by_part(first.removed)}")
    if first.at_random:
        report(f"these start at random: {', '.join(first.at_random)}")
    return first.model, processor


def _check_input(model_class: Any, extractor: Any, source: str | os.PathLike) -> None:
    """Raises ValueError for a feature extractor that makes something else than the model takes."""
    made, taken = extractor.model_input_names[0], model_class.main_input_name
    if made != taken:
        raise ValueError(
            f"{source}: its feature extractor, a {type(extractor).__name__}, makes {made}, and a "
            f"{model_class.__name__} takes {taken}; the folder's files are of two kinds of models"
        )
