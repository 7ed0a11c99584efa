"""The pickles of fairseq's checkpoints: tensors beside objects of its configuration, which become inert records.

fairseq saves how a model was trained beside its weights, as objects: an argparse.Namespace, omegaconf's DictConfig with
its nodes, enumerations and a Dictionary of its own, NumPy's scalars. A pickle makes such an object by naming its class
(GLOBAL), by asking for a new one with some arguments (NEWOBJ, or REDUCE as for any call) and by giving it its
attributes (BUILD). Here the class stays a name; a `Record` takes the place of the object and keeps what it was given:

    c "argparse" "Namespace"    )    \\x81          Record("argparse.Namespace", ())
    } ... u                          b             its state is the dictionary

No class is imported, nothing of theirs is called, and every other name is refused as in `restricted_pickle`, so that
such a file can do no more than that of a state dict. Only what converts these files reads them so.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from npconformer.checkpoints.restricted_pickle import ACTIONS, Global, PickleMachine

# Packages all of whose names may become records, and single names that may.
RECORD_PACKAGES = ("omegaconf.", "fairseq.")
RECORD_NAMES = frozenset(
    """argparse.Namespace
    numpy.core.multiarray.scalar numpy._core.multiarray.scalar numpy.dtype _codecs.encode
    _operator.getitem operator.getitem types.GenericAlias""".split()
)
# Types that annotate the configuration's fields: names that may be passed on, and not called.
PYTHON_TYPES = "dict list tuple set int float str bool bytes object long unicode".split()  # the last of Python 2
TYPE_NAMES = frozenset(
    [f"typing.{name}" for name in "Any Dict List Tuple Union Optional".split()]
    + [f"{module}.{name}" for module in ("builtins", "__builtin__") for name in PYTHON_TYPES]
)


@dataclass(eq=False)
class Record:
    """An object that was not made: the name of its class or function, what it was called with, and its state."""

    name: str
    arguments: tuple
    state: Any = None


class RecordMachine(PickleMachine):
    """The machine of `restricted_pickle`, with records for the objects of fairseq's configuration."""

    def push_global(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if is_record(full) or full in TYPE_NAMES or full == "collections.defaultdict":
            self.stack.append(Global(full))
        else:
            super().push_global(module, name)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(function) is Global and type(arguments) is tuple and function.name == "collections.defaultdict":
            self.stack.append({})  # of what is made for a missing key nothing is kept
        elif type(function) is Global and type(arguments) is tuple and is_record(function.name):
            self.stack.append(Record(function.name, arguments))
        elif type(function) is Global and function.name in TYPE_NAMES:
            raise ValueError(f"its pickle calls {function.name}, which is only a name here")
        else:
            self.stack += [function, arguments]
            super().reduce()

    def new_object(self) -> None:
        arguments, kind = self.pop(), self.pop()
        if type(kind) is not Global or not is_record(kind.name) or type(arguments) is not tuple:
            name = kind.name if type(kind) is Global else f"a {type(kind).__name__}"
            raise ValueError(f"its pickle makes an object of {name}; expected a class of fairseq's configuration")
        self.stack.append(Record(kind.name, arguments))

    def build(self) -> None:
        state = self.pop()
        target = self.pop()
        self.stack.append(target)
        if type(target) is not Record:
            self.stack.append(state)
            super().build()
        elif target.state is not None:
            raise ValueError(f"its pickle gives a {target.name[:80]} its state twice")
        else:
            target.state = state

    actions: ClassVar[dict[bytes, tuple[str, Callable[[Any], Any]]]] = {**ACTIONS, b"\x81": ("NEWOBJ", new_object)}


def is_record(name: str) -> bool:
    """Whether an object of that name may be in a file, as a record."""
    return name in RECORD_NAMES or name.startswith(RECORD_PACKAGES)
