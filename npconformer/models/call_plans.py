"""When a forward pass is made of noted calls, in place of running the model.

The arithmetic of half a second of a small model takes one millisecond, and so does the Python that leads to it: modules
that call modules, checks, tensors, memory. In a large model it is a few per cent, since threads that share work hand
the interpreter's lock to one another for each call. All of that comes to the same for every input of one shape. So when
a model has had a few inputs of one shape, in evaluation and without a recording, its calls of NumPy are noted
(`arrays.capture`), and from then on they alone are made. They read the model's own weights, whatever these hold.

The results are the same bits. A plan is used only if it gave them once, for an input that it was not made with, and
only while all is as it was when it was made (`unchanged`): parameters, modules, hooks, modes, the configuration, the
functions of this package, the number of threads. Otherwise, and while another thread uses the plan, the model runs as
always.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import copy
import sys
import threading
from typing import Any

import numpy as np

from npconformer.arrays import pool
from npconformer.arrays.call_plan import CallPlan, capture_calls
from npconformer.arrays.capture import Captured, Diverged, NotCapturable, bare
from npconformer.arrays.kept_memory import most_kept, release
from npconformer.arrays.threads import get_num_threads
from npconformer.models.outputs import ModelOutput
from npconformer.models.unchanged import PACKAGE, Unchanged, code_in_use
from npconformer.nn import Module
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import mode

CALLS_BEFORE = (
    8  # of a shape, before its calls are noted: that takes as long as four of a large model, twenty of a small
)
MOST_CALLS = 2**16  # of one plan: each needs about 1 kB
MOST_MEMORY = 2**29  # bytes of what is in between, of one plan, if the machine has 32 times as much
MOST_PLANS, MOST_SHAPES = 4, 64  # of one model
MOST_DIVERGED = 8  # times that a plan may have been no use

_enabled = True
_local = threading.local()  # .inside: a model runs in this thread, and what it calls are its parts


def set_call_plans(enabled: bool) -> None:
    """Whether models may note their calls of NumPy, and later make these alone. They do unless told otherwise."""
    global _enabled
    if not isinstance(enabled, bool):
        raise ValueError(f"enabled: expected True or False, got {enabled!r}")
    _enabled = enabled


class CallPlans:
    """The plans of one model, by what it is called with. A copy of the model begins without any."""

    def __init__(self) -> None:
        self._plans: dict[Any, int | Plan | None] = {}  # how often a shape has come; or None, where there can be none
        self._making = threading.Lock()

    def __deepcopy__(self, memo: Any) -> CallPlans:
        return CallPlans()

    def __reduce__(self) -> Any:
        return CallPlans, ()

    def __len__(self) -> int:
        return sum(isinstance(plan, Plan) for plan in list(self._plans.values()))

    def clear(self) -> None:
        """Forgets them, with the memory that they have."""
        self._plans.clear()

    def run(self, model: Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What the model gives: by a plan where there is one, or else by running it."""
        if getattr(_local, "inside", False):
            return Module.__call__(model, *arguments, **options)
        _local.inside = True
        try:
            output = None
            if _enabled and not (mode.grad_enabled or mode.anomaly or model.training or pool.is_busy()):
                output = self._by_plan(model, arguments, options)
            return Module.__call__(model, *arguments, **options) if output is None else output
        finally:
            _local.inside = False

    def _by_plan(self, model: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if not arguments:
            name = model.main_input_name
            if name not in options:
                return None
            arguments, options = (options[name],), {key: value for key, value in options.items() if key != name}
        x = arguments[0].data if isinstance(arguments[0], Tensor) else arguments[0]
        others = (*arguments[1:], *[part for item in sorted(options.items()) for part in item])
        if type(x) is not np.ndarray or x.size == 0 or not all(map(_is_setting, others)):
            return None
        key = x.shape, x.dtype, len(arguments), others, get_num_threads()
        plan = self._plans.get(key, 0)
        if isinstance(plan, int):
            return self._count(key, plan, model, x, arguments[1:], options)
        if plan is None or not plan.lock.acquire(blocking=False):
            return None
        try:
            if plan.unchanged(model):
                return plan.run(x)
            self.clear()
        except Diverged:
            plan.diverged += 1
            if plan.diverged > MOST_DIVERGED:
                self._plans.pop(key, None)
        finally:
            plan.lock.release()
        return None

    def _count(self, key: Any, calls: int, model: Module, x: np.ndarray, others: Any, options: Any) -> Any:
        """Counts a call of a shape. After some makes a plan, and gives what the model gave for x meanwhile."""
        if calls < CALLS_BEFORE:
            if len(self._plans) >= MOST_SHAPES:
                self.clear()  # shapes that do not come back would stay for ever
            self._plans[key] = calls + 1
            return None
        if not _is_as_loaded(model) or not self._making.acquire(blocking=False):
            return None
        try:
            output = Module.__call__(model, x, *others, **options)
            plan = make_plan(model, x, output, others, options)
            if plan is not None and len(self) >= MOST_PLANS:
                self.clear()
            self._plans[key] = plan
            return output
        finally:
            self._making.release()


class Plan:
    """The calls of a model for one shape, and what has to be as it was for them."""

    def __init__(self, calls: CallPlan, unchanged: Unchanged) -> None:
        self.lock, self.diverged = threading.Lock(), 0
        self.calls, self.unchanged = calls, unchanged

    def run(self, x: np.ndarray) -> Any:
        """The model's output for x. Raises `Diverged` where the model would have gone another way."""
        self.calls.run(x)
        return _own(self.calls.result)


def make_plan(
    model: Module, x: np.ndarray, output: Any, others: tuple[Any, ...], options: dict[str, Any]
) -> Plan | None:
    """A plan for inputs like x; None where there can be none, or where it does not give for x what the model gave."""
    other = (x + np.random.default_rng(0).standard_normal(x.shape)).astype(x.dtype)
    memory = min(MOST_MEMORY, most_kept() // 4)
    release()  # what the plan will have memory of its own for
    try:
        twin = _with_captured_weights(model)
        with np.errstate(all="ignore"):
            with code_in_use() as used:
                calls = capture_calls(lambda array: Module.__call__(twin, array, *others, **options), other, memory)
            plan = Plan(calls, Unchanged(model, used, "call_plans"))
            is_right = len(calls) <= MOST_CALLS and _equal(plan.run(x), output) and plan.unchanged(model)
    except Exception:  # whatever it is, the model has done without a plan
        return None
    return plan if is_right else None


def _is_setting(value: Any) -> bool:
    return value is None or type(value) in (bool, str)


def _is_as_loaded(model: Module) -> bool:
    """Whether nothing looks in, and nothing is in training; nor does anybody measure which functions run."""
    return sys.getprofile() is None and not any(one.training or one._forward_hooks for one in model.modules())


def _with_captured_weights(model: Any) -> Any:
    """The same modules, in copies whose parameters and buffers are noted when they are used, and whose memory of what
    they have computed is their own."""
    twin = copy.copy(model)
    state = vars(twin)
    for name, value in list(state.items()):
        if type(value).__module__.startswith(PACKAGE) and not isinstance(value, (Module, Tensor)):
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
        state["_modules"][name] = state[name] = _with_captured_weights(module)
    return twin


def _captured(array: Any) -> Captured:
    if type(array) is not np.ndarray:
        raise NotCapturable(f"weights that are {type(array).__name__}")
    return array.view(Captured)


def _own(output: Any) -> Any:
    """The output with arrays of its own."""
    if isinstance(output, Tensor):
        return Tensor(np.array(bare(output.data)))
    if isinstance(output, tuple):
        return tuple(map(_own, output))
    if isinstance(output, ModelOutput):
        return type(output)(**{name: _own(part) for name, part in vars(output).items()})
    if output is None:
        return None
    raise NotCapturable(f"an output that is {type(output).__name__}")


def _equal(a: Any, b: Any) -> bool:
    """Whether all numbers of two outputs are the same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.data.shape == b.data.shape and a.data.dtype == b.data.dtype and a.data.tobytes() == b.data.tobytes()
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, ModelOutput):
        return _equal(tuple(vars(a).values()), tuple(vars(b).values()))
    return a is b
