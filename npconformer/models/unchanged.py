"""Whether a model, and the code that it runs, are what they were: asked before each use of what was made of them.

Anything may be replaced between two calls: a weight, a module, an activation, a hook, a mode, a setting, a function of
this package. All of that lies in dictionaries, whose values are compared with those of before, some thousand of them in
some ten microseconds. The numbers in arrays are not compared.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter, is_, itemgetter
from types import CodeType, ModuleType
from typing import Any

from npconformer.nn import Module

PACKAGE = __name__.partition(".")[0]
KNOWN = {PACKAGE, "numpy", "threadpoolctl", *sys.stdlib_module_names}  # they are what they are; others may do anything

Names = Mapping[str, Any]  # of a module or a class

_data = attrgetter("data")


class CodeInUse:
    """Which functions of the package have run, with their modules' names; `foreign`: another program's module."""

    def __init__(self) -> None:
        self.codes: dict[CodeType, dict[str, Any]] = {}
        self.foreign: str | None = None

    def see(self, code: CodeType, names: dict[str, Any]) -> None:
        """This has run."""
        name = str(names.get("__name__"))
        top = name.partition(".")[0]
        if _is_own(name):
            self.codes[code] = names
        elif top not in KNOWN and not top.startswith("namedtuple_"):
            self.foreign = top


@contextmanager
def code_in_use() -> Iterator[CodeInUse]:
    """Inside, sees which functions run in this thread, in which nobody else measures them."""
    used = CodeInUse()

    def see(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code not in used.codes:
            used.see(frame.f_code, frame.f_globals)

    sys.setprofile(see)
    try:
        yield used
    finally:
        sys.setprofile(None)


class Unchanged:
    """unchanged(model): whether all is as it was when this was made.

    left_out: the attribute in which the model has this.
    """

    def __init__(self, model: Any, used: CodeInUse, left_out: str) -> None:
        modules = list(model.modules())
        settings = {id(one.config): vars(one.config) for one in modules if hasattr(one, "config")}
        self._left_out, self._is_known = left_out, used.foreign is None
        self._hooks = [one._forward_hooks for one in modules]
        self._dictionaries = [*map(vars, modules[1:]), *[one._buffers for one in modules], *settings.values()]
        self._parameters = list(model.parameters())
        self._arrays = list(map(_data, self._parameters))
        self._values = self._all_values(model)
        self._names = list(_looked_up(used, model))

    def __call__(self, model: Any) -> bool:
        values = self._all_values(model)
        try:
            return (
                self._is_known
                and not any(self._hooks)
                and len(values) == len(self._values)
                and all(map(is_, values, self._values))
                and all(map(is_, map(_data, self._parameters), self._arrays))
                and all([get(names) == found for get, names, found in self._names])
            )
        except KeyError:  # a name that is gone
            return False

    def _all_values(self, model: Any) -> list[Any]:
        """The attributes of all modules and of their configuration, and the buffers.

        The model's own are not kept, only what they hold: it would never go.
        """
        own = [value for name, value in vars(model).items() if name != self._left_out]
        return list(chain(own, *map(dict.values, self._dictionaries)))


def _looked_up(used: CodeInUse, model: Module) -> Iterator[tuple[Callable[[Names], Any], Names, tuple]]:
    """(get, names, values) of the functions, classes and constants that the code looks up in modules and classes."""
    wanted = {name for code in used.codes for one in _nested(code) for name in one.co_names}
    namespaces = {id(names): names for names in used.codes.values()}
    for names in list(namespaces.values()):  # `ops.linear` is looked up in ops
        for value in names.values():
            if isinstance(value, ModuleType) and _is_own(value.__name__):
                namespaces[id(vars(value))] = vars(value)
    classes = {kind for module in model.modules() for kind in type(module).__mro__}
    for names in namespaces.values():
        here = wanted.intersection(names)
        yield from _getter(names, [name for name in here if name.isupper() or callable(names[name])])
        classes |= {kind for name in here if isinstance(names[name], type) for kind in names[name].__mro__}
    for kind in classes:
        if _is_own(kind.__module__):
            yield from _getter(vars(kind), [name for name, value in vars(kind).items() if _is_function(value)])


def _getter(names: Names, wanted: list[str]) -> Iterator[tuple[Callable[[Names], Any], Names, tuple]]:
    if wanted:
        get = itemgetter(*wanted, wanted[0])  # of two at least, or it would give no tuple
        yield get, names, get(names)


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _is_function(value: Any) -> bool:
    return callable(value) or isinstance(value, (staticmethod, classmethod, property))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
