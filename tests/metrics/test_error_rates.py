"""Word and character error rates over a corpus."""

import pytest

from npconformer.metrics import (
    Edits,
    character_edits,
    character_error_rate,
    word_edits,
    word_error_rate,
)


def test_word_errors_are_added_before_they_are_divided():
    edits = word_error_rate(["A B C D", "E"], ["A X C", "E"])
    assert edits == Edits(1, 1, 0, 5)
    assert edits.rate == pytest.approx(0.4)  # the mean of the two recordings' rates would be 0.25


def test_white_space_separates_words_and_counts_once():
    assert word_edits("  TWO \t FIVE\n", "TWO FIVE").errors == 0
    assert character_edits(" TWO   FIVE ", "TWO FIVE") == Edits(0, 0, 0, 8)
    assert character_edits("TWO FIVE", "TWOFIVE") == Edits(0, 1, 0, 8)


def test_case_counts():
    assert word_edits("Two", "TWO") == Edits(1, 0, 0, 1)


def test_character_error_rate():
    assert character_error_rate(["SEVEN", "ONE"], ["SEVN", "ONES"]).rate == pytest.approx(2 / 8)


def test_texts_must_be_paired():
    with pytest.raises(ValueError, match="2 references and 1 hypotheses"):
        word_error_rate(["A", "B"], ["A"])
    with pytest.raises(ValueError, match="references must be a list"):
        word_error_rate("A", ["A"])
