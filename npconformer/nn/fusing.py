"""When several modules may be computed in one pass: nobody looks at what is in between, and nobody has changed them.

A linear map, its bias and what follows (activation, gate, residual) are one operation where that is so. With a forward
hook on one of them, with a module of another class in its place, or with dropout at work, each is computed by itself.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.nn.layers import Dropout, Linear, PointwiseConv1d
from npconformer.nn.module import Module
from npconformer.nn.stored_layers import StoredLinear
from npconformer.ops.activations import Activation, fused_class
from npconformer.tape.grad_mode import is_inference

# As they are before anybody patches one.
_FORWARDS: dict[type[Module], Any] = {kind: kind.forward for kind in (Linear, PointwiseConv1d, Dropout)}
LINEAR_MAPS: tuple[type[Module], ...] = (Linear, PointwiseConv1d)


def is_plain(module: Module, kinds: type[Module] | tuple[type[Module], ...]) -> bool:
    """Whether a module has the forward of one of these classes, and no hooks of its own."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(module, kinds) or "forward" in module.__dict__ or module._forward_hooks:
        return False
    return any(type(module).forward is _FORWARDS.get(kind, kind.forward) for kind in kinds)


def is_plain_linear(module: Module) -> bool:
    """Whether a linear map, its weight an array, may take over what follows it."""
    return is_plain(module, LINEAR_MAPS)


def fusible_weight(linear: Module) -> Any:
    """The weight of a linear map that may be a part of a larger operation; None for one that is computed by itself.

    Where nothing is recorded it may be a stored one.
    """
    if is_plain(linear, Linear):
        return linear.weight
    return linear.stored_weight if is_plain(linear, StoredLinear) and is_inference() else None


def is_idle(dropout: Module) -> bool:
    """Whether a dropout does nothing, and nobody wants to know."""
    return is_plain(dropout, Dropout) and not (dropout.training and dropout.p > 0)


def activation_after(linear: Module, activation: object) -> type[Activation] | None:
    """The activation as part of a linear map; None where it has to be computed by itself."""
    return fused_class(activation) if is_plain_linear(linear) else None
