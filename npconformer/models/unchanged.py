"""Whether a model, and the code that it runs, are what they were: asked before each use of what was made of them.

Anything may be replaced between two calls: a weight, a module, an activation, a hook, a mode, a setting, a function of
this package. All of that lies in dictionaries, whose values are compared with those of before, some thousand of them in
some ten microseconds. The numbers in arrays are not compared.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter, is_, itemgetter
from types import CodeType, FunctionType, ModuleType
from typing import Any

from npconformer.nn import Module

PACKAGE = __name__.partition(".")[0]
# They are what they are; others may do anything, and a Mock is another.
KNOWN = {PACKAGE, "numpy", "threadpoolctl", *sys.stdlib_module_names} - {"unittest"}
FOLDERS = ("arrays", "tape", "ops", "functional", "nn", "models")  # of what models run
NOT_RUN = tuple(f"{PACKAGE}.models.{name}" for name in ("call_plans", "model_plan", "unchanged"))

Names = Mapping[str, Any]  # of a module or a class

REGISTRIES = ("_parameters", "_buffers", "_modules", "_persistent", "_forward_hooks")  # of every module

_data = attrgetter("data")


Codes = dict[CodeType, Names]  # of functions that have run, with their modules' names


@contextmanager
def code_in_use() -> Iterator[Codes]:
    """Inside, sees which functions of the package run in this thread, in which nobody else measures them."""
    codes: Codes = {}

    def see(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code not in codes:
            if _program(frame.f_globals.get("__name__")) == PACKAGE:
                codes[frame.f_code] = frame.f_globals

    try:
        sys.setprofile(see)
        yield codes
    finally:
        sys.setprofile(None)


def is_own(kind: type) -> bool:
    """Whether a class is this package's."""
    return _program(kind.__module__) == PACKAGE


def _program(module: Any) -> str:
    """Whose a module is, by its dotted name."""
    return str(module).partition(".")[0]


def is_of_own_code(model: Module) -> bool:
    """Whether the modules are of this package, and hold nothing that may change without being replaced."""
    for module in model.modules():
        if not all(is_own(kind) or kind is object for kind in type(module).__mro__):
            return False
        for name, value in vars(module).items():
            if isinstance(value, (list, dict, set)) and name not in REGISTRIES:
                return False
            if isinstance(value, tuple) and any(isinstance(part, (Module, list, dict)) for part in value):
                return False
            if callable(value) and PACKAGE not in (_program(type(value).__module__), _program(_module_of(value))):
                return False
    return True


def _module_of(value: Any) -> Any:
    return getattr(value, "__module__", None)


def is_as_written() -> bool:
    """Whether no function or class of another program stands in the place of one of the package's."""
    for name, module in list(sys.modules.items()):
        if name.startswith(tuple(f"{PACKAGE}.{folder}" for folder in FOLDERS)) and name not in NOT_RUN:
            values = [value for value in vars(module).values() if _is_function(value)]
            values += [one for kind in values if isinstance(kind, type) and is_own(kind) for one in vars(kind).values()]
            if any(_is_foreign(value) for value in values if _is_function(value)):
                return False
    return True


class Unchanged:
    """unchanged(model): whether all is as it was when this was made.

    left_out: the attribute in which the model has this.
    """

    def __init__(self, model: Any, codes: Codes, left_out: str) -> None:
        modules = list(model.modules())
        settings = {id(one.config): vars(one.config) for one in modules if hasattr(one, "config")}
        self._left_out = left_out
        self._others = modules[1:]  # not the model, or it would never go
        self._kinds = list(map(type, modules))
        self._hooks = [one._forward_hooks for one in modules]
        inside = [one for module in modules for one in (module._modules, module._buffers) if one]
        self._dictionaries = [*map(vars, modules[1:]), *inside]
        self._settings = [(one, copy.deepcopy(one)) for one in settings.values()]
        self._parameters = list(model.parameters())
        self._arrays = list(map(_data, self._parameters))
        self._values = self._all_values(model)
        kinds = {kind for one in (*modules, model.config) for kind in type(one).__mro__ if is_own(kind)}
        self._names = list(_looked_up(codes, kinds))
        self._is_known = not any(_is_foreign(value) for _, _, values, _ in self._names for value in values)
        found = [value for _, _, values, _ in self._names for value in values]
        self._contents = [(value, copy.copy(value)) for value in found if isinstance(value, (dict, list, set))]

    def __call__(self, model: Any) -> bool:
        values = self._all_values(model)
        try:
            return (
                self._is_known
                and not any(self._hooks)
                and [type(model), *map(type, self._others)] == self._kinds
                and len(values) == len(self._values)
                and all(map(is_, values, self._values))
                and all(map(is_, map(_data, self._parameters), self._arrays))
                and all([now == before for now, before in self._settings])
                and all([get(names) == found and len(names) == size for get, names, found, size in self._names])
                and all([now == before for now, before in self._contents])
            )
        except (KeyError, ValueError):  # a name that is gone; a setting without one truth
            return False

    def _all_values(self, model: Any) -> list[Any]:
        """The attributes of all modules, the modules inside them, and the buffers."""
        own = [value for name, value in vars(model).items() if name != self._left_out]
        return list(chain(own, *map(dict.values, self._dictionaries)))


# (get, names, values, how many names): another name may hide a base's, or one of Python's own.
LookedUp = tuple[Callable[[Names], Any], Names, tuple, int]


def _looked_up(codes: Codes, kinds: set[type]) -> Iterator[LookedUp]:
    """The functions, classes and constants that the code looks up, in modules and classes."""
    wanted = {name for code in codes for one in _nested(code) for name in one.co_names}
    namespaces = {id(names): names for names in codes.values()}
    for names in list(namespaces.values()):  # `ops.linear` is looked up in ops
        for value in names.values():
            if isinstance(value, ModuleType) and _program(value.__name__) == PACKAGE:
                namespaces[id(vars(value))] = vars(value)
    classes = set(kinds)
    for names in namespaces.values():
        here = wanted.intersection(names)
        yield from _getter(names, [name for name in here if name.isupper() or callable(names[name])])
        classes |= {kind for name in here if isinstance(names[name], type) for kind in names[name].__mro__}
    for kind in filter(is_own, classes):
        functions = [name for name, value in vars(kind).items() if _is_function(value)]
        yield from _getter(vars(kind), functions or ["__module__"])  # one without any may be given one


def _getter(names: Names, wanted: list[str]) -> Iterator[LookedUp]:
    if wanted:
        get = itemgetter(*wanted, wanted[0])  # of two at least, or it would give no tuple
        yield get, names, get(names), len(names)


def _is_function(value: Any) -> bool:
    return callable(value) or isinstance(value, (staticmethod, classmethod, property))


def _is_foreign(value: Any) -> bool:
    """Whether a function or a class in the package's place is another program's, which may look at anything."""
    value = getattr(value, "__func__", getattr(value, "fget", value))
    if isinstance(value, FunctionType):
        program = _program(value.__globals__.get("__name__"))
    else:
        program = _program(value.__module__ if isinstance(value, type) else type(value).__module__)
    return program not in KNOWN and not program.startswith("namedtuple_")


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
