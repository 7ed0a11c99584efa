"""A module as a function of its parameters: called with other values in their places, and left as it was.

Lesson: notebooks/01_the_tape.ipynb, notebooks/08_parity.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from npconformer.nn import Module
from npconformer.tape.autograd import Tensor


@contextmanager
def substituted(module: Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, the parameters of these dotted names are these tensors."""
    owners = dict(module.named_modules())
    places = [(owners[name.rpartition(".")[0]], name.rpartition(".")[2]) for name in values]
    own = [owner._parameters[last] for owner, last in places]
    try:
        for (owner, last), value in zip(places, values.values(), strict=True):
            object.__setattr__(owner, last, value)
        yield
    finally:
        for (owner, last), parameter in zip(places, own, strict=True):
            object.__setattr__(owner, last, parameter)


def as_function(module: Module, names: list[str], inputs: int) -> Callable[..., tuple[Tensor, ...]]:
    """function(*inputs, *values of the parameters `names`) -> the module's floating outputs, one after the other.

    inputs: how many arguments the module itself takes.
    """

    def function(*arguments: Any) -> tuple[Tensor, ...]:
        with substituted(module, dict(zip(names, arguments[inputs:], strict=True))):
            return tuple(floating_tensors(module(*arguments[:inputs])))

    return function


def floating_tensors(output: Any) -> Iterator[Tensor]:
    """The floating tensors in what a module returns: a tensor, or tuples and output objects of them."""
    if isinstance(output, Tensor):
        if output.dtype.kind == "f":
            yield output
    elif isinstance(output, tuple):
        for one in output:
            yield from floating_tensors(one)
    elif hasattr(output, "to_tuple"):
        yield from floating_tensors(output.to_tuple())
