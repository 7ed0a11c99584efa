"""Texts without punctuation."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.metrics.text_normalization import without_punctuation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u201cTwenty-five,\u201d he said:\tdon\u2019t!", "Twenty five he said don't"),
        ("'tis the dogs' o'clock '90", "tis the dogs o'clock 90"),
        ("3.5 % of $7", "3 5 of 7"),
        ("¿Qué? «Ça va» — naïve…", "Qué Ça va naïve"),
        ("\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u4f60\u597d \u4e16\u754c"),
        ("a\u0301\u200db", "a\u0301\u200db"),
        ("...", ""),
        ("", ""),
    ],
)
def test_punctuation_and_symbols_are_spaces(text, expected):
    assert without_punctuation(text) == expected


@given(st.text(max_size=40))
def test_what_is_left_has_none_and_stays_so(text):
    once = without_punctuation(text)
    assert without_punctuation(once) == once
    assert not {c for c in once if unicodedata.category(c)[0] in "PS"} - {"'"}
    assert once.split() == [word for word in once.split(" ") if word]
