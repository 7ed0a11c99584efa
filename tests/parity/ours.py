"""npconformer's side: the models that transformers saved, loaded, run, and read out as arrays. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import npconformer
from npconformer.losses import ctc_loss

from .arrays import Inputs, nonzero_gradients


def load(folder: Path, dtype: str) -> npconformer.Wav2Vec2ConformerForCTC:
    """The model of a folder, every weight of which must have found its place."""
    model, report = npconformer.Wav2Vec2ConformerForCTC.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    assert not report.missing and not report.unexpected, report
    return model


def gradients(model: npconformer.Wav2Vec2ConformerForCTC, prefix: str) -> dict[str, np.ndarray]:
    """The gradients of all parameters, which are cleared for the next backward."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    return nonzero_gradients(found, prefix)


def run(folder: Path, inputs: Inputs, dtype: str, train: bool) -> dict[str, np.ndarray]:
    """Outputs, running statistics and gradients of npconformer, under the names that `reference.run` gives them.

    One forward, then three backward passes over the same tape: of the CTC loss as the model computes it (in float32,
    as the reference does), of the CTC loss in the model's own dtype, and of a random linear functional of the logits.
    """
    model = load(folder, dtype).train(train)
    outputs = model(
        inputs.input_values,
        attention_mask=inputs.attention_mask,
        labels=inputs.labels,
        output_hidden_states=True,
        output_attentions=True,
    )
    result: dict[str, Any] = {"logits": outputs.logits, "loss": outputs.loss}
    result |= {f"hidden_states.{i}": state for i, state in enumerate(outputs.hidden_states)}
    result |= {f"attentions.{i}": weights for i, weights in enumerate(outputs.attentions)}
    result |= {f"statistics.{n}": np.copy(b) for n, b in model.named_buffers() if ".batch_norm." in n}

    outputs.loss.backward()
    found = gradients(model, "loss gradients.")
    mask = np.ones_like(inputs.input_values, bool) if inputs.attention_mask is None else inputs.attention_mask
    exact = ctc_loss(
        outputs.logits,
        inputs.labels,
        model._get_feat_extract_output_lengths(mask.sum(axis=1)),
        blank=model.config.pad_token_id,
        reduction=model.config.ctc_loss_reduction,
        zero_infinity=model.config.ctc_zero_infinity,
        compute_dtype=None,
    )
    result["exact loss"] = exact
    exact.backward()
    found |= gradients(model, "exact loss gradients.")
    outputs.logits.backward(inputs.logits_gradient.astype(dtype))
    found |= gradients(model, "gradients.")

    with npconformer.no_grad():
        base = model.wav2vec2_conformer(inputs.input_values, attention_mask=inputs.attention_mask)
    result["last_hidden_state"], result["extract_features"] = base.last_hidden_state, base.extract_features
    return {name: np.asarray(value) for name, value in result.items()} | found
