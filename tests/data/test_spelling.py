"""Texts in the letters of a vocabulary."""

import pytest

from npconformer import Wav2Vec2CTCTokenizer
from npconformer.data.spelling import case_of, in_known_letters, spell, unknown_letters


def tokenizer(letters, **settings):
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    return Wav2Vec2CTCTokenizer({token: i for i, token in enumerate(tokens)}, **settings)


@pytest.mark.parametrize(
    ("letters", "text", "expected"),
    [
        ("ABCDEFO'", " Two\n  o'clock ", "TWO O'CLOCK"),
        ("abcdefo'", "Two o'Clock", "two o'clock"),
        ("abcABC", "Two", "Two"),
        ("123", "Two", "Two"),
        ("אבג", "אב", "אב"),
    ],
)
def test_the_case_of_the_vocabulary(letters, text, expected):
    assert spell(text, tokenizer(letters)) == expected


def test_a_tokenizer_that_lowers_answers_in_lower_case():
    lowering = tokenizer("ABC", do_lower_case=True)
    assert spell("Ab C", lowering) == "ab c"
    assert unknown_letters("ab c", lowering) == []
    assert lowering.decode(lowering("ab c").input_ids, group_tokens=False) == "ab c"


def test_unknown_letters_come_once_and_in_order():
    assert unknown_letters("A-B-É", tokenizer("AB")) == ["-", "É"]
    assert unknown_letters("A B", tokenizer("AB")) == []
    assert unknown_letters("A B", tokenizer("AB", word_delimiter_token=None)) == [" "]


@pytest.mark.parametrize(
    ("letters", "expected"), [("AB'", "upper"), ("ab", "lower"), ("aB", None), ("12", None), ("אב", None)]
)
def test_case(letters, expected):
    assert case_of(tokenizer(letters)) == expected


def test_case_of_a_tokenizer_that_lowers():
    assert case_of(tokenizer("AB", do_lower_case=True)) == "lower"


@pytest.mark.parametrize(
    ("letters", "text", "expected"),
    [
        ("ACEF", "CAFÉ", "CAFE"),
        ("ACFÉ", "CAFÉ", "CAFÉ"),
        ("ACFÉ", "CAFE\u0301", "CAFÉ"),  # a letter and its mark are one letter
        ("ACEF", "CAFE\u0301", "CAFE"),
        ("ACF", "CAFÉ", "CAF"),
        ("DONT'", "DON\u2019T", "DON'T"),
        ("DONT", "DON\u2019T", "DON T"),
        ("EFINTVWY", "TWENTY-FIVE", "TWENTY FIVE"),
        ("EFINTVWY", "FIVE, 7 - TEN", "FIVE TEN"),
        ("AB", "\uff21\ufb00B", "AB"),  # a wide A; a ligature of letters that are unknown
        ("AB", "一二", ""),
        ("AB", "", ""),
    ],
)
def test_only_known_letters(letters, text, expected):
    known = in_known_letters(text, tokenizer(letters))
    assert known == expected
    assert unknown_letters(known, tokenizer(letters)) == []
