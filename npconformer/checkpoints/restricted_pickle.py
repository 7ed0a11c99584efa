"""Reading a pickle without running it.

A pickle is Python's own way of writing objects to a file, and torch's way of writing a state dict. It looks like data
and is a program, for a machine with a stack, a memo (numbered places to keep things) and 68 opcodes of one byte each.
The dictionary {"bias": 7} is the program

    }             push an empty dictionary
    X 4 "bias"    push a string
    K 7           push a number
    s             take the two off the stack and set them in the dictionary below
    .             stop: what is left is the result

Two opcodes make it dangerous. GLOBAL (`c`) names anything that Python can import, imports it and pushes it; REDUCE
(`R`) takes what was pushed and a tuple off the stack, and *calls* it. That is how an OrderedDict or a tensor is made,
and it is also how a file that is named pytorch_model.bin runs a command when someone loads it:

    c "os" "system"      push os.system
    X 8 "rm -rf ~"       push a string
    \\x85                 put it in a tuple
    R                    call

Here nothing is imported. GLOBAL looks its name up in a list that the caller gives; a name that is not there is an
error, so that the program ends before anything is made. What it pushes is a `Global`, an inert name, and REDUCE hands
the tuple to this package's own function for that name. No other opcode calls anything, and every opcode of protocols 0
to 5 either does what is written below or in `pickle_values`, or is refused by name.

A program can also be a burden by its size alone: limits hold its opcodes, its stack, its strings and its integers.
Nothing here recurses, so depth costs nothing. Reading a value must not recurse either, because a list can hold itself.

Source: `pickletools` in Python's library; "Sour Pickles" (Slaviero, Black Hat USA 2011) for what can be done.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from npconformer.checkpoints.pickle_values import REFUSED, VALUES, PickleReader, read_decimal

LONGEST_PICKLE = 2**25  # bytes; a model of a thousand tensors has about 100,000
MOST_OPCODES = 2_000_000  # a tensor takes about 30
DEEPEST_STACK = 100_000
MOST_MARKS = 1_000
MOST_MEMOS = 500_000
NEWEST_PROTOCOL = 5
KEY_TYPES = (str, int, float, bool, type(None))  # hashing a tuple would go down into it


@dataclass(frozen=True)
class Global:
    """The name of something in Python, such as "collections.OrderedDict", and not the thing itself."""

    name: str


Build = Callable[[tuple], Any]  # called with the tuple of arguments from the pickle; raises ValueError


def read_pickle(
    data: memoryview,
    position: int = 0,
    end: int | None = None,
    allowed: Mapping[str, Build | None] | None = None,
    load_persistent: Callable[[Any], Any] | None = None,
    machine: type[PickleMachine] | None = None,
) -> tuple[Any, int]:
    """The value of a pickle, and where it ends.

    Args:
        data: the bytes.
        position, end: where in them the pickle begins, and what it must not read beyond.
        allowed: the names it may use, each with the function that makes the object; None for a name that may be
            passed on and not called. Without it, no names.
        load_persistent: what makes an object of a persistent id: something that the pickle only refers to. Without it,
            no persistent ids.
        machine: another machine than `PickleMachine`, which says what else it takes.

    Returns:
        None, booleans, numbers, strings, tuples, lists, dictionaries, `Global`, and what the two functions return.

    Raises:
        ValueError: the pickle is cut short, no pickle, too large, or asks for anything else; nothing was run.
    """
    end = len(data) if end is None else end
    reader = PickleReader(data, position, min(end, position + LONGEST_PICKLE))
    return (machine or PickleMachine)(reader, allowed or {}, load_persistent).run(), reader.position


class PickleMachine:
    """The stack machine. One method for each opcode that acts; `ACTIONS` below says which."""

    actions: ClassVar[dict[bytes, tuple[str, Callable[[Any], Any]]]]

    def __init__(
        self, reader: PickleReader, allowed: Mapping[str, Build | None], load_persistent: Callable[[Any], Any] | None
    ) -> None:
        self.reader, self.allowed, self.load_persistent = reader, allowed, load_persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []  # how high the stack was at each MARK
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MOST_OPCODES):
            opcode = self.reader.take(1, "the next opcode")
            if opcode in VALUES:
                self.stack.append(VALUES[opcode][1](self.reader))
            elif opcode in self.actions:
                self.actions[opcode][1](self)
            elif opcode == b".":
                return self.stop()
            elif opcode in REFUSED:
                raise ValueError(f"its pickle has the opcode {REFUSED[opcode]}, which weights do not need")
            else:
                raise ValueError(f"its pickle has {opcode!r} where an opcode should be")
            if len(self.stack) > DEEPEST_STACK:
                raise ValueError(f"its pickle needs a stack of more than {DEEPEST_STACK} values")
        raise ValueError(f"its pickle has more than {MOST_OPCODES} opcodes")

    def stop(self) -> Any:
        value = self.pop()
        if self.stack or self.marks:
            raise ValueError(f"its pickle leaves {len(self.stack)} values on the stack; expected none")
        return value

    # ---- the stack, the marks and the memo ----

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("its pickle takes more from the stack than it has put there")
        return self.stack.pop()

    def top(self, kind: type, opcode: str) -> Any:
        """The value on the stack's top, which stays there."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0) or type(self.stack[-1]) is not kind:
            raise ValueError(f"its pickle has the opcode {opcode} without a {kind.__name__} on the stack")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        """Everything above the last mark."""
        if not self.marks:
            raise ValueError("its pickle takes values up to a mark that it has not set")
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def mark(self) -> None:
        if len(self.marks) >= MOST_MARKS:
            raise ValueError(f"its pickle sets more than {MOST_MARKS} marks within one another")
        self.marks.append(len(self.stack))

    def duplicate(self) -> None:
        value = self.pop()
        self.stack += [value, value]

    def put(self, index: int) -> None:
        value = self.pop()
        if index in self.memo:
            raise ValueError(f"its pickle keeps two things in the memo's place {index}")
        if index < 0 or len(self.memo) >= MOST_MEMOS:
            raise ValueError(f"its pickle asks for the memo's place {index}; expected at most {MOST_MEMOS} in use")
        self.memo[index] = value
        self.stack.append(value)

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError(f"its pickle asks for the memo's place {index}, where nothing is")
        self.stack.append(self.memo[index])

    # ---- tuples, lists and dictionaries ----

    def make_tuple(self, size: int) -> None:
        self.stack.append(tuple([self.pop() for _ in range(size)][::-1]))

    def append(self) -> None:
        item = self.pop()
        self.top(list, "APPEND").append(item)

    def extend(self) -> None:
        items = self.pop_mark()
        self.top(list, "APPENDS").extend(items)

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items_in(self.top(dict, "SETITEM"), [key, value])

    def set_items(self) -> None:
        items = self.pop_mark()
        self.set_items_in(self.top(dict, "SETITEMS"), items)

    def make_dict(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self.set_items_in(self.stack[-1], items)

    @staticmethod
    def set_items_in(target: dict, items: list[Any]) -> None:
        if len(items) % 2:
            raise ValueError("its pickle has a key without a value")
        for key, value in zip(items[::2], items[1::2]):
            if type(key) not in KEY_TYPES:
                raise ValueError(f"its pickle has a dictionary with a {type(key).__name__} as key; expected strings")
            if key in target:
                raise ValueError(f"its pickle sets {str(key)[:80]!r} twice in one dictionary")
            target[key] = value

    # ---- what makes objects ----

    def push_global(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self.allowed:
            raise ValueError(
                f"its pickle asks for {full[:80]!r}, which weights do not need. Loading such a file otherwise "
                f"may run a program; nothing was run here. Expected only {self.allowed_in_words()}"
            )
        self.stack.append(Global(full))

    def allowed_in_words(self) -> str:
        names = sorted(name for name, build in self.allowed.items() if build is not None)
        return f"{', '.join(names)} and names of dtypes" if names else "plain values"

    def push_stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if type(module) is not str or type(name) is not str:
            raise ValueError("its pickle asks for a global whose name is no string")
        self.push_global(module, name)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(function) is not Global or type(arguments) is not tuple:
            kinds = f"{type(function).__name__} with a {type(arguments).__name__}"
            raise ValueError(f"its pickle calls a {kinds}; expected an allowed global with a tuple")
        build = self.allowed[function.name]
        if build is None:
            raise ValueError(f"its pickle calls {function.name}, which is only a name here")
        self.stack.append(build(arguments))

    def build(self) -> None:
        """An OrderedDict's attributes, such as a state dict's `_metadata` with versions of modules: left out."""
        state = self.pop()
        self.top(dict, "BUILD")
        if type(state) is not dict:
            raise ValueError(f"its pickle gives a dictionary a {type(state).__name__} as its state; expected a dict")

    def push_persistent(self) -> None:
        if self.load_persistent is None:
            raise ValueError("its pickle refers to something outside of it by the opcode BINPERSID")
        self.stack.append(self.load_persistent(self.pop()))

    # ---- what frames a pickle ----

    def protocol(self) -> None:
        version = self.reader.unsigned(1)
        if version > NEWEST_PROTOCOL:
            raise ValueError(f"its pickle is of protocol {version}; expected at most {NEWEST_PROTOCOL}")

    def frame(self) -> None:
        length = self.reader.unsigned(8)
        if length > self.reader.end - self.reader.position:
            raise ValueError(f"its pickle is cut short: a frame has {length} bytes, more than are left")


# Opcode: its name in pickletools, and what it does.
ACTIONS: dict[bytes, tuple[str, Callable[[PickleMachine], Any]]] = {
    b"\x80": ("PROTO", PickleMachine.protocol),
    b"\x95": ("FRAME", PickleMachine.frame),
    b"(": ("MARK", PickleMachine.mark),
    b"0": ("POP", PickleMachine.pop),
    b"1": ("POP_MARK", PickleMachine.pop_mark),
    b"2": ("DUP", PickleMachine.duplicate),
    b"p": ("PUT", lambda machine: machine.put(read_decimal(machine.reader))),
    b"q": ("BINPUT", lambda machine: machine.put(machine.reader.unsigned(1))),
    b"r": ("LONG_BINPUT", lambda machine: machine.put(machine.reader.unsigned(4))),
    b"\x94": ("MEMOIZE", lambda machine: machine.put(len(machine.memo))),
    b"g": ("GET", lambda machine: machine.get(read_decimal(machine.reader))),
    b"h": ("BINGET", lambda machine: machine.get(machine.reader.unsigned(1))),
    b"j": ("LONG_BINGET", lambda machine: machine.get(machine.reader.unsigned(4))),
    b"t": ("TUPLE", lambda machine: machine.stack.append(tuple(machine.pop_mark()))),
    b"\x85": ("TUPLE1", lambda machine: machine.make_tuple(1)),
    b"\x86": ("TUPLE2", lambda machine: machine.make_tuple(2)),
    b"\x87": ("TUPLE3", lambda machine: machine.make_tuple(3)),
    b"l": ("LIST", lambda machine: machine.stack.append(machine.pop_mark())),
    b"a": ("APPEND", PickleMachine.append),
    b"e": ("APPENDS", PickleMachine.extend),
    b"d": ("DICT", PickleMachine.make_dict),
    b"s": ("SETITEM", PickleMachine.set_item),
    b"u": ("SETITEMS", PickleMachine.set_items),
    b"c": ("GLOBAL", lambda machine: machine.push_global(machine.reader.line(), machine.reader.line())),
    b"\x93": ("STACK_GLOBAL", PickleMachine.push_stack_global),
    b"R": ("REDUCE", lambda machine: machine.reduce()),
    b"b": ("BUILD", lambda machine: machine.build()),
    b"Q": ("BINPERSID", PickleMachine.push_persistent),
}
PickleMachine.actions = ACTIONS
