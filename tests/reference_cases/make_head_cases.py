"""Writes `heads/` beside it: `python -m tests.reference_cases.make_head_cases`; runs transformers.

One model of each head, frozen as the CTC models are: config, weights (float32), inputs, and what the reference gives in
float64 (without its rounding to float32): in evaluation outputs, hidden states, attentions, losses and all gradients
of the loss; in training outputs, losses, running statistics and the gradients of the head's own parameters.
"""

from __future__ import annotations

import json

import numpy as np

from tests.parity import head_reference, reference
from tests.parity.head_cases import MASKED, HeadCase
from tests.parity.head_inputs import make_head_inputs

from .make_cases import FOLDER, SMALL, save

MIXED = {"use_weighted_layer_sum": True}
CASES = (
    HeadCase("ForSequenceClassification", "rotary", {**SMALL, **MIXED, "position_embeddings_type": "rotary"}, **MASKED),
    HeadCase("ForAudioFrameClassification", "none", {**SMALL, **MIXED, "tie_last_hidden_states": True}, **MASKED),
    HeadCase("ForXVector", "relative", {**SMALL, "position_embeddings_type": "relative"}, **MASKED),
    HeadCase("ForPreTraining", "none", {**SMALL, "feat_extract_norm": "group"}, **MASKED),
)


def frozen(case: HeadCase) -> dict[str, np.ndarray]:
    model, inputs = reference.build(case), make_head_inputs(case)
    arrays = {"head": np.array(case.head), "config": np.array(json.dumps(model.config.to_dict()))}
    arrays |= {f"weights.{name}": value.numpy() for name, value in model.state_dict().items()}
    arrays |= {f"inputs.{case.family.input_name}": inputs.values, "inputs.attention_mask": inputs.attention_mask}
    arrays |= {f"extra.{name}": value for name, value in inputs.extra.items()}
    if inputs.exponential is not None:
        arrays["inputs.exponential"] = inputs.exponential
    for name, value in head_reference.run(case, "float64", train=False).items():
        if not name.startswith(("statistics.", "exact loss gradients.contrastive", "exact loss gradients.diversity")):
            arrays[f"eval.{name}"] = value
    for name, value in head_reference.run(case, "float64", train=True).items():
        of_the_base = "gradients." in name and f".{model.base_model_prefix}." in name
        if not of_the_base and not name.startswith(("hidden_states.", "attentions.")):
            arrays[f"train.{name}"] = value
    return arrays


if __name__ == "__main__":
    (FOLDER / "heads").mkdir(exist_ok=True)
    for case in CASES:
        save(FOLDER / "heads" / f"{case.name}.npz", frozen(case))
