"""The tape: tensors, operations, and the walk that turns a loss into gradients.

A `Tensor` is an array and a note of which operation made it. An `Operation` object is one application of an operation:
it keeps what its backward needs and where its inputs came from, and nothing else, so that arrays nobody needs go by
reference count. Operations are numbered as they are made; an operation's inputs always carry smaller numbers, so the
walk simply takes the largest number that waits, and neither recursion nor a sort of the graph is needed.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import heapq
import itertools
import traceback
import weakref
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from npconformer.arrays.backend import get_array_module, is_array, to_host
from npconformer.arrays.blas import single_threaded
from npconformer.arrays.dtypes import cast_arrays, is_float16, widened
from npconformer.arrays.types import Array
from npconformer.tape.attached import Attached
from npconformer.tape.grad_mode import mode


class AnomalyError(RuntimeError):
    """`detect_anomaly` found a wrong or non-finite value; the message names the operation and where it was called."""


_numbers = itertools.count()


class Tensor(Attached):
    """An array that knows which operation made it.

    Args:
        data: an array of NumPy or CuPy; another Tensor, list or scalar is converted with `np.asarray`.
        requires_grad: whether `backward` leaves a gradient in `.grad`.

    Attributes:
        data: the array, of any shape and dtype.
        grad: None, or an array of the same shape and dtype that gradients are accumulated in.
    """

    __slots__ = ("__weakref__", "_index", "_maker", "data", "grad", "requires_grad")
    __array_priority__ = 1000  # so that `array + tensor` asks the tensor first
    __array_ufunc__: Any = None  # until `npconformer.ops` has given it one

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        data = data.data if isinstance(data, Tensor) else data
        self.data: Array = data if is_array(data) else np.asarray(data)
        if requires_grad and self.data.dtype.kind != "f":
            raise ValueError(f"requires_grad: only floating tensors can have gradients, got dtype {self.data.dtype}")
        self.requires_grad = requires_grad
        self.grad: Array | None = None
        self._maker: Operation | None = None
        self._index = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self._maker is None

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous")
        return bool(self.item())

    def __repr__(self) -> str:
        made_by = f", made by {type(self._maker).__name__}" if self._maker is not None else ""
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''}{made_by})"

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array, without gradient; shares memory with a tensor on the host.

        force: for code that has it; nothing needs to be forced here.
        """
        return to_host(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> float | int | bool:
        """The single value as a Python number."""
        return self.data.item()

    def __float__(self) -> float:
        return float(self.item())

    def detach(self) -> Tensor:
        """The same array as a leaf: gradients stop here."""
        return Tensor(self.data)

    def retain_grad(self) -> None:
        """Asks `backward` to leave the gradient of this intermediate tensor in `.grad` too."""
        if self._maker is not None:
            self._maker.retained[self._index] = weakref.ref(self)

    def backward(self, gradient: Any = None, retain_graph: bool = True) -> None:
        """Accumulates d(self)/d(leaf) in `.grad` of every leaf that requires it.

        Args:
            gradient: the upstream gradient, of this tensor's shape; may be left out when it has one element.
            retain_graph: whether a second call can follow; False frees saved arrays during the walk.
        """
        backward([self], [gradient], retain_graph=retain_graph)


class Operation:
    """One application of an operation. A subclass has `forward` and `backward`; its constructor takes the settings.

    `forward(*arrays)` returns an array or a tuple of arrays. It calls `self.save(...)` with what backward needs and may
    ask `self.needs[i]` whether input i needs a gradient, and `self.recording` whether any does.
    `backward(*gradients)` gets one gradient for each output (zeros for an output that nobody used) and returns one for
    each input, None where none is needed. It edits neither what was saved nor its arguments.
    """

    in_float32 = False  # True where float16 is too coarse in between: computed in float32, results rounded once
    narrow = False  # whether that is so for these inputs
    always_recorded = False  # True for operations that reach parameters other than through their inputs
    recording = False
    needs: tuple[bool, ...] = ()
    saved: Any = ()  # a tuple; None once a backward with retain_graph=False has freed it
    xp: ModuleType
    call_site: list[str] | None = None
    sources: Sequence[_Source | None]

    def forward(self, *arrays: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *gradients: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def save(self, *values: Any) -> None:
        """Keeps values for backward; nothing is kept when nothing is recorded."""
        if self.recording:
            self.saved = values

    def __call__(self, *inputs: Any) -> Any:
        arrays = [x.data if isinstance(x, Tensor) else x for x in inputs]
        self.xp = get_array_module(*arrays)
        if mode.grad_enabled:
            self.needs = tuple([isinstance(x, Tensor) and x.requires_grad for x in inputs])
            self.recording = True in self.needs or self.always_recorded
        else:
            self.needs = (False,) * len(inputs)
        self.narrow = self.in_float32 and any(map(is_float16, arrays))
        result = _in_float32(self.forward, arrays) if self.narrow else self.forward(*arrays)
        outputs = result if isinstance(result, tuple) else (result,)
        if mode.anomaly:
            self._check_outputs(outputs)
        made = tuple([Tensor(output) for output in outputs])
        if self.recording:
            self._record(inputs, made)
        return made if isinstance(result, tuple) else made[0]

    def _record(self, inputs: Sequence[Any], outputs: tuple[Tensor, ...]) -> None:
        self.number = next(_numbers)
        self.sources = [_Source(x) if need else None for x, need in zip(inputs, self.needs, strict=True)]
        self.output_specs = [(t.shape, t.dtype) for t in outputs]
        self.retained: dict[int, weakref.ref[Tensor]] = {}
        for index, tensor in enumerate(outputs):
            if tensor.dtype.kind == "f":
                tensor.requires_grad, tensor._maker, tensor._index = True, self, index

    def _check_outputs(self, outputs: tuple[Any, ...]) -> None:
        stack = traceback.extract_stack()[:-2]  # without this method and __call__
        self.call_site = [f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in stack[-8:]]
        for index, output in enumerate(outputs):
            if output.dtype.kind == "f" and bool(get_array_module(output).isnan(output).any()):
                raise AnomalyError(f"the forward of {self._where()} gave NaN in output {index}")

    def _where(self) -> str:
        name = type(self).__name__
        return name if self.call_site is None else name + ", called at (most recent last)\n" + "\n".join(self.call_site)


def _in_float32(function: Callable, arrays: Sequence[Any]) -> Any:
    return cast_arrays(function(*widened(arrays)), np.float32, np.float16)


class _Source:
    """Where an input came from: a leaf to accumulate in, or the maker's output slot. Holds no intermediate array."""

    __slots__ = ("dtype", "index", "leaf", "maker", "shape")

    def __init__(self, tensor: Tensor) -> None:
        self.maker, self.index = tensor._maker, tensor._index
        self.leaf = tensor if tensor._maker is None else None
        self.shape, self.dtype = tensor.shape, tensor.dtype


class _Waiting:
    """The gradients that have reached an operation's outputs so far, added up."""

    def __init__(self, count: int) -> None:
        self.gradients: list[Any] = [None] * count
        self.owned = [False] * count  # a sum made here may be added to in place; an array made elsewhere may not

    def add(self, index: int, gradient: Any) -> None:
        if self.gradients[index] is None:
            self.gradients[index] = gradient
        elif self.owned[index]:
            self.gradients[index] += gradient
        else:
            self.gradients[index] = self.gradients[index] + gradient
            self.owned[index] = True


def backward(tensors: Sequence[Tensor], gradients: Sequence[Any], retain_graph: bool = True) -> None:
    """Walks the tape from several tensors at once, each with its upstream gradient (None for a single element: 1)."""
    waiting: dict[Operation, _Waiting] = {}
    heap: list[tuple[int, Operation]] = []

    def deliver(maker: Operation, index: int, gradient: Any) -> None:
        if maker not in waiting:
            waiting[maker] = _Waiting(len(maker.output_specs))
            heapq.heappush(heap, (-maker.number, maker))
        waiting[maker].add(index, gradient)

    for tensor, gradient in zip(tensors, gradients, strict=True):
        gradient = _upstream_gradient(tensor, gradient)
        if tensor._maker is None:
            _accumulate_leaf(tensor, gradient, given=(gradient,))
        else:
            deliver(tensor._maker, tensor._index, gradient)

    with single_threaded():  # the threads of `pool` share the products
        _walk(heap, waiting, deliver, retain_graph)


def _walk(
    heap: list[tuple[int, Operation]],
    waiting: dict[Operation, _Waiting],
    deliver: Callable[[Operation, int, Any], None],
    retain_graph: bool,
) -> None:
    while heap:
        _, operation = heapq.heappop(heap)
        outputs = _complete(operation, waiting.pop(operation).gradients)
        results = _call_backward(operation, outputs)
        for position, (source, gradient) in enumerate(zip(operation.sources, results, strict=True)):
            if source is None:
                continue
            if gradient is None or gradient.shape != source.shape or gradient.dtype != source.dtype:
                _raise_wrong_gradient(operation, position, source, gradient)
            if source.maker is not None:
                deliver(source.maker, source.index, gradient)
            elif source.leaf is not None:
                others = (*outputs, *results[:position], *results[position + 1 :])
                _accumulate_leaf(source.leaf, gradient, given=others)
        if not retain_graph:
            operation.saved, operation.sources = None, ()
        del outputs, results


def _upstream_gradient(tensor: Tensor, gradient: Any) -> Any:
    if not tensor.requires_grad:
        raise ValueError("backward: this tensor does not require a gradient (was it computed under no_grad()?)")
    xp = get_array_module(tensor.data)
    if gradient is None:
        if tensor.data.size != 1:
            raise ValueError(
                f"gradient: needed for a tensor of shape {tensor.shape}; only one element may leave it out"
            )
        return xp.ones_like(tensor.data)
    gradient = gradient.data if isinstance(gradient, Tensor) else gradient
    gradient = gradient if is_array(gradient) else np.asarray(gradient)
    if gradient.shape != tensor.shape:
        raise ValueError(f"gradient: expected shape {tensor.shape}, got {gradient.shape}")
    return gradient.astype(tensor.dtype, copy=False)


def _complete(operation: Operation, gradients: list[Any]) -> list[Any]:
    """Zeros for outputs that nobody used; leaves copies in tensors that asked for their gradient."""
    if operation.saved is None:
        raise RuntimeError(
            f"backward through {type(operation).__name__} a second time: the first call had retain_graph=False"
        )
    for index, reference in operation.retained.items():
        tensor = reference()
        if tensor is not None and gradients[index] is not None:
            _accumulate_leaf(tensor, gradients[index], given=(gradients[index],))
    for index, (shape, dtype) in enumerate(operation.output_specs):
        if gradients[index] is None:
            gradients[index] = operation.xp.zeros(shape, dtype)
        elif isinstance(gradients[index], np.generic):  # NumPy's arithmetic on 0-d arrays gives scalars
            gradients[index] = np.asarray(gradients[index])
    return gradients


def _call_backward(operation: Operation, gradients: list[Any]) -> tuple[Any, ...]:
    results = _in_float32(operation.backward, gradients) if operation.narrow else operation.backward(*gradients)
    results = results if isinstance(results, tuple) else (results,)
    if len(results) != len(operation.sources):
        raise RuntimeError(
            f"{operation._where()}: backward gave {len(results)} gradients for {len(operation.sources)} inputs"
        )
    if mode.anomaly:
        for position, gradient in enumerate(results):
            if gradient is not None and bool(get_array_module(gradient).isnan(gradient).any()):
                raise AnomalyError(
                    f"the backward of {operation._where()}\ngave NaN in the gradient of input {position}"
                )
    return results


def _raise_wrong_gradient(operation: Operation, position: int, source: _Source, gradient: Any) -> None:
    got = "None" if gradient is None else f"{gradient.dtype} {gradient.shape}"
    raise AnomalyError(
        f"the backward of {operation._where()}\ngave {got} as the gradient of input {position}, "
        f"which is {source.dtype} {source.shape}"
    )


def _accumulate_leaf(leaf: Tensor, gradient: Any, given: tuple[Any, ...]) -> None:
    """leaf.grad += gradient. The first one is stored without a copy unless somebody else may hold the same memory."""
    if leaf.grad is not None:
        leaf.grad += gradient
    elif is_array(gradient.base) or any(gradient is other for other in given) or not gradient.flags.c_contiguous:
        leaf.grad = gradient.copy()
    else:
        leaf.grad = gradient
    if isinstance(leaf.grad, np.generic):  # NumPy's arithmetic on 0-d arrays gives scalars
        leaf.grad = np.asarray(leaf.grad)
