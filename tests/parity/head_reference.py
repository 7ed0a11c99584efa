"""The reference side of the models with heads: run, and read out as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch

from .head_cases import HeadCase
from .head_inputs import HeadInputs, make_head_inputs
from .reference import build, gradients

OUTPUTS = ("logits", "embeddings", "projected_states", "projected_quantized_states", "codevector_perplexity")
LOSSES = ("loss", "contrastive_loss", "diversity_loss")


@contextmanager
def injected(exponential: np.ndarray | None, exact: bool) -> Iterator[None]:
    """Inside, torch's Gumbel-softmax gets the given numbers, and with `exact` nothing is rounded to float32."""

    def given(tensor: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return tensor.copy_(torch.from_numpy(exponential))

    patches = [mock.patch.object(torch.Tensor, "exponential_", given)] if exponential is not None else []
    if exact:
        patches.append(mock.patch.object(torch.Tensor, "float", lambda tensor: tensor))
    try:
        for patch in patches:
            patch.start()
        yield
    finally:
        for patch in patches:
            patch.stop()


def run(case: HeadCase, dtype: str, train: bool, exact: bool = True) -> dict[str, np.ndarray]:
    """Outputs, losses, running statistics and gradients of the reference, named as in `head_ours.run`.

    exact: leave out the reference's rounding to float32 in the quantizer and the contrastive loss.
    """
    model = build(case).to(getattr(torch, dtype)).train(train)
    inputs = make_head_inputs(case)
    return read_out(model, inputs, dtype, exact)


def read_out(model: Any, inputs: HeadInputs, dtype: str, exact: bool) -> dict[str, np.ndarray]:
    arguments = {name: torch.from_numpy(value) for name, value in inputs.extra.items()}
    mask = None if inputs.attention_mask is None else torch.from_numpy(inputs.attention_mask)
    values = torch.from_numpy(inputs.values).to(getattr(torch, dtype))
    with injected(inputs.exponential, exact):
        outputs = model(values, attention_mask=mask, output_hidden_states=True, output_attentions=True, **arguments)
    first = "exact loss" if exact else "loss"
    result = {name: outputs[name] for name in OUTPUTS if name in outputs}
    result |= {f"{first}.{name}": outputs[name] for name in LOSSES if name in outputs}
    result |= {f"hidden_states.{i}": state for i, state in enumerate(outputs.hidden_states)}
    result |= {f"attentions.{i}": weights for i, weights in enumerate(outputs.attentions)}
    result |= {f"statistics.{n}": b.clone() for n, b in model.named_buffers() if ".batch_norm.running" in n}
    found: dict[str, np.ndarray] = {}
    for name in LOSSES:
        if name in outputs and outputs[name].requires_grad:
            outputs[name].backward(retain_graph=True)
            found |= gradients(model, f"{first} gradients.{name}.")
    return {name: value.detach().numpy() for name, value in result.items()} | found
