"""The weights that a training starts with: those of a checkpoint as far as they fit, and random ones.

Below the head a checkpoint has to have all weights of its configuration. Where fields of that are replaced, the model
may have more weights than it, or fewer: exactly those by which models of the two configurations differ, such as an
adapter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from npconformer.checkpoints.report import describe_mismatches, shorten
from npconformer.models.auto import model_class as model_class_of
from npconformer.nn.init import no_init
from npconformer.training.new_heads import NEW_HEAD
from npconformer.training.source import Source

# How the names of the weights begin that tell letters, labels or speakers apart; the rest of a head can be kept.
OUTPUTS = {"ctc": "lm_head.", "sequence": "classifier.", "frame": "classifier.", "xvector": "objective."}
OPTIONAL = "masked_spec_embed"  # not in checkpoints whose configuration masks nothing


class FirstWeights(NamedTuple):
    """A model, and the names of the weights that are not the source's.

    Attributes:
        model: with weights.
        at_random: drawn, because the source lacks them or has them for another head.
        added: drawn, because a replaced field of the configuration asks for them.
        removed: the source's, without a place in the model, because a replaced field takes it away.
    """

    model: Any
    at_random: list[str]
    added: list[str]
    removed: list[str]


def load_weights(model_class: Any, config: Any, source: Source, task: str) -> FirstWeights:
    """A model of that class and configuration with the source's weights.

    Raises ValueError for weights that are missing or have no place, but for those that the overrides add or take away,
    and for those of other sizes than the configuration says; what belongs to a head that is made anew may be missing.
    """
    model = model_class.from_pretrained(
        source.folder,
        config=config,
        dtype="float32",
        allow_missing=True,
        allow_unexpected=True,
        ignore_mismatched_sizes=True,
    )
    added, removed = _difference(config, source)
    missing = _check_missing(model, source, added)
    left_over = _check_unexpected(model, source, removed)
    head = [name for name in model.state_dict() if not _is_inside(model, name)]
    new = [name for name in head if source.new_head and name.startswith(OUTPUTS[task])]
    if source.other_kind:
        new = head  # that kind's weights may have the same names, and even the same sizes
    _check_sizes(model, source, new)
    _renew(model, new)
    at_random = [name for name in missing if name not in added]
    drawn = [name for name in missing if name in added]
    return FirstWeights(model, list(dict.fromkeys([*at_random, *new])), drawn, left_over)


def _difference(config: Any, source: Source) -> tuple[set[str], set[str]]:
    """The weights below the head that the overrides add, and those that they take away."""
    if not source.overrides:
        return set(), set()
    before, after = _names_inside(source.own_config), _names_inside(config)
    return after - before, before - after


def _names_inside(config: Any) -> set[str]:
    """The names of all weights below a head in a model of that configuration."""
    with no_init():
        model = model_class_of(config.model_type)(config)
    return {f"{model.base_model_prefix}.{name}" for name in model.state_dict()}


def _is_inside(model: Any, name: str) -> bool:
    return name.startswith(model.base_model_prefix + ".")


def _check_missing(model: Any, source: Source, added: set[str]) -> list[str]:
    """The weights that the checkpoint lacks. Raises ValueError for those that it should have."""
    missing = model.load_report.missing
    inside = [name for name in missing if _is_inside(model, name) and name not in added]
    inside = [name for name in inside if not name.endswith(OPTIONAL)]
    if inside:
        raise ValueError(f"{source.folder} lacks {len(inside)} weights of the model itself, such as {inside[0]}")
    of_head = [name for name in missing if not _is_inside(model, name)]
    if of_head and not source.needs_head:
        raise ValueError(
            f"{source.folder} lacks weights of the head that it says it has: {shorten(of_head)}; "
            f"to train a new one: {NEW_HEAD}"
        )
    return missing


def _check_unexpected(model: Any, source: Source, removed: set[str]) -> list[str]:
    """The checkpoint's weights that have no place. Raises ValueError for those that no override took away."""
    prefix = model.base_model_prefix + "."
    unexpected = model.load_report.unexpected
    wrong = [name for name in unexpected if prefix + name.removeprefix(prefix) not in removed]
    if wrong:
        raise ValueError(
            f"the configuration contradicts the weights of {source.folder}, which holds {len(wrong)} that have no "
            f"place in a {type(model).__name__} with it: {shorten(wrong)}"
        )
    return unexpected


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
