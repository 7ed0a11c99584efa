"""Word and character error rates over a corpus."""

import numpy as np
import pytest

from npconformer.metrics import (
    Edits,
    TextErrors,
    bootstrap_interval,
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


def naive_distance(a, b):
    """The fewest edits, by the plain table."""
    table = [[max(i, j) if 0 in (i, j) else None for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i, x in enumerate(a, start=1):
        for j, y in enumerate(b, start=1):
            table[i][j] = min(table[i - 1][j - 1] + (x != y), table[i - 1][j] + 1, table[i][j - 1] + 1)
    return table[-1][-1]


def test_transcripts_one_by_one():
    """Random texts, beside loops over them."""
    random, errors = np.random.default_rng(0), TextErrors()
    wrong, words, wrong_letters, letters = [], [], [], []
    for _ in range(30):
        said, cut = random.choice(["A", "BC", "DDE"], size=random.integers(2, 6)), random.integers(3)
        reference, hypothesis = " ".join(said), " ".join([*said[cut:], *random.choice(["A", "F"], size=cut // 2)])
        edits = errors.add(reference, hypothesis)
        wrong.append(naive_distance(reference.split(), hypothesis.split()))
        words.append(len(reference.split()))
        wrong_letters.append(naive_distance(reference, hypothesis))
        letters.append(len(reference))
        assert (edits.words.errors, edits.characters.errors) == (wrong[-1], wrong_letters[-1])
    assert 0 < errors.without_error == wrong.count(0) < 30
    assert errors.words.rate == pytest.approx(sum(wrong) / sum(words))
    assert errors.characters.rate == pytest.approx(sum(wrong_letters) / sum(letters))
    assert errors.word_interval() == bootstrap_interval(wrong, words)
    assert errors.character_interval() == bootstrap_interval(wrong_letters, letters)
    assert errors.word_interval() != errors.character_interval()


def test_no_transcripts():
    assert TextErrors().words == TextErrors().characters == Edits()
    with pytest.raises(ValueError, match="nothing"):
        TextErrors().word_interval()
