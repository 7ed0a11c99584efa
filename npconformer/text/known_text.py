"""A text that is known to be said, as the tokens of a vocabulary.

Words are what stands between spaces and line ends. A word `*` is a wildcard: speech that the text leaves out. Letters
that the vocabulary lacks are refused, or fitted to it (`fit`) by this rule:

    1. a letter in the other case, a plain form of it (é: e, ’: ', ﬁ: fi), or both, is taken where the vocabulary has
       that;
    2. any other is left out of the word, which is aligned by its other letters ("café!" by CAFE);
    3. a word of which nothing is left is aligned as a wildcard if it holds letters or digits, which are said ("1984");
       otherwise it goes with the word before it, because marks alone are not said ("yes – no").

Words keep the spelling that they came in.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from npconformer.storage.messages import shown

WILDCARD_WORD = "*"
PLAIN_FORMS = {"’": "'", "‘": "'", "ʼ": "'", "‐": "-", "‑": "-", "–": "-", "—": "-", "ß": "ss", "æ": "ae", "ø": "o"}


@dataclass
class KnownWord:
    """A word as it was spelled, and its tokens; None for what is not spelled in the vocabulary, a wildcard.

    place: which of the words between the text's spaces it is, or the first of these that it is.
    """

    text: str
    tokens: list[str] | None
    place: int


@dataclass(frozen=True)
class KnownText:
    """The words of a text, and the letters that the vocabulary lacks: how often each was left out."""

    words: list[KnownWord]
    left_out: dict[str, int]

    @property
    def unspelled(self) -> list[str]:
        """The words that are aligned as wildcards because none of their letters is known."""
        return [word.text for word in self.words if word.tokens is None and word.text != WILDCARD_WORD]


def read_known_text(text: str, tokenizer: Any, fit: bool = False) -> KnownText:
    """Words and their tokens.

    fit: letters that the vocabulary lacks are treated by the rule above; False refuses them with a ValueError.
    """
    if not isinstance(text, str):
        raise ValueError(f"text: expected a string, got {shown(text)}")
    vocabulary = tokenizer.get_vocab()
    wildcards = WILDCARD_WORD not in vocabulary
    special = {*tokenizer.all_special_tokens, tokenizer.word_delimiter_token}
    words: list[KnownWord] = []
    left_out: dict[str, int] = {}
    for place, word in enumerate(text.split()):
        if word == WILDCARD_WORD and wildcards:
            _add(words, KnownWord(word, None, place))
            continue
        tokens = tokenizer.tokenize_word(word, is_first=not words)
        strange = any(token not in vocabulary or (fit and token in special) for token in tokens)
        if strange and not fit:
            _refuse(text, tokenizer, vocabulary, wildcards)
        if strange:
            tokens, unknown = _fit(word, vocabulary.keys() - special)
            for letter in unknown:
                left_out[letter] = left_out.get(letter, 0) + 1
        if tokens:
            _add(words, KnownWord(word, tokens, place))
        elif any(letter.isalnum() for letter in word):
            _add(words, KnownWord(word, None, place))
        elif words and words[-1].text != WILDCARD_WORD:
            words[-1].text += f" {word}"
    return KnownText(words, left_out)


def _add(words: list[KnownWord], word: KnownWord) -> None:
    """Put a word behind the others; wildcards beside each other are one, which has the words that are spelled so."""
    if words and words[-1].tokens is None and word.tokens is None:
        texts = [one.text for one in (words[-1], word) if one.text != WILDCARD_WORD]
        if words[-1].text == WILDCARD_WORD:
            words[-1].place = word.place
        words[-1].text = " ".join(texts) or WILDCARD_WORD
    else:
        words.append(word)


def _fit(word: str, letters: set[str]) -> tuple[list[str], list[str]]:
    """The tokens of a word's letters that the vocabulary has in some form, and the letters that it has in none."""
    tokens: list[str] = []
    unknown: list[str] = []
    for letter in unicodedata.normalize("NFC", word):
        for form in _forms(letter):
            if letters.issuperset(form):
                tokens += form
                break
        else:
            if not unicodedata.combining(letter):
                unknown.append(letter)
    return tokens, unknown


def _forms(letter: str) -> Iterable[str]:
    """A letter, in both cases; and its plain form, in both cases."""
    plain = PLAIN_FORMS.get(letter) or PLAIN_FORMS.get(letter.lower()) or unicodedata.normalize("NFKD", letter)
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    for form in (letter, plain):
        if form:
            yield from (form, form.upper(), form.lower())


def _refuse(text: str, tokenizer: Any, vocabulary: dict[str, int], wildcards: bool) -> None:
    words = [word for word in text.split() if not (wildcards and word == WILDCARD_WORD)]
    unknown = [token for token in dict.fromkeys(tokenizer.tokenize("".join(words))) if token not in vocabulary]
    raise ValueError(
        f"text: not in the vocabulary: {' '.join(map(repr, unknown))} (with fit=True, forms "
        "of them that are in it are taken, and the rest is left out)"
    )
