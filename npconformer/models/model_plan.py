"""A model's calls of NumPy for inputs of one shape, as its output needs them: noted in copies of its modules.

The copies have the model's own arrays, as `Captured` ones, so that a weight that is changed in place is read as it is
then; and own memories of what they have computed, so that nothing captured stays in the model.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import copy
import threading
import time
from typing import Any

import numpy as np

from npconformer.arrays.call_plan import CallPlan, capture_calls
from npconformer.arrays.capture import Captured, Diverged, NotCapturable, bare
from npconformer.models.outputs import ModelOutput
from npconformer.models.unchanged import Unchanged, code_in_use, is_own
from npconformer.nn import Module
from npconformer.tape.autograd import Tensor

MOST_CALLS = 2**16  # of one plan: each needs about 1 kB


class ModelPlan:
    """The calls of a model for one shape, and what has to be as it was for them.

    Attributes:
        lock: whoever has it may run the calls.
        runs, diverged: how often it was run, and how often the model would have gone another way.
        refused: how often, since the last run, somebody else had it.
        last_used: by `time.monotonic`.
        seconds: that the latest run took.
    """

    def __init__(self, calls: CallPlan, unchanged: Unchanged) -> None:
        self.lock, self.last_used, self.seconds = threading.Lock(), time.monotonic(), 0.0
        self.runs = self.diverged = self.refused = 0
        self.calls, self.unchanged = calls, unchanged

    def run(self, x: np.ndarray) -> Any:
        """The model's output for x.

        Raises:
            Diverged: the model would have gone another way, or what it gives is not finite: it may warn of it.
        """
        started, self.runs, self.refused = time.monotonic(), self.runs + 1, 0
        self.calls.run(x)
        output = own_arrays(self.calls.result)
        self.last_used = time.monotonic()
        self.seconds = self.last_used - started
        return output


def make_plan(
    model: Any, x: np.ndarray, output: Any, others: tuple[Any, ...], options: dict[str, Any], memory: int
) -> ModelPlan | None:
    """A plan for inputs like x; None where there can be none, or where it does not give for x what the model gave.

    memory: bytes that it may need.
    """
    noise = np.random.default_rng(0).standard_normal(x.shape) * (0.05 * float(np.std(x, dtype=np.float64)) or 1.0)
    other = (x + noise).astype(x.dtype)  # near it, so that questions have the same answers
    try:
        twin = with_captured_weights(model)
        with np.errstate(all="ignore"):
            with code_in_use() as codes:
                calls = capture_calls(lambda array: Module.__call__(twin, array, *others, **options), other, memory)
            plan = ModelPlan(calls, Unchanged(model, codes, left_out="call_plans"))
            is_right = len(calls) <= MOST_CALLS and same_bits(plan.run(x), output) and plan.unchanged(model)
    except Exception:  # whatever it is, the model has done without a plan
        return None
    return plan if is_right else None


def with_captured_weights(model: Any) -> Any:
    """The same modules, in copies whose parameters and buffers are noted when they are used."""
    twin = copy.copy(model)
    state = vars(twin)
    for name, value in list(state.items()):
        if is_own(type(value)) and not isinstance(value, (Module, Tensor)):
            state[name] = copy.copy(value)
    for registry in ("_parameters", "_buffers", "_modules"):
        state[registry] = dict(state[registry])
    for name, parameter in model._parameters.items():
        own = copy.copy(parameter)
        own.data = _captured(parameter.data)
        state["_parameters"][name] = state[name] = own
    for name, buffer in model._buffers.items():
        state["_buffers"][name] = _captured(buffer)
    for name, module in model._modules.items():
        state["_modules"][name] = state[name] = with_captured_weights(module)
    return twin


def _captured(array: Any) -> Captured:
    if type(array) is not np.ndarray:
        raise NotCapturable(f"weights that are {type(array).__name__}")
    return array.view(Captured)


def own_arrays(output: Any) -> Any:
    """A copy of the output. Raises `Diverged` for numbers that are not finite."""
    if isinstance(output, Tensor):
        array = np.array(bare(output.data))
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Diverged
        return Tensor(array)
    if isinstance(output, tuple):
        return tuple(map(own_arrays, output))
    if isinstance(output, ModelOutput):
        return type(output)(**{name: own_arrays(part) for name, part in vars(output).items()})
    if output is None:
        return None
    raise NotCapturable(f"an output that is {type(output).__name__}")


def same_bits(a: Any, b: Any) -> bool:
    """Whether all numbers of two outputs are the same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.data.shape == b.data.shape and a.data.dtype == b.data.dtype and a.data.tobytes() == b.data.tobytes()
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if isinstance(a, ModelOutput):
        return same_bits(tuple(vars(a).values()), tuple(vars(b).values()))
    return a is b
