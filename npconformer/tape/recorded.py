"""What a tape has recorded, to be looked at: which operations made a tensor, out of what.

The walk of `backward` goes the same way, from the tensor to the leaves, and hands gradients on; this one only reads.
Arrays that need no gradient are not on the tape, so that they are not seen here either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npconformer.tape.autograd import Operation, Tensor


@dataclass(frozen=True, eq=False)
class Recorded:
    """One node of a tape: an operation that was applied, or a leaf whose gradient is wanted.

    Attributes:
        name: the operation's class; of a leaf "".
        shapes: of its outputs; of a leaf its own.
        dtype: of the first of them.
        sources: what its inputs came from, as (place in the list of nodes, which of its outputs), in the inputs' order;
            inputs that need no gradient are left out.
        leaf: the tensor, of a leaf.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    dtype: np.dtype
    sources: tuple[tuple[int, int], ...]
    leaf: Tensor | None = None


def read_tape(tensor: Tensor) -> list[Recorded]:
    """All that `tensor` was made of: each node behind those that it needs, the operation that made `tensor` last.

    Leaves stand before the first operation that uses them. A second call gives the same, and backward too is as before.

    Raises:
        ValueError: `tensor` is none, or nothing of it is on the tape. RuntimeError: a backward with
            retain_graph=False has let the tape go.
    """
    if not isinstance(tensor, Tensor):
        raise ValueError(f"tensor: expected a Tensor, got {type(tensor).__name__}")
    if tensor._maker is None:
        raise ValueError("tensor: nothing made it on the tape (was it computed under no_grad(), or is it a leaf?)")
    places: dict[int, int] = {}  # of operations and leaves, by id; the tape keeps both alive
    nodes: list[Recorded] = []
    for operation in _operations(tensor._maker):
        sources = []
        for source in operation.sources:
            if source is None:
                continue
            if source.leaf is not None and id(source.leaf) not in places:
                places[id(source.leaf)] = len(nodes)
                nodes.append(Recorded("", (source.shape,), source.dtype, (), source.leaf))
            sources.append((places[id(source.maker if source.leaf is None else source.leaf)], source.index))
        places[id(operation)] = len(nodes)
        shapes = tuple(shape for shape, _ in operation.output_specs)
        nodes.append(Recorded(type(operation).__name__, shapes, operation.output_specs[0][1], tuple(sources)))
    return nodes


def _operations(last: Operation) -> Sequence[Operation]:
    """The operations that `last` needs, and itself, in the order in which they were applied."""
    found, waiting = {id(last): last}, [last]
    while waiting:
        operation = waiting.pop()
        if operation.saved is None:
            raise RuntimeError(
                f"{type(operation).__name__} is no longer on the tape: a backward had retain_graph=False"
            )
        for source in operation.sources:
            if source is not None and source.maker is not None and id(source.maker) not in found:
                found[id(source.maker)] = source.maker
                waiting.append(source.maker)
    return sorted(found.values(), key=lambda operation: operation.number)
