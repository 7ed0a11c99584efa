"""The weights that a training starts with: those of a checkpoint as far as they fit, and random ones."""

from __future__ import annotations

from typing import Any

from npconformer.checkpoints.report import describe_mismatches
from npconformer.training.new_heads import NEW_HEAD
from npconformer.training.source import Source

# How the names of the weights begin that tell letters, labels or speakers apart; the rest of a head can be kept.
OUTPUTS = {"ctc": "lm_head.", "sequence": "classifier.", "frame": "classifier.", "xvector": "objective."}


def load_weights(model_class: Any, config: Any, source: Source, task: str) -> tuple[Any, list[str]]:
    """A model of that class and configuration with the source's weights; and the names of those that are random.

    Raises ValueError for weights below the head that are missing, and for those of other sizes than the configuration
    says, but for a head that is made anew.
    """
    model = model_class.from_pretrained(
        source.folder, config=config, allow_missing=source.needs_head, ignore_mismatched_sizes=True
    )
    _check_missing(model, source)
    head = [name for name in model.state_dict() if not name.startswith(model.base_model_prefix + ".")]
    new = [name for name in head if source.new_head and name.startswith(OUTPUTS[task])]
    if source.other_kind:
        new = head  # that kind's weights may have the same names, and even the same sizes
    _check_sizes(model, source, new)
    _renew(model, new)
    return model, list(dict.fromkeys([*model.load_report.missing, *new]))


def _check_missing(model: Any, source: Source) -> None:
    """Refuse a checkpoint that lacks weights of the model below the head."""
    inside = [n for n in model.load_report.missing if n.startswith(model.base_model_prefix + ".")]
    inside = [name for name in inside if not name.endswith("masked_spec_embed")]
    if inside:
        raise ValueError(f"{source.folder} lacks {len(inside)} weights of the model itself, such as {inside[0]}")


def _check_sizes(model: Any, source: Source, new: list[str]) -> None:
    """Refuse weights of other sizes than the configuration says, but for those that are made anew."""
    wrong = [one for one in model.load_report.mismatched if one[0] not in new]
    if wrong:
        of_outputs = all(name.startswith(tuple(OUTPUTS.values())) for name, _, _ in wrong)
        remedy = f"; to train a head of another size: {NEW_HEAD}" if of_outputs else ""
        what = describe_mismatches(wrong)
        raise ValueError(f"the configuration contradicts the weights of {source.folder}: {what}{remedy}")


def _renew(model: Any, names: list[str]) -> None:
    """Give these weights random values where the checkpoint had some of the same size."""
    if set(names) & set(model.load_report.loaded):
        fresh = dict(type(model)(model.config).named_parameters())
        for name, parameter in model.named_parameters():
            if name in names:
                parameter.data = fresh[name].data
