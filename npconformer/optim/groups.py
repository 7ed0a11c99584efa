"""Which parameters are trained together with which settings: by name, because names survive saving and resuming."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from npconformer.nn import Module

NO_DECAY = ("bias", "layer_norm", "batch_norm")  # parts of names; "bias" covers pos_bias_u and pos_bias_v too


def parameter_groups(
    model: Module, weight_decay: float = 0.01, no_decay: Sequence[str] = NO_DECAY
) -> list[dict[str, Any]]:
    """The parameters of `model` that require gradients, in two groups: with weight decay and without.

    Pulling a bias or a normalisation's scale towards 0 regularises nothing, so these are left out by default.

    Args:
        model: what is trained. Freeze parts of it first: frozen parameters are in no group.
        weight_decay: of the first group; 0 gives one group.
        no_decay: parts of names; a parameter whose name contains one of them goes to the second group.

    Returns:
        Groups for an optimiser, `{"params": {name: Parameter}, "weight_decay": number}`; empty ones are left out.
    """
    decayed, plain = {}, {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            spared = weight_decay == 0 or any(part in name for part in no_decay)
            (plain if spared else decayed)[name] = parameter
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
