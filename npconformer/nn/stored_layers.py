"""Linear layers and 1x1 convolutions whose weights are stored in float16, bfloat16 or int8, and multiplied in float32.

`StoredLinear` takes the place of a `Linear` or a `PointwiseConv1d` in a model's tree. Inputs, outputs and the bias are
float32. The weight's arrays are buffers, under the names that they have in a checkpoint, which may lie in its mapped
file: nothing is copied. They are not trained.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from npconformer import ops
from npconformer.arrays.int8_weights import Int8Weight
from npconformer.arrays.stored_weights import BFloat16Weight, Float16Weight, StoredWeight
from npconformer.arrays.types import Array
from npconformer.nn.layers import Linear, PointwiseConv1d
from npconformer.nn.module import Module, Parameter
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import mode

KINDS: dict[str, type[StoredWeight]] = {one.kind: one for one in (Float16Weight, BFloat16Weight, Int8Weight)}


class StoredLinear(Module):
    """y = x W^T + b, W stored as `kind`.

    Args:
        kind: "float16", "bfloat16" (as its bits, in uint16) or "int8".
        arrays: of the weight, as `StoredWeight.arrays`; a 1x1 convolution's matrix may be (out, in, 1).
        bias: (out,), or None.
        name: the weight's in the model, for messages.
    """

    keeps_dtype = True

    def __init__(self, kind: str, arrays: dict[str, np.ndarray], bias: Parameter | None, name: str = "weight") -> None:
        super().__init__()
        self.kind, self.name, self.bias = kind, name, bias
        for ending, array in arrays.items():
            self.register_buffer(f"weight{ending}", array)
        self._made_of: tuple[Any, ...] = ()

    @property
    def stored_weight(self) -> StoredWeight:
        """The weight as a matrix (out, in). Raises ValueError where it is damaged."""
        arrays = tuple(self._buffers.values())
        if len(arrays) != len(self._made_of) or any(a is not b for a, b in zip(arrays, self._made_of, strict=True)):
            named = {name.removeprefix("weight"): array for name, array in self._buffers.items()}
            weight = KINDS[self.kind]({**named, "": named[""].reshape(named[""].shape[:2])})
            weight.check(self.name)
            self._weight, self._made_of = weight, arrays
        return self._weight

    def forward(self, x: Tensor | Array) -> Tensor:
        if self.training and mode.grad_enabled:
            raise ValueError(
                f"{self.name} is stored in {self.kind} and cannot be trained: load the model with "
                'dtype="float32" to train it, or compute under no_grad() or after eval()'
            )
        return ops.stored_linear(x, self.stored_weight, self.bias)

    @property
    def stored_size(self) -> int:
        """How many numbers the weight has."""
        return math.prod(self._buffers["weight"].shape)

    def extra_repr(self) -> str:
        rows, columns = self._buffers["weight"].shape[:2]
        return f"in_features={columns}, out_features={rows}, bias={self.bias is not None}, stored={self.kind}"


def storable_layers(model: Module) -> Iterator[tuple[str, Module, str]]:
    """What `store` can replace: each layer's name, the module that it is in, and its name there.

    Those that others take the weights of, as a convolution's kernel, are no layers of their own.
    """
    for prefix, module in model.named_modules():
        for name, child in module.named_children():
            if type(child) in (Linear, PointwiseConv1d) and name not in module.takes_weights_of:
                yield (f"{prefix}.{name}" if prefix else name), module, name


def stored_layers(model: Module) -> dict[str, StoredLinear]:
    """The layers of a model that are stored in fewer bits, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, StoredLinear)}


def store(parent: Module, name: str, kind: str, arrays: dict[str, np.ndarray], weight_name: str) -> None:
    """Put a `StoredLinear` with these arrays in the place of the layer `name` of `parent`."""
    layer: Any = parent._modules[name]
    stored = StoredLinear(kind, arrays, layer.bias, weight_name)
    stored.train(layer.training)
    parent._modules[name] = stored  # in the same place of the order
    object.__setattr__(parent, name, stored)
