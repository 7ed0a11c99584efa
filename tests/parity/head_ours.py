"""npconformer's side of the models with heads. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .head_inputs import HeadInputs
from .ours import gradients, load

OUTPUTS = ("logits", "embeddings", "projected_states", "projected_quantized_states", "codevector_perplexity")
LOSSES = ("loss", "contrastive_loss", "diversity_loss")


def run(
    head: str, folder: Path, inputs: HeadInputs, dtype: str, train: bool, exact: bool = True
) -> dict[str, np.ndarray]:
    """Outputs, losses, running statistics and gradients, under the names that `head_reference.run` gives them."""
    model = load(folder, dtype, head).train(train)
    arguments: dict[str, Any] = dict(inputs.extra)
    if inputs.exponential is not None:
        arguments["gumbel_noise"] = -np.log(inputs.exponential)
    outputs = model(
        inputs.values,
        attention_mask=inputs.attention_mask,
        output_hidden_states=True,
        output_attentions=True,
        **arguments,
    )
    first = "exact loss" if exact else "loss"
    result = {name: outputs[name] for name in OUTPUTS if name in outputs}
    result |= {f"{first}.{name}": outputs[name] for name in LOSSES if name in outputs}
    result |= {f"hidden_states.{i}": state for i, state in enumerate(outputs.hidden_states)}
    result |= {f"attentions.{i}": weights for i, weights in enumerate(outputs.attentions)}
    result |= {f"statistics.{n}": np.copy(b) for n, b in model.named_buffers() if ".batch_norm.running" in n}
    found: dict[str, np.ndarray] = {}
    for name in LOSSES:
        if name in outputs and outputs[name].requires_grad:
            outputs[name].backward()
            found |= gradients(model, f"{first} gradients.{name}.")
    return {name: np.asarray(value) for name, value in result.items()} | found
