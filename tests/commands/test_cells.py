"""Cells that a spreadsheet would run."""

import csv
import io

import pytest

from npconformer.commands.cells import csv_lines, safe_cell


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+SUM(A1)", "-2+3", "@import", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_formulas_are_text(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("value", ["", "-", "=", "a=b", "-1.5", "+3e2", "two - three", " yes", -1, 2.5, None, "'=1"])
def test_all_else_stays(value):
    assert safe_cell(value) is value


def test_lines():
    text = csv_lines([["=a", 'b "c",\nd', -0.5], ["x", "", 1]])
    assert text == '\'=a,"b ""c"",\nd",-0.5\nx,,1\n'
    assert list(csv.reader(io.StringIO(text))) == [["'=a", 'b "c",\nd', "-0.5"], ["x", "", "1"]]
