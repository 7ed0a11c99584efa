"""TextGrid and CTM, read back: by an independent parser, and by the formats' definitions."""

import io

import pytest

from npconformer.text.ctm import to_ctm
from npconformer.text.textgrid import to_textgrid


def test_an_independent_parser_reads_a_textgrid(tmp_path):
    textgrid = pytest.importorskip("textgrid")
    words = [(0.5, 0.75, 'say "yes"'), (0.75, 1.0, "é\\n"), (1.25, 9.0, "late")]
    path = tmp_path / "a.TextGrid"
    path.write_text(to_textgrid({"words": words, "none": []}, 2.0), encoding="utf-8")
    grid = textgrid.TextGrid.fromFile(str(path))
    assert (grid.minTime, grid.maxTime) == (0, 2) and [tier.name for tier in grid.tiers] == ["words", "none"]
    read = [(one.minTime, one.maxTime, one.mark.replace('""', '"')) for one in grid.tiers[0]]
    said = [(0.5, 0.75, 'say "yes"'), (0.75, 1.0, "é\\n"), (1.0, 1.25, ""), (1.25, 2.0, "late")]
    assert read == [(0.0, 0.5, ""), *said]
    assert [(one.minTime, one.maxTime, one.mark) for one in grid.tiers[1]] == [(0.0, 2.0, "")]


def test_intervals_of_a_textgrid_never_overlap():
    text = to_textgrid({"w": [(0, 1, "a"), (0.5, 2, "b"), (1, 1.5, "c")]}, 2.0)
    assert '"say ""yes"""' in to_textgrid({"w": [(0, 1, 'say "yes"')]}, 1.0)
    assert "intervals: size = 2" in text and '"c"' not in text
    assert text.count("xmin = 1.000000") == 1
    with pytest.raises(ValueError, match="the start before the end, got 2 and 1"):
        to_textgrid({"w": [(2, 1, "a")]}, 2.0)
    with pytest.raises(ValueError, match="duration: expected seconds above 0, got 0"):
        to_textgrid({}, 0)


def test_ctm():
    text = to_ctm([("a", 0.5, 0.75, 0.25), ("two words", 1, 2, None)], ";;my talk")
    rows = [line.split(" ") for line in io.StringIO(text).read().splitlines()]
    assert rows == [["__my_talk", "1", "0.500", "0.250", "a", "0.2500"],
                    ["__my_talk", "1", "1.000", "1.000", "two_words"]]  # fmt: skip
