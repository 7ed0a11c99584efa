"""Texts in the letters of a vocabulary, by the stated rule, one case for each part of it."""

import pytest

from npconformer.text import Wav2Vec2CTCTokenizer
from npconformer.text.known_text import read_known_text

VOCAB = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", "'", *"ABCDEFIORSTZ"])}


@pytest.fixture
def tokenizer():
    return Wav2Vec2CTCTokenizer(VOCAB)


def words(known):
    return [(word.text, None if word.tokens is None else "".join(word.tokens)) for word in known.words]


@pytest.mark.parametrize(
    ("text", "expected", "left_out"),
    [
        ("Cafe ACTS", [("Cafe", "CAFE"), ("ACTS", "ACTS")], {}),  # the other case
        ("café É", [("café", "CAFE"), ("É", "E")], {}),  # a plain form of it
        ("cafe\u0301", [("cafe\u0301", "CAFE")], {}),  # the same in two code points
        ("t\u0301a", [("t\u0301a", "TA")], {}),  # a mark that no letter with it has a code for
        ("it’s", [("it’s", "IT'S")], {}),
        ("ﬁrst daß", [("ﬁrst", "FIRST"), ("daß", "DASS")], {}),
        ("Cat, boat!", [("Cat,", "CAT"), ("boat!", "BOAT")], {",": 1, "!": 1}),
        ("xxact", [("xxact", "ACT")], {"x": 2}),
        ("at 1984 or", [("at", "AT"), ("1984", None), ("or", "OR")], {"1": 1, "9": 1, "8": 1, "4": 1}),
        ("at 1 * 9 or", [("at", "AT"), ("1 9", None), ("or", "OR")], {"1": 1, "9": 1}),
        ("at * * or", [("at", "AT"), ("*", None), ("or", "OR")], {}),
        ("at – or …", [("at –", "AT"), ("or …", "OR")], {"–": 1, "…": 1}),
        ("– at", [("at", "AT")], {"–": 1}),
        ("a|b <pad> <s>", [("a|b", "AB"), ("<pad>", "AD"), ("<s>", "S")], {"|": 1, "<": 2, "p": 1, ">": 2}),
        (" \n ", [], {}),
    ],
)
def test_the_rule(tokenizer, text, expected, left_out):
    known = read_known_text(text, tokenizer, fit=True)
    assert words(known) == expected
    assert known.left_out == left_out


def test_places_are_those_between_the_spaces(tokenizer):
    known = read_known_text("* 1 \n at – or * 2", tokenizer, fit=True)
    assert [(word.text, word.place) for word in known.words] == [("1", 1), ("at –", 2), ("or", 4), ("2", 6)]
    assert known.unspelled == ["1", "2"]


def test_without_fitting_letters_are_refused(tokenizer):
    with pytest.raises(ValueError, match=r"text: not in the vocabulary: 'c' 'é' \(with fit=True"):
        read_known_text("* cé * A", tokenizer)
    assert words(read_known_text("* A", tokenizer)) == [("*", None), ("A", "A")]
    with pytest.raises(ValueError, match="text: expected a string, got 3"):
        read_known_text(3, tokenizer)


def test_a_vocabulary_with_a_star_has_no_wildcard():
    tokenizer = Wav2Vec2CTCTokenizer({**VOCAB, "*": len(VOCAB)})
    assert words(read_known_text("* A", tokenizer)) == [("*", "*"), ("A", "A")]
