"""The reference side: small random models in transformers, saved to a folder, run, and read out as arrays."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch.nn import functional
from transformers.activations import ACT2FN

from .arrays import Inputs, generator, make_inputs, nonzero_gradients, randomise
from .cases import Case
from .head_cases import HeadCase

# The documentation of the reference's configuration promises selu; its table of activations lacks it (KeyError).
# With torch's own SELU put there the rest of the reference runs as it stands.
ACT2FN["selu"] = torch.nn.SELU

_folders = tempfile.TemporaryDirectory(prefix="npconformer-parity-")


def build(case: Case | HeadCase) -> Any:
    """The case's model in float32 and eval mode, every parameter and running statistic random."""
    config = getattr(transformers, case.family.name + "Config")(**case.config, attn_implementation="eager")
    model = getattr(transformers, case.family.name + case.head)(config).eval()
    random = generator(case, "weights")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(randomise(name, parameter.numpy(), random)))
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(torch.from_numpy(randomise(name, buffer.numpy(), random)))
            elif name.endswith("num_batches_tracked"):
                buffer.fill_(case.batches_tracked)
            elif name.endswith("inv_freq") and case.perturb_rotary_frequencies:
                buffer.mul_(torch.from_numpy(0.5 + random.random(buffer.shape)).float())
    return model


def saved(case: Case | HeadCase) -> Path:
    """The folder that transformers saved the case's model to, written on first use; it vanishes with the process."""
    folder = Path(_folders.name) / case.name
    if not folder.is_dir():
        build(case).save_pretrained(folder)
    return folder


def gradients(model: torch.nn.Module, prefix: str) -> dict[str, np.ndarray]:
    """The gradients of all parameters, which are cleared for the next backward."""
    found = {name: None if p.grad is None else p.grad.numpy().copy() for name, p in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    return nonzero_gradients(found, prefix)


def exact_ctc(model: Any, logits: torch.Tensor, inputs: Inputs) -> torch.Tensor:
    """The CTC loss of the reference without its rounding to float32: computed in the dtype of the logits."""
    config = model.config
    mask = np.ones(inputs.values.shape[:2], np.int64) if inputs.attention_mask is None else inputs.attention_mask
    labels = torch.from_numpy(inputs.labels)
    return functional.ctc_loss(
        functional.log_softmax(logits, dim=-1).transpose(0, 1),
        labels[labels >= 0],
        model._get_feat_extract_output_lengths(torch.from_numpy(mask).sum(-1)),
        (labels >= 0).sum(-1),
        blank=config.pad_token_id,
        reduction=config.ctc_loss_reduction,
        zero_infinity=config.ctc_zero_infinity,
    )


def run(case: Case, dtype: str, train: bool) -> dict[str, np.ndarray]:
    """Outputs, running statistics and gradients of the reference, under the names that `ours.run` gives them."""
    model = build(case).to(getattr(torch, dtype)).train(train)
    inputs = make_inputs(case)
    values = torch.from_numpy(inputs.values).to(getattr(torch, dtype))
    mask = None if inputs.attention_mask is None else torch.from_numpy(inputs.attention_mask)
    # The reference sets requires_grad on a view of its input in training, so every call gets its own copy.
    outputs = model(
        values.clone(),
        attention_mask=mask,
        labels=None if inputs.labels is None else torch.from_numpy(inputs.labels),
        output_hidden_states=True,
        output_attentions=True,
    )
    result = {"logits": outputs.logits}
    if inputs.labels is not None:
        result["loss"] = outputs.loss
    result |= {f"hidden_states.{i}": state for i, state in enumerate(outputs.hidden_states)}
    result |= {f"attentions.{i}": weights for i, weights in enumerate(outputs.attentions)}
    result |= {f"statistics.{n}": b.clone() for n, b in model.named_buffers() if ".batch_norm." in n}

    found: dict[str, np.ndarray] = {}
    if inputs.labels is not None:
        result["exact loss"] = exact_ctc(model, outputs.logits, inputs)
        for name in ("loss", "exact loss"):
            result[name].backward(retain_graph=True)
            found |= gradients(model, f"{name} gradients.")
    outputs.logits.backward(torch.from_numpy(inputs.logits_gradient).to(values.dtype))
    found |= gradients(model, "gradients.")

    with torch.no_grad():
        base = model.base_model(values.clone(), attention_mask=mask)
    result["last_hidden_state"], result["extract_features"] = base.last_hidden_state, base.extract_features
    return {name: value.detach().numpy() for name, value in result.items()} | found
