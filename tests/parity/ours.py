"""npconformer's side: the models that transformers saved, loaded, run, and read out as arrays. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import npconformer
from npconformer.losses import ctc_loss
from npconformer.models.auto import FAMILIES, read_model_type

from .arrays import Inputs, nonzero_gradients


def load(folder: Path, dtype: str, head: str = "ForCTC", **overrides: Any) -> Any:
    """The model of a folder, of the family that its config names; every weight must have found its place."""
    family = FAMILIES[read_model_type(folder)].models[None].removesuffix("Model")
    cls = getattr(npconformer, family + head)
    model, report = cls.from_pretrained(folder, dtype=dtype, output_loading_info=True, **overrides)
    assert not report.missing and not report.unexpected, report
    return model


def gradients(model: Any, prefix: str) -> dict[str, np.ndarray]:
    """The gradients of all parameters, which are cleared for the next backward."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    return nonzero_gradients(found, prefix)


def exact_ctc(model: Any, logits: Any, inputs: Inputs) -> Any:
    """The CTC loss without rounding to float32: computed in the dtype of the logits."""
    mask = np.ones(inputs.values.shape[:2], bool) if inputs.attention_mask is None else inputs.attention_mask
    return ctc_loss(
        logits,
        inputs.labels,
        model._get_feat_extract_output_lengths(mask.sum(axis=1)),
        blank=model.config.pad_token_id,
        reduction=model.config.ctc_loss_reduction,
        zero_infinity=model.config.ctc_zero_infinity,
        compute_dtype=None,
    )


def run(folder: Path, inputs: Inputs, dtype: str, train: bool) -> dict[str, np.ndarray]:
    """Outputs, running statistics and gradients of npconformer, under the names that `reference.run` gives them.

    One forward, then three backward passes over the same tape: of the CTC loss rounded to float32 as the reference
    does, of the CTC loss in the model's own dtype, and of a random linear functional of the logits.
    """
    model = load(folder, dtype).train(train)
    outputs = model(
        inputs.values,
        attention_mask=inputs.attention_mask,
        labels=inputs.labels,
        compute_dtype="float32",
        output_hidden_states=True,
        output_attentions=True,
    )
    result: dict[str, Any] = {"logits": outputs.logits}
    result |= {f"hidden_states.{i}": state for i, state in enumerate(outputs.hidden_states)}
    result |= {f"attentions.{i}": weights for i, weights in enumerate(outputs.attentions)}
    result |= {f"statistics.{n}": np.copy(b) for n, b in model.named_buffers() if ".batch_norm." in n}

    found: dict[str, np.ndarray] = {}
    if inputs.labels is not None:
        result["loss"], result["exact loss"] = outputs.loss, exact_ctc(model, outputs.logits, inputs)
        for name in ("loss", "exact loss"):
            result[name].backward()
            found |= gradients(model, f"{name} gradients.")
    outputs.logits.backward(inputs.logits_gradient.astype(dtype))
    found |= gradients(model, "gradients.")

    with npconformer.no_grad():
        base = model.base_model(inputs.values, attention_mask=inputs.attention_mask)
    result["last_hidden_state"], result["extract_features"] = base.last_hidden_state, base.extract_features
    return {name: np.asarray(value) for name, value in result.items()} | found
