"""Memory for time: a function whose inner arrays are computed again during backward instead of kept.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from npconformer.arrays import generator
from npconformer.arrays.backend import is_array
from npconformer.tape.autograd import Operation, Tensor, backward
from npconformer.tape.grad_mode import enable_grad, no_grad, recomputing, to_be_recomputed


class _Recompute(Operation):
    """Runs a function without recording, and again with recording when its gradient is asked for."""

    always_recorded = True

    def __init__(self, function: Callable) -> None:
        self.function = function

    def forward(self, *arrays: Any) -> Any:
        if self.recording:
            self.random_state = generator.get_state()
        self.save(*arrays)
        with no_grad(), to_be_recomputed() if self.recording else nullcontext():
            result = self.function(*[Tensor(x) if is_array(x) else x for x in arrays])
        outputs = result if isinstance(result, tuple) else (result,)
        for output in outputs:
            if not isinstance(output, Tensor):
                found = ("a tuple with one of type " if outputs is result else "") + type(output).__name__
                raise ValueError(f"recompute: the function must return a tensor or a tuple of tensors, got {found}")
        return tuple(t.data for t in result) if isinstance(result, tuple) else result.data

    def backward(self, *gradients: Any) -> tuple[Any, ...]:
        inputs = [
            Tensor(x, requires_grad=need) if is_array(x) else x for x, need in zip(self.saved, self.needs, strict=True)
        ]
        state_now = generator.get_state()
        generator.set_state(self.random_state)
        try:
            with enable_grad(), recomputing():
                result = self.function(*inputs)
        finally:
            generator.set_state(state_now)
        outputs = result if isinstance(result, tuple) else (result,)
        pairs = [(t, g) for t, g in zip(outputs, gradients, strict=True) if t.requires_grad]
        backward([t for t, _ in pairs], [g for _, g in pairs], retain_graph=False)
        return tuple(self._gradient_of(x) if need else None for x, need in zip(inputs, self.needs, strict=True))

    def _gradient_of(self, tensor: Tensor) -> Any:
        return self.xp.zeros_like(tensor.data) if tensor.grad is None else tensor.grad


def recompute(function: Callable, *inputs: Any) -> Any:
    """function(*inputs), with its inner arrays computed again during backward instead of kept.

    The memory of the function's intermediate results is traded for a second forward (Chen et al. 2016, "Training deep
    nets with sublinear memory cost"). Random choices are repeated exactly. The function takes tensors and
    returns a tensor or a tuple of tensors; ValueError for anything else.
    """
    return _Recompute(function)(*inputs)


checkpoint = recompute  # what torch calls it
