"""The pickle machine: it gives what Python's own gives, knows every opcode, and stops at its limits."""

import pickle
import pickletools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_programs import call, name, number, text

from npconformer.checkpoints import restricted_pickle
from npconformer.checkpoints.pickle_values import REFUSED, VALUES
from npconformer.checkpoints.restricted_pickle import ACTIONS, Global, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=5)
    ),
    max_leaves=20,
)


def read(program, **more):
    return read_pickle(memoryview(program), **more)[0]


@settings(deadline=None)
@given(value=PLAIN, protocol=st.integers(1, 5))
def test_plain_values_as_python_reads_them(value, protocol):
    program = pickle.dumps(value, protocol)
    again, end = read_pickle(memoryview(program + b"more"))
    assert end == len(program) and repr(again) == repr(value)


def test_what_is_used_twice_is_one_object():
    shared = ["x"]
    shared.append(shared)  # which holds itself
    again = read(pickle.dumps({"a": shared, "b": shared}, 2))
    assert again["a"] is again["b"] is again["a"][1]


def test_python_2_wrote_strings_and_numbers_in_other_ways():
    assert read(b"}U\x01aT\x01\x00\x00\x00bs.") == {"a": "b"}
    assert read(b"(I01\nI00\nL12L\nF1.5\nlp3\n0g3\n.") == [True, False, 12, 1.5]
    assert read(b"(U\x01aK\x01d.") == {"a": 1}


def test_every_opcode_is_known():
    known = {**{code: entry[0] for code, entry in (VALUES | ACTIONS).items()}, **REFUSED, b".": "STOP"}
    assert known == {opcode.code.encode("latin-1"): opcode.name for opcode in pickletools.opcodes}
    assert len(VALUES) + len(ACTIONS) + len(REFUSED) + 1 == len(pickletools.opcodes) == 68


@pytest.mark.parametrize("code", REFUSED)
def test_refused_opcodes_are_named(code):
    with pytest.raises(ValueError, match=f"its pickle has the opcode {REFUSED[code]}, which weights do not need"):
        read(b"(" + code + b"x" * 30)


@pytest.mark.parametrize("code", sorted({bytes([i]) for i in range(256)} - {*VALUES, *ACTIONS, *REFUSED, b"."}))
def test_other_bytes_are_no_opcodes(code):
    with pytest.raises(ValueError, match="where an opcode should be"):
        read(code + b"K\x01.")


@pytest.mark.parametrize("protocol", [1, 2, 4])
def test_every_truncation_is_found(protocol):
    value = {"a": [1, 2.5, "text", 2**40, None, (1, 2, 3, 4)], "b": {"c": True}}
    program = pickle.dumps(value, protocol)
    for size in range(len(program)):
        with pytest.raises(ValueError, match="its pickle"):
            read(program[:size])
        with pytest.raises(ValueError, match="its pickle"):
            read_pickle(memoryview(program), 0, size)


def test_globals_are_names():
    program = call(name("a.b", "c"), number(1), name("d", "e")) + b"."
    assert read(program, allowed={"a.b.c": list, "d.e": None}) == [1, Global("d.e")]
    with pytest.raises(ValueError, match=r"asks for 'a\.b\.c', which weights do not need.*Expected only plain values"):
        read(program)
    with pytest.raises(ValueError, match=r"asks for 'd\.e'.*Expected only a\.b\.c and names of dtypes"):
        read(program, allowed={"a.b.c": list})
    with pytest.raises(ValueError, match=r"its pickle calls a\.b\.c, which is only a name here"):
        read(program, allowed={"a.b.c": None, "d.e": None})


MISUSE = {
    "nothing": (b".", "takes more from the stack than it has put there"),
    "two values": (b"NN.", "leaves 1 values on the stack"),
    "an open mark": (b"N(.", "takes more from the stack"),
    "no mark": (b"t.", "up to a mark that it has not set"),
    "below a mark": (b"N(0.", "takes more from the stack"),
    "tuple below a mark": (b"NN(\x86.", "takes more from the stack"),
    "append to a number": (b"K\x01K\x02a.", "APPEND without a list"),
    "append to nothing": (b"Na.", "APPEND without a list"),
    "append below a mark": (b"](Na.", "APPEND without a list"),
    "extend a tuple": (b")(Ne.", "APPENDS without a list"),
    "item in a list": (b"]NNs.", "SETITEM without a dict"),
    "items in a global": (b"N(NNu.", "SETITEMS without a dict"),
    "key without value": (b"}(Nu.", "a key without a value"),
    "odd dict": (b"(NNNd.", "a key without a value"),
    "list as key": (b"}]Ns.", "a dictionary with a list as key"),
    "tuple as key": (b"})Ns.", "a dictionary with a tuple as key"),
    "key twice": (b"}(K\x01NK\x01Nu.", "sets '1' twice in one dictionary"),
    "true and 1": (b"}(K\x01N\x88Nu.", "twice in one dictionary"),
    "memo empty": (b"h\x00.", "the memo's place 0, where nothing is"),
    "memo twice": (b"Nq\x01q\x01.", "two things in the memo's place 1"),
    "memo negative": (b"Np-1\n.", "asks for the memo's place -1"),
    "memo of nothing": (b"q\x00.", "takes more from the stack"),
    "call a number": (b"K\x01)R.", "calls a int with a tuple"),
    "call a string": (text("os.system") + b")R.", "calls a str with a tuple"),
    "build a number": (b"K\x01}b.", "BUILD without a dict"),
    "build a dict of a list": (b"}]b.", "gives a dictionary a list as its state"),
    "stack global of numbers": (b"K\x01K\x02\x93.", "whose name is no string"),
    "persistent": (b"NQ.", "refers to something outside of it"),
    "protocol": (b"\x80\x06N.", "is of protocol 6"),
    "frame": (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.", "cut short: a frame has"),
    "not utf-8": (b"U\x02\xff\xfe.", "a string that is not UTF-8"),
    "surrogate": (b"X\x03\x00\x00\x00\xed\xa0\x80.", "a string that is not UTF-8"),
    "no integer": (b"Ix\n.", "has 'x' for an integer"),
    "other digits": ("I\u0661\n.".encode(), "for an integer"),
    "no float": (b"Fx\n.", "has 'x' for a number"),
    "line without end": (b"I" + b"1" * 10_000, "a line that does not end"),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse(case):
    program, message = MISUSE[case]
    with pytest.raises(ValueError, match=message):
        read(program)


ENDLESS = {
    "opcodes": (b"N0" * 1_000_001, "more than 2000000 opcodes"),
    "stack": (b"N" * 200_000, "a stack of more than 100000 values"),
    "marks": (b"(" * 2_000, "more than 1000 marks within one another"),
    "memo": (b"N" + b"\x94" * 600_000, "at most 500000 in use"),
    "string": (b"X\xff\xff\xff\xff", "a string of 4294967295 bytes; expected at most"),
    "long string": (b"\x8d" + b"\xff" * 8, "a string of 18446744073709551615 bytes"),
    "integer": (b"\x8b\xff\xff\xff\x7f", "an integer of 2147483647 bytes"),
    "negative length": (b"\x8b\xff\xff\xff\xff", "an integer of 4294967295 bytes"),
    "digits": (b"I" + b"9" * 300 + b"\n.", "for an integer"),
    "short of a string": (b"X\xff\xff\x00\x00abc", "cut short: a string has 65535 bytes, 3 are left"),
    "duplicates": (b"N" + b"2" * 200_000, "a stack of more than"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_limits(case):
    program, message = ENDLESS[case]
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        read(program)
    assert time.perf_counter() - start < 10  # 1 s on an idle machine


def test_depth_costs_nothing():
    value = read(b")" + b"\x85" * 300_000 + b".")
    depth = 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 300_000
    with pytest.raises(ValueError, match="a tuple as key"):  # whose hash would go down all the way
        read(b"})" + b"\x85" * 300_000 + b"Ns.")


def test_doubling_costs_nothing():
    value = read(b")" + b"2\x86" * 1_000 + b".")  # 2^1000 leaves, if anyone counted
    assert value[0] is value[1]


def test_a_pickle_is_not_read_beyond_its_limit(monkeypatch):
    monkeypatch.setattr(restricted_pickle, "LONGEST_PICKLE", 10)
    with pytest.raises(ValueError, match="cut short"):
        read(b"N0" * 20 + b"N.")


@settings(max_examples=500, deadline=None)
@given(program=st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_value_error(program):
    try:
        read(program, allowed={"a.b": lambda arguments: arguments})
    except ValueError:
        pass
