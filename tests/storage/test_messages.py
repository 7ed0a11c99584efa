"""What a file says, in messages: short, and nothing that a terminal would take for a command."""

import pytest

from npconformer.storage.messages import for_a_terminal, one_line, printable, shown

CYCLE = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "7"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ("\ud800é", r"'\ud800é'"),
        ("a" * 200, "'" + "a" * 99 + "..."),
        (["a" * 200], "['" + "a" * 98 + "..."),
        ([1] * 101, "a list of 101"),
        (dict.fromkeys(range(5000)), "an object of 5000"),
        (CYCLE, "[[...]]"),
    ],
)
def test_shown(value, expected):
    assert shown(value) == expected


def test_what_has_no_repr():
    assert shown(10**9000) == "an int too large to show"


def test_megabytes_take_no_time():
    assert len(shown("\x00" * 50_000_000)) < 110


def test_printable():
    assert printable("a\x1b]0;x\x07b\r\n\tc\u202e é") == "a\\x1b]0;x\\x07b\\r\n\\tc\\u202e é"


def test_one_line():
    text = "a\nb\tc\x1b[2J\x9b2J\x7f\u2028\u202e \u200d\u200fé\\n \ud7ff\udce9"
    assert one_line(text) == r"a\nb\tc\x1b[2J\x9b2J\x7f\u2028\u202e " + "\u200d\u200fé\\n \ud7ff\udce9"
    assert for_a_terminal("a\n\tb\r\x1b\udc9b\u2067é") == "a\n\tb" + r"\r\x1b\udc9b\u2067" + "é"
