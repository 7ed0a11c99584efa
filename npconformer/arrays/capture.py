"""NumPy's calls, noted while they are made, so that the same calls can be made again without what lies between them.

A forward pass of a small model is some hundred short calls of NumPy, and the Python around them takes as long as they
do. While a `Capture` is at work in a thread, every call that reads a `Captured` array is made as always, and noted with
the very arrays that it read and wrote. To make the noted calls again, in their order, computes the same for whatever
these arrays hold then (`call_plan`). CUDA graphs are captured and replayed in the same way.

    capture = Capture()
    with capture.at_work():
        y = function(capture.input(x))       # functions that use `empty`, ufuncs, methods of arrays, NumPy's functions
    capture.steps                            # the calls

What Python does with numbers is part of no call. Where a program asks for a truth, a number or a shape, a step is noted
that asks again, and raises `Diverged` at another answer. What cannot be noted raises `NotCapturable`. But NumPy does
not tell of everything: `np.asarray` leads out unseen, and so does a plain array that is written into, or that a
captured one is an index into. So whoever uses noted calls first compares what they give with what the function gives
(`models.call_plans`).

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from npconformer.arrays.captured_memory import CapturedMemory, NotCapturable

Step = Callable[[], Any]

_local = threading.local()  # .capture: the one that is at work in this thread
_at_work: set[Capture] = set()  # in all threads: mostly empty, which is asked fast


class Diverged(Exception):
    """A question that the noted calls depend on has another answer now."""


class Capture:
    """The calls of one computation.

    most_memory: bytes that it may need.

    Attributes:
        steps: each a function without arguments.
        memory: where its arrays lie.
    """

    def __init__(self, most_memory: int = 2**25) -> None:
        self.steps: list[Step] = []
        self.memory = CapturedMemory(Captured, most_memory)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, this thread's calls are noted."""
        if current() is not None:
            raise NotCapturable("a capture inside another")
        try:  # an interrupt may come at any moment
            _local.capture = self
            _at_work.add(self)
            yield
        finally:
            _local.capture = None
            _at_work.discard(self)

    def input(self, array: np.ndarray) -> Captured:
        """The same memory, as an array whose use is noted."""
        return array.view(Captured)

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Makes a call that writes into memory it is given, and notes it."""
        function(*arguments, **options)
        self.steps.append(functools.partial(function, *arguments, **options))

    def keep(
        self, result: Any, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """The array or number that a call has made, in memory of the capture's."""
        kept, of = self._like(result), getattr(function, "__self__", None)
        np.copyto(bare(kept), result)
        if isinstance(function, np.ufunc) or isinstance(of, np.ufunc):
            arguments, options = _with_out(function, arguments, options, (bare(kept),))
            self.steps.append(functools.partial(function, *arguments, **options))
        else:
            self.steps.append(functools.partial(_write, bare(kept), function, arguments, options))
        return kept

    def expect(
        self, answer: Any, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """What a call has answered, which will have to be the same."""
        self.steps.append(functools.partial(_ask, answer, function, arguments, options))
        return answer

    def _like(self, result: Any) -> Captured:
        """Memory for a result whose axes follow one another as the result's do."""
        order = sorted(range(result.ndim), key=lambda axis: -result.strides[axis])
        kept = self.memory.empty(tuple(result.shape[axis] for axis in order), result.dtype)
        return kept if order == list(range(result.ndim)) else kept.transpose(np.argsort(order))


def current() -> Capture | None:
    """What is at work in this thread."""
    return getattr(_local, "capture", None) if _at_work else None


def _write(out: np.ndarray, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    result = function(*arguments, **options)
    if result.shape != out.shape:  # as many numbers as there were of some kind
        raise Diverged
    np.copyto(out, result)


def _ask(answer: Any, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    if function(*arguments, **options) != answer:
        raise Diverged


class Captured(np.ndarray):
    """An array whose use is noted while a capture is at work in the thread. Elsewhere it is an array like any other."""

    _block: np.ndarray | None = None  # of the capture's memory
    _source: Captured | None = None  # which has the memory as long as it is there

    def __array_finalize__(self, source: Any) -> None:
        block = getattr(source, "_block", None)
        if block is not None and 0 <= _address(self) - _address(block) < block.nbytes:  # a view, not a copy
            self._block = block

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            return _compute_into(function, inputs[1:], options, inputs[:1], is_first=True)
        if out is not None:
            given = out if isinstance(out, tuple) else (out,)
            return _compute_into(function, inputs, options, given)
        return _compute(function, inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if options.get("out") is not None:
            others = {name: value for name, value in options.items() if name != "out"}
            return _compute_into(function, arguments, others, (options["out"],))
        if function is np.copyto:
            return _compute_into(function, arguments[1:], options, arguments[:1], is_first=True)
        found = function(*bare(arguments), **bare(options))
        source = _viewed(found, arguments)
        if source is not None:
            view = super().__array_function__(function, types, arguments, options)
            return view if isinstance(view, Captured) else _view_of(source, view)
        return _note(found, function, bare(arguments), bare(options))

    def __getitem__(self, index: Any) -> Any:
        return _view_or_compute(np.ndarray.__getitem__, self, (index,), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        target, index, value = bare(self), bare(index), bare(value)
        part, capture = target[index], current()
        if isinstance(part, np.ndarray) and np.may_share_memory(part, target):
            if not _is_same(part, value):  # as after `x[index] += 1`, which has been noted
                _compute_into(np.copyto, (value,), {"casting": "unsafe"}, (part,), is_first=True, is_known=True)
        elif capture is None:
            target[index] = value
        else:
            capture.call(np.ndarray.__setitem__, (target, index, value), {})


def bare(value: Any) -> Any:
    """The plain arrays of an argument, of the same memory: a step keeps the memory, not the array that is counted."""
    if isinstance(value, Captured):
        block = value._block
        if block is None:
            return value.view(np.ndarray)
        offset = _address(value) - _address(block)
        return np.ndarray(value.shape, value.dtype, block, offset, value.strides)
    if isinstance(value, (tuple, list)):
        return type(value)(bare(part) for part in value)
    if isinstance(value, dict):
        return {name: bare(part) for name, part in value.items()}
    return value


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _compute(function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A call that makes its result itself."""
    arguments, options = bare(arguments), bare(options)
    return _note(function(*arguments, **options), function, arguments, options)


def _note(result: Any, function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What such a call has made, of plain arrays, as what the caller gets."""
    capture = current()
    if capture is None:
        return result
    if isinstance(result, (np.ndarray, np.generic)):
        return capture.keep(result, function, arguments, options)
    numbers = result if isinstance(result, tuple) else (result,)
    if all(isinstance(one, (bool, int, float, np.dtype)) for one in numbers):
        return capture.expect(result, function, arguments, options)
    raise NotCapturable(f"{getattr(function, '__name__', function)}, which gives {type(result).__name__}")


def _compute_into(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    out: tuple[Any, ...],
    is_first: bool = False,
    is_known: bool = False,
) -> Any:
    """A call that writes into arrays: of the capture, or what is written would not be seen when it is read.

    is_first: they come first among the arguments, not last. is_known: they are known to be the capture's.
    """
    capture, arguments, options, places = current(), bare(arguments), bare(options), bare(out)
    if capture is not None and not is_known and not all(isinstance(one, Captured) for one in out):
        raise NotCapturable(f"{getattr(function, '__name__', function)}, which writes into an array made elsewhere")
    if is_first:
        call: tuple[Any, ...] = (*places, *arguments)
    else:
        call, options = _with_out(function, arguments, options, places)
    if capture is None:
        function(*call, **options)
    else:
        capture.call(function, call, options)
    return out[0] if len(out) == 1 else out


def _with_out(function: Any, arguments: tuple[Any, ...], options: dict[str, Any], places: Any) -> tuple[Any, Any]:
    """Arguments and options with the places to write to: by position where that is allowed, which is faster."""
    if isinstance(function, np.ufunc) and function not in (np.maximum, np.minimum):
        return (*arguments, *places), options
    return arguments, {**options, "out": places if len(places) > 1 else places[0]}


def _view_or_compute(method: Any, array: Captured, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a method gives, which may be a view of the array."""
    arguments, options = bare(arguments), bare(options)
    found = method(bare(array), *arguments, **options)
    if _viewed(found, array) is not None:
        return method(array, *arguments, **options)
    return _note(found, method, (bare(array), *arguments), options)


def _viewed(found: Any, arguments: Any) -> Captured | None:
    """Which of the arguments an array is a view of."""
    if not isinstance(found, np.ndarray):
        return None
    if isinstance(arguments, (tuple, list)):
        return next((one for one in (_viewed(found, part) for part in arguments) if one is not None), None)
    is_it = isinstance(arguments, Captured) and np.may_share_memory(found, bare(arguments))
    return arguments if is_it else None


def _view_of(source: Captured, view: np.ndarray) -> Captured:
    """A plain view as one whose use is noted."""
    captured = view.view(Captured)
    captured._block, captured._source = source._block, source
    return captured


def _is_same(a: np.ndarray, b: Any) -> bool:
    return isinstance(b, np.ndarray) and a.__array_interface__ == b.__array_interface__


def _method(name: str, rule: Callable[..., Any]) -> Any:
    original = getattr(np.ndarray, name)

    @functools.wraps(original)
    def method(self: Captured, *arguments: Any, **options: Any) -> Any:
        return rule(original, self, arguments, options)

    return method


def _answer(method: Any, array: Captured, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a method tells Python."""
    capture, arguments = current(), (bare(array), *bare(arguments))
    answer = method(*arguments, **options)
    return answer if capture is None else capture.expect(answer, method, arguments, options)


def _change(method: Any, array: Captured, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """What a method does to the array itself."""
    capture, arguments = current(), (bare(array), *bare(arguments))
    method(*arguments, **options) if capture is None else capture.call(method, arguments, options)


# Those that call no ufunc; the others (sum, max, +=, ...) come to `__array_ufunc__`.
_RESULTS = "argmax argmin argpartition argsort astype byteswap choose compress copy cumprod cumsum diagonal dot flatten"
_RESULTS += (
    " __copy__ __deepcopy__ nonzero ravel repeat reshape round searchsorted squeeze swapaxes take trace transpose"
)
_ANSWERS = "__bool__ __complex__ __contains__ __float__ __index__ __int__ item tobytes tolist"
_CHANGES = "fill partition put resize setfield sort"
for _names, _rule in ((_RESULTS, _view_or_compute), (_ANSWERS, _answer), (_CHANGES, _change)):
    for _name in _names.split():
        setattr(Captured, _name, _method(_name, _rule))
