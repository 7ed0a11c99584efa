"""A model compared with a reference, tensor by tensor, in the order of computation.

>>> from npconformer.verify import compare
>>> comparison = compare(model, "reference.safetensors")
>>> comparison.passed, comparison.first

Lesson: notebooks/08_parity.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from npconformer.models.base import PreTrainedModel
from npconformer.models.frame_clock import count_steps
from npconformer.verify.differences import argmax_flips, measure
from npconformer.verify.order import place_of
from npconformer.verify.reference import Reference, check_tolerances
from npconformer.verify.tolerances import has_zero_gradient, limits_for
from npconformer.verify.tracing import encoder_frames, trace

ZERO_GRADIENT = "zero in exact arithmetic: judged by the model's largest gradient"
SCORES = "outputs.logits"


@dataclass(frozen=True)
class Row:
    """One tensor of both sides.

    Attributes:
        tensor: its name in the reference.
        place: where in the model it lies, such as "layer 7", which is `encoder.layers.7`.
        absolute, relative, where: as in `verify.differences.Gap`.
        limit: the largest relative difference allowed.
        flips: of scores, at how many places of how many the best class differs; else None.
        note: what a reader has to know to understand the figures, or "".
    """

    tensor: str
    place: str
    absolute: float
    relative: float
    where: tuple[int, ...] | None
    limit: float
    flips: tuple[int, int] | None = None
    note: str = ""

    @property
    def kind(self) -> str:
        """outputs, modules, loss or gradients."""
        return self.tensor.split(".")[0]

    @property
    def within(self) -> bool:
        return self.relative <= self.limit  # not for NaN


@dataclass
class Comparison:
    """What `compare` found.

    Attributes:
        model, reference: what was compared, in words.
        dtype: "float32" or "float64", the less exact of the two sides, whose limits hold.
        inputs: dtype and shape of each input, in words.
        limits: of each kind of tensor.
        prefix: of the model without its head, in the names of modules and parameters of one with a head.
        rows: one for each tensor of the reference that npconformer has too, or should have, in the order of
            computation: forward first, then backward.
        not_compared: tensors of the reference that npconformer computes only as part of another one.
        not_in_reference: tensors of the same kinds that only npconformer gave.
    """

    model: str
    reference: str
    dtype: str
    inputs: dict[str, str]
    limits: dict[str, float]
    prefix: str = ""
    rows: list[Row] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    not_in_reference: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether something was compared, and all of it is within its limit."""
        return bool(self.rows) and self.first is None

    @property
    def first(self) -> Row | None:
        """The first tensor, in the order of computation, that is over its limit."""
        return next((row for row in self.rows if not row.within), None)


def compare(
    model: PreTrainedModel,
    reference: Reference | str | os.PathLike,
    *,
    tolerances: Mapping[str, float] | None = None,
    progress: Callable[[], None] | None = None,
) -> Comparison:
    """Runs the model on the reference's inputs, and compares everything that the reference holds.

    Args:
        model: in the dtype and on the device that is to be judged.
        reference: or the path of its file.
        tolerances: largest relative differences by kind ("outputs", "modules", "loss", "gradients"), instead of the
            reference's own, which come before those of `verify.tolerances`.
        progress: called after every block of the encoder.

    Raises:
        FileNotFoundError, ValueError: the file is missing, damaged, or of another model or architecture, or its inputs
            are not the model's.
    """
    check_tolerances(tolerances or {})
    if not isinstance(reference, Reference):
        reference = Reference.load(reference)
    _check_same_model(model, reference)
    upstream = reference.group("upstream")
    ours = trace(
        model,
        reference.group("inputs"),
        hidden_states=any(name.startswith("outputs.hidden_states.") for name in reference.arrays),
        attentions=any(name.startswith("outputs.attentions.") for name in reference.arrays),
        modules=reference.group("modules").keys(),
        gradients=bool(reference.group("gradients")),
        upstream=upstream,
        progress=progress,
    )
    dtype = "float32" if "float32" in (model.dtype.name, reference.dtype) else "float64"
    frames = encoder_frames(model, reference.group("inputs"))
    limits = limits_for(model.config.to_dict(), dtype, frames, not upstream)
    limits |= reference.tolerances if dtype == reference.dtype else {}
    limits |= tolerances or {}
    comparison = Comparison(
        model=f"{type(model).__name__} in {ours.made_by}, {model.dtype.name}",
        reference=f"{reference.made_by}, {reference.dtype}",
        dtype=dtype,
        inputs={name: f"{array.dtype} {array.shape}" for name, array in reference.group("inputs").items()},
        limits=limits,
        prefix="" if model.base_model is model else f"{model.base_model_prefix}.",
    )
    _fill(comparison, model, ours, reference)
    return comparison


def _check_same_model(model: PreTrainedModel, reference: Reference) -> None:
    if reference.model_type != model.config.model_type:
        raise ValueError(
            f"the reference is of a model of type {reference.model_type}; this one is a {model.config.model_type}"
        )
    if reference.architecture not in (None, type(model).__name__):
        raise ValueError(f"the reference is of a {reference.architecture}; this model is a {type(model).__name__}")


def _fill(comparison: Comparison, model: PreTrainedModel, ours: Reference, reference: Reference) -> None:
    """Adds the rows: those of what both sides have, in our order, then what only the reference has."""
    theirs = reference.compared
    known = {f"modules.{name}" for name, _ in model.named_modules()}
    names = [name for name in ours.compared if name in reference.arrays]
    only_theirs = [name for name in theirs if name not in ours.arrays]
    comparison.not_compared = [name for name in only_theirs if name in known]
    names += [name for name in only_theirs if name not in known]
    comparison.rows = _judge(comparison, names, model, ours, reference)
    kinds = {name.split(".")[0] for name in theirs}
    extra = [name for name in ours.compared if name not in reference.arrays and name.split(".")[0] in kinds]
    comparison.not_in_reference = [name for name in extra if np.any(ours.arrays[name])]


def _judge(
    comparison: Comparison, names: list[str], model: PreTrainedModel, ours: Reference, reference: Reference
) -> list[Row]:
    config = model.config.to_dict()
    largest = max((float(np.abs(g).max(initial=0)) for g in reference.group("gradients").values()), default=0.0)
    parameters = {f"gradients.{name}" for name, _ in model.named_parameters()}
    own_frames = _own_frames(model, reference)
    rows = []
    for name in names:
        a, b = ours.arrays.get(name), reference.arrays[name]
        if a is None and name in parameters:
            a = np.zeros_like(b)  # no gradient reaches it, which is a gradient of zero
        is_zero = name.startswith("gradients.") and has_zero_gradient(name, config)
        note = ZERO_GRADIENT if is_zero else ""
        if a is not None and name.startswith("modules."):
            a, b = own_frames(a, b)
        limit = comparison.limits[name.split(".")[0]]
        if a is None:
            rows.append(Row(name, place_of(name), np.inf, np.inf, None, limit, None, "npconformer's model has none"))
            continue
        gap = measure(a, b, largest if is_zero else None)
        if a.shape != b.shape:
            note = f"shape {b.shape} in the reference, {a.shape} here"
        elif np.isnan(gap.absolute):
            note = "NaN in the reference" if np.isnan(b[gap.where]) else "NaN here"
        flips = argmax_flips(a, b) if name == SCORES and a.shape == b.shape else None
        rows.append(Row(name, place_of(name), *gap, limit, flips, note))
    return rows


def _own_frames(
    model: PreTrainedModel, reference: Reference
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function that sets the padded frames of both sides' (B, T, C) to 0, where T are the frames of the encoder.

    What modules inside the encoder hold there is each implementation's own affair, as long as the outputs agree: one
    may set padding to 0 before a layer, another one after it.
    """
    inputs = reference.group("inputs")
    mask = inputs.get("attention_mask")
    if mask is None:
        return lambda a, b: (a, b)
    rows = np.count_nonzero(mask, axis=1)
    lengths = count_steps(np.asarray(rows), model.encoder_stages)  # (B,)
    padded = np.arange(encoder_frames(model, inputs)) >= lengths[:, None]  # (B, T)

    def without_padding(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not padded.any() or a.shape != b.shape or a.shape[:2] != padded.shape:
            return a, b
        hidden = padded.reshape(*padded.shape, *(1,) * (a.ndim - 2))
        return np.where(hidden, 0, a), np.where(hidden, 0, b)

    return without_padding
