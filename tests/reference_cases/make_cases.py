"""Writes the frozen reference cases beside it: `python -m tests.reference_cases.make_cases`; runs transformers.

With them npconformer is compared with the reference on a machine that has neither torch nor transformers. Each model
file holds a config, weights (float32), inputs, and what the reference gives for them in float64: in evaluation the
outputs, hidden states, attentions, losses and the gradients of a random linear functional of the logits; in training
the logits, the losses, the running statistics and the gradients of the exact CTC loss. `span_masks.npz` holds masks of
the reference's SpecAugment.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import _compute_mask_indices

from tests.parity import reference
from tests.parity.arrays import make_inputs
from tests.parity.cases import Case

FOLDER = Path(__file__).parent

SMALL = {"hidden_size": 8, "intermediate_size": 12, "conv_dim": (4, 6, 6)}

CASES = (
    Case("none", "layer norm, no mask", {**SMALL, "hidden_act": "gelu_new"}),
    Case(
        "none-group-adapter",
        "group norm with bias, mask, adapter with projection",
        {
            **SMALL,
            "feat_extract_norm": "group",
            "feat_extract_activation": "relu",
            "add_adapter": True,
            "num_adapter_layers": 1,
            "output_hidden_size": 10,
        },
        lengths=(1000, 1400),
        masked=True,
    ),
    Case(
        "relative",
        "relative positions past max_source_positions, mask, swish",
        {**SMALL, "position_embeddings_type": "relative", "hidden_act": "swish", "max_source_positions": 4},
        lengths=(900, 700),
        masked=True,
    ),
    Case(
        "relative-group",
        "relative positions, group norm without bias, mean of losses, odd head size",
        {
            **SMALL,
            "hidden_size": 6,
            "position_embeddings_type": "relative",
            "feat_extract_norm": "group",
            "conv_bias": False,
            "ctc_loss_reduction": "mean",
        },
    ),
    Case(
        "rotary",
        "rotary positions, mask, three utterances, one with an empty target",
        {**SMALL, "position_embeddings_type": "rotary", "hidden_act": "swish"},
        lengths=(720, 900, 640),
        masked=True,
        labels=((1, 2, 2), (), (3,)),
    ),
    Case(
        "rotary-infeasible",
        "rotary positions, selu, zero_infinity with a target that does not fit, another blank",
        {
            **SMALL,
            "position_embeddings_type": "rotary",
            "hidden_act": "selu",
            "ctc_zero_infinity": True,
            "pad_token_id": 3,
        },
        labels=((1, 0), (4, 4, 4, 4, 4)),
    ),
)

# shape, mask_prob, mask_length, min_masks, seed, lengths of the items or None
SPANS = (
    ((2, 50), 0.3, 5, 0, 0, None),
    ((3, 60), 0.65, 10, 2, 1, (60, 35, 12)),
    ((4, 20), 0.05, 10, 2, 2, (20, 15, 10, 5)),
    ((2, 16), 0.9, 4, 0, 3, None),
    ((3, 30), 0.02, 3, 0, 4, None),
    ((2, 12), 0.5, 12, 1, 5, (12, 11)),
    ((3, 40), 0.2, 1, 0, 6, (40, 1, 17)),
    ((1, 200), 0.05, 10, 2, 7, None),
)


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An .npz whose bytes depend on the arrays alone."""
    np.savez_compressed(path, allow_pickle=False, **arrays)
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} kB")


def frozen(case: Case) -> dict[str, np.ndarray]:
    model, inputs = reference.build(case), make_inputs(case)
    arrays = {"config": np.array(json.dumps(model.config.to_dict()))}
    arrays |= {f"weights.{name}": value.numpy() for name, value in model.state_dict().items()}
    given = {case.family.input_name: inputs.values, "attention_mask": inputs.attention_mask}
    given |= {"labels": inputs.labels, "logits_gradient": inputs.logits_gradient}
    arrays |= {f"inputs.{name}": value for name, value in given.items() if value is not None}
    for name, value in reference.run(case, "float64", train=False).items():
        if not name.startswith(("loss gradients.", "exact loss gradients.", "statistics.")):
            arrays[f"eval.{name}"] = value
    for name, value in reference.run(case, "float64", train=True).items():
        if name.startswith(("logits", "loss", "exact loss", "statistics.")) and not name.startswith("loss gradients."):
            arrays[f"train.{name}"] = value
    return arrays


def span_masks() -> dict[str, np.ndarray]:
    arrays = {}
    for index, (shape, prob, length, min_masks, seed, lengths) in enumerate(SPANS):
        mask = None if lengths is None else np.arange(shape[1]) < np.array(lengths)[:, None]
        np.random.seed(seed)  # noqa: NPY002  the reference draws from NumPy's global generator
        spans = _compute_mask_indices(
            shape, prob, length, None if mask is None else torch.from_numpy(mask).long(), min_masks
        )
        settings = {"mask_prob": prob, "mask_length": length, "min_masks": min_masks, "seed": seed}
        arrays[f"{index}.settings"] = np.array(json.dumps(settings))
        arrays[f"{index}.mask"] = spans
        if mask is not None:
            arrays[f"{index}.attention_mask"] = mask
    return arrays


if __name__ == "__main__":
    for case in CASES:
        save(FOLDER / f"{case.name}.npz", frozen(case))
    save(FOLDER / "span_masks.npz", span_masks())
