"""What a file says, in messages: short, and nothing that a terminal would take for a command."""

import pytest

from npconformer.storage.messages import printable, shown

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
