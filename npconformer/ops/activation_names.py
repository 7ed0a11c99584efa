"""The activations without weights by the names that configs have for them, which are those of transformers.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from collections.abc import Callable

from npconformer.ops import activations as usual
from npconformer.ops import rare_activations as rare
from npconformer.tape.autograd import Tensor

ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "relu": usual.relu,
    "gelu": usual.gelu,
    "gelu_python": usual.gelu,
    "gelu_new": usual.gelu_new,  # and four other ways to write the same
    "gelu_fast": usual.gelu_new,
    "gelu_accurate": usual.gelu_new,
    "gelu_pytorch_tanh": usual.gelu_new,
    "gelu_python_tanh": usual.gelu_new,
    "gelu_10": rare.gelu_10,
    "quick_gelu": rare.quick_gelu,
    "selu": usual.selu,
    "silu": usual.silu,
    "swish": usual.silu,
    "sigmoid": usual.sigmoid,
    "tanh": usual.tanh,
    "mish": rare.mish,
    "leaky_relu": rare.leaky_relu,
    "relu2": rare.relu2,
    "relu6": rare.relu6,
    "hardswish": rare.hardswish,
    "laplace": rare.laplace,
    "sqrtsoftplus": rare.sqrtsoftplus,
    "linear": rare.identity,
}


def get_activation(name: str) -> Callable[..., Tensor]:
    """The activation of that name, as configs write it."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r} is not known: expected one of {sorted(ACTIVATIONS)}")
    return ACTIVATIONS[name]
