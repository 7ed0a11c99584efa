"""Texts in the letters of a vocabulary."""

import pytest

from npconformer import Wav2Vec2CTCTokenizer
from npconformer.data.spelling import spell, unknown_letters


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
