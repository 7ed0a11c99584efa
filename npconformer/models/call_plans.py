"""When a forward pass is made of noted calls, in place of running the model.

The arithmetic of half a second of a small model takes one millisecond, and so does the Python that leads to it: modules
that call modules, checks, tensors, memory. In a large model it is a few per cent, since threads that share work hand
the interpreter's lock to one another for each call. All of that comes to the same for every input of one shape. So when
a model has had a few inputs of one shape, in evaluation and without a recording, its calls of NumPy are noted
(`arrays.capture`), and from then on they alone are made. They read the model's own weights, whatever these hold.

The results are the same bits. A plan is used only if it gave them once, for an input that it was not made with, and
only while all is as it was when it was made (`unchanged`): parameters, modules, hooks, modes, the configuration, the
functions of this package, the number of threads. Modules with code of another program have no plan. Otherwise, and
while another thread uses the plan, the model runs as always.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np

from npconformer.arrays import pool
from npconformer.arrays.capture import Diverged
from npconformer.arrays.kept_memory import most_kept, release
from npconformer.arrays.threads import get_num_threads
from npconformer.models.model_plan import ModelPlan, make_plan
from npconformer.models.unchanged import is_as_written, is_of_own_code
from npconformer.nn import Module
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_inference, mode

CALLS_BEFORE = (
    8  # of a shape, before its calls are noted; of a large model that takes as long as four, of a small twenty
)
MOST_MEMORY = 2**29  # bytes of what is in between, of one plan, if the machine has 32 times as much
MOST_PLANS, MOST_SHAPES = 4, 64  # of one model
UNUSED = 60.0  # seconds after which another shape may have a plan's place
LARGEST_MASK = 2**18  # numbers
MOST_DIVERGED = 8  # times that a plan may have been no use, and more if it was of use four times as often
WORTH = 100  # runs that are worth having made a plan
REFUSED = 100  # times in a row that a lock may be another's: nobody takes so long, so an interrupt has left it locked
MOST_PATIENCE = 2**10  # calls of a shape, where plans did not last

HARMLESS = ("warn", "ignore")  # error states; for the others NumPy has to meet an overflow where the model does

_UNKNOWN = object()  # the key of an argument that no plan is made for
_enabled = True
_local = threading.local()  # .inside: a model runs in this thread, and what it calls are its parts
_running: set[int] = set()  # threads in which one does
_all: weakref.WeakSet[CallPlans] = weakref.WeakSet()


def set_call_plans(enabled: bool) -> None:
    """Whether models may note their calls of NumPy, and later make these alone. They do unless told otherwise.

    Plans that there are stay with their models, for when it is turned on again.
    """
    global _enabled
    if not isinstance(enabled, bool):
        raise ValueError(f"enabled: expected True or False, got {enabled!r}")
    _enabled = enabled


class CallPlans:
    """The plans of one model, by what it is called with. A copy of the model begins without any."""

    def __init__(self) -> None:
        # How often a shape has come; a plan; or None, where there can be none.
        self._plans: dict[Any, int | ModelPlan | None] = {}
        self._patience = CALLS_BEFORE
        self._making, self._refused = threading.Lock(), 0
        _all.add(self)

    def __reduce__(self) -> Any:
        return CallPlans, ()  # for copies too

    def __len__(self) -> int:
        return len(self._made())

    def _made(self) -> list[tuple[Any, ModelPlan]]:
        return [(key, plan) for key, plan in list(self._plans.items()) if isinstance(plan, ModelPlan)]

    def clear(self) -> None:
        """Forgets them, with the memory that they have. Where these have not lasted, the next ones are made later."""
        made = self._made()
        if made:
            self._be_patient(any(plan.runs >= WORTH for _, plan in made))
        self._plans.clear()

    def _be_patient(self, was_worth_it: bool = False) -> None:
        self._patience = CALLS_BEFORE if was_worth_it else min(2 * self._patience, MOST_PATIENCE)

    def run(self, model: Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What the model gives: by a plan where there is one, or else by running it."""
        if getattr(_local, "inside", False):
            return Module.__call__(model, *arguments, **options)
        thread = threading.get_ident()
        try:
            _local.inside = True
            _running.add(thread)
            output = None
            if _enabled and is_inference() and not (mode.anomaly or mode.recomputing or model.training):
                output = self._by_plan(model, arguments, options)
            return Module.__call__(model, *arguments, **options) if output is None else output
        finally:
            _local.inside = False
            _running.discard(thread)

    def _by_plan(self, model: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if not arguments:
            name = model.main_input_name
            if name not in options:
                return None
            arguments, options = (options[name],), {key: value for key, value in options.items() if key != name}
        settings = [part for pair in sorted(options.items()) for part in pair]
        x, known = _array_of(arguments[0]), tuple(map(_key_of, (*arguments[1:], *settings)))
        if x is None or _UNKNOWN in known or pool.is_busy() or np.geterr()["over"] not in HARMLESS:
            return None
        key = x.shape, x.dtype, len(arguments), known, get_num_threads()
        plan = self._plans.get(key, 0)
        if isinstance(plan, int):
            return self._count(key, plan, model, x, arguments[1:], options)
        return None if plan is None else self._use(plan, key, model, x)

    def _use(self, plan: ModelPlan, key: Any, model: Any, x: np.ndarray) -> Any:
        """What the plan gives, or None where it does not apply, or another thread uses it."""
        has_it = False
        try:
            # With as many at work as there are threads, another one would only be in their way.
            has_to_wait = len(_running) >= get_num_threads()
            has_it = plan.lock.acquire(timeout=1 + 20 * plan.seconds) if has_to_wait else plan.lock.acquire(False)
            if not has_it:
                plan.refused += 1
                if has_to_wait or plan.refused > REFUSED:
                    self._plans.pop(key, None)
                return None
            if plan.unchanged(model):
                return plan.run(x)
            self.clear()
        except Diverged:
            plan.diverged += 1
            if plan.diverged > max(MOST_DIVERGED, plan.runs / 4):
                self._plans.pop(key, None)
                self._be_patient()
        finally:
            if has_it:
                plan.lock.release()
        return None

    def _count(self, key: Any, calls: int, model: Any, x: np.ndarray, others: Any, options: Any) -> Any:
        """Counts a call of a shape. After some makes a plan, and gives what the model gave for x meanwhile."""
        if calls < self._patience:
            if len(self._plans) >= MOST_SHAPES:  # shapes that do not come back would stay for ever
                self._plans = dict(self._made())
            self._plans[key] = calls + 1
            return None
        self._plans[key] = 0
        has_it = False
        try:
            has_it = self._making.acquire(blocking=False)
            self._refused = 0 if has_it else self._refused + 1
            if self._refused > REFUSED:
                self._making = threading.Lock()
            if not (has_it and self._has_place() and _is_as_loaded(model)):
                return None
            output = Module.__call__(model, x, *others, **options)
            release()  # what the plan will have memory of its own for
            kept = tuple(map(_own, others)), {name: _own(value) for name, value in options.items()}
            self._plans[key] = make_plan(model, x, output, *kept, min(MOST_MEMORY, most_kept() // 4))
            if self._plans[key] is None:
                self._be_patient()
            return output
        finally:
            if has_it:
                self._making.release()

    def _has_place(self) -> bool:
        """Whether there may be one more, in place of one that has not been used for long if need be."""
        made = self._made()
        if len(made) < MOST_PLANS:
            return True
        key, oldest = min(made, key=lambda pair: pair[1].last_used)
        if time.monotonic() - oldest.last_used < UNUSED:
            return False
        self._plans.pop(key, None)
        return True


def _array_of(value: Any) -> np.ndarray | None:
    """The array of an input that plans are made for."""
    if isinstance(value, Tensor):
        value = None if value.requires_grad else value.data
    is_one = type(value) is np.ndarray and value.size > 0 and value.dtype.kind == "f" and value.flags.c_contiguous
    return value if is_one else None


def _key_of(value: Any) -> Any:
    """What tells an argument beside the input from others: itself, if it is an option; what a mask holds."""
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is not np.ndarray or value.dtype.kind not in "biuf" or not 0 < value.size <= LARGEST_MASK:
        return _UNKNOWN
    is_one = value == 1
    if not (is_one | (value == 0)).all():
        return _UNKNOWN
    return value.shape, value.dtype, np.packbits(is_one).tobytes()


def _own(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _is_as_loaded(model: Module) -> bool:
    """Whether nothing looks in or is in training, and nobody measures which functions run; and all code is ours."""
    is_quiet = sys.getprofile() is None and not any(one.training or one._forward_hooks for one in model.modules())
    return is_quiet and is_of_own_code(model) and is_as_written()


def _after_fork() -> None:
    """In a child process, where the thread that has a lock does not exist."""
    _running.clear()
    for plans in list(_all):
        plans._making = threading.Lock()
        for _, plan in plans._made():
            plan.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
