"""Tables as text, Markdown and CSV."""

import csv

import pytest

from benchmarks.table import Table, as_csv, markdown, plain, text
from benchmarks.timing import Spread


@pytest.fixture
def table():
    table = Table("Forward", "Seconds.")
    table.add({"case": "base, 1 s", "ours s": Spread(0.5, 0.45, 0.6), "rounds": 7})
    table.add({"case": "large", "ours s": Spread(12.0, 12.0, 12.0), "rounds": 3, "difference": 2e-6})
    return table


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0.0, "0"),
        (1234.5, "1,234"),
        (12.345, "12.3"),
        (1.2345, "1.23"),
        (0.012345, "0.0123"),
        (0.0012345, "0.0012"),
        (4.2e-6, "4.2e-06"),
        (2480, "2,480"),
        ("sdpa", "sdpa"),
        (Spread(0.5, 0.45, 0.6), "0.500 (0.450–0.600)"),
        (Spread(99.6, 95.0, 101.0), "99.6 (95.0–101.0)"),
        (Spread(2.0, 2.0, 2.0), "2.00"),
    ],
)
def test_values_as_text(value, expected):
    assert text(value) == expected


def test_plain_columns_are_aligned(table):
    title, note, empty, *rows = plain(table).split("\n")
    assert (title, note, empty) == ("Forward", "Seconds.", "")
    assert rows == [
        "case                    ours s  rounds  difference",
        "---------  -------------------  ------  ----------",
        "base, 1 s  0.500 (0.450–0.600)       7           –",
        "large                     12.0       3     2.0e-06",
    ]


def test_markdown_is_aligned_in_its_source(table):
    table.add({"case": "a|b", "ours s": None, "rounds": 1})
    lines = markdown(table).split("\n")
    assert lines[:4] == ["## Forward", "", "Seconds.", ""]
    assert lines[5] == "|:----------|--------------------:|-------:|-----------:|"
    assert lines[6] == "| base, 1 s | 0.500 (0.450–0.600) |      7 |          – |"
    assert lines[8].startswith("| a\\|b ")
    assert len({len(line) for line in lines[4:]}) == 1


def test_csv_has_a_line_for_each_value(table):
    rows = list(csv.DictReader(as_csv([table]).splitlines()))
    assert rows[0] == {"table": "Forward", "row": "base, 1 s", "quantity": "ours s", "value": "0.5"}
    assert [row["quantity"] for row in rows[:4]] == [
        "ours s",
        "ours s, lower quartile",
        "ours s, upper quartile",
        "rounds",
    ]
    assert rows[-1]["quantity"] == "difference" and float(rows[-1]["value"]) == 2e-6
    assert len(rows) == 4 + 5
