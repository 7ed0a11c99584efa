"""The tokenizer of word pieces, as SentencePiece makes them: frequent words are one piece, rare ones several.

    ▁the ▁ca li for ni an      "the californian"

`▁` (U+2581) stands for the space before a word; a text is its pieces joined, with a space for each `▁`. So the pieces
need no word delimiter, and the list of them is all that decoding takes (Kudo and Richardson 2018, "SentencePiece").
Vocabularies of letters, with `▁` or a space among them, are a special case.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from npconformer.text.ctc_decoding import Span
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer, Wav2Vec2CTCTokenizerOutput
from npconformer.text.tokenizer_output import offsets

SPACE = "▁"  # what pieces have in its place


class PieceCTCTokenizer(Wav2Vec2CTCTokenizer):
    """Word pieces to text, and texts to word pieces.

    Everything is as with `Wav2Vec2CTCTokenizer` but for this: tokens are pieces; a text is split into words, and each
    word, with `▁` before it, into pieces from left to right, the longest that fits first. (SentencePiece itself weighs
    whole splits of a word against one another, by the probabilities in its `tokenizer.model`: its splits may differ,
    and any of them spells the word.) `char_offsets` are those of pieces.
    """

    keeps_long_tokens_whole = False

    def __init__(
        self,
        vocab: str | os.PathLike | Mapping[str, Any] | None = None,
        bos_token: str | None = None,
        eos_token: str | None = None,
        unk_token: str | None = "<unk>",
        pad_token: str | None = "<blk>",
        word_delimiter_token: str | None = None,
        **settings: Any,
    ) -> None:
        if word_delimiter_token is not None:
            raise ValueError(f"word_delimiter_token: pieces have {SPACE!r} in the place of one; expected None")
        super().__init__(vocab, bos_token, eos_token, unk_token, pad_token, None, **settings)

    # ---- ids to text

    def _read(self, spans: list[Span], skip_special_tokens: bool, spaces_between: bool) -> tuple[str, list[Span]]:
        """The text of pieces whose repeats are merged, and the pieces, with a space for each `▁`."""
        dropped = {self.pad_token, *(self.all_special_tokens if skip_special_tokens else ())}
        pieces = [
            Span(span.text.replace(SPACE, " "), span.start, span.end) for span in spans if span.text not in dropped
        ]
        text = (" " if spaces_between else "").join(piece.text for piece in pieces)
        text = " ".join(word for word in text.split(" ") if word)
        return text.lower() if self.do_lower_case else text, pieces

    def _with_offsets(self, text: str, characters: list[Span], of_chars: bool, of_words: bool) -> Any:
        output = Wav2Vec2CTCTokenizerOutput(text)
        if of_chars:
            output.char_offsets = [offsets("char", piece) for piece in characters]
        if of_words:
            output.word_offsets = [offsets("word", word) for word in join_pieces(characters)]
        return output

    def join_words(self, tokens: list[Span]) -> list[Span]:
        """The words that pieces spell, each with its frames."""
        return join_pieces([Span(token.text.replace(SPACE, " "), token.start, token.end) for token in tokens])

    # ---- text to ids

    def tokenize(
        self,
        text: str,
        is_split_into_words: bool = False,
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
    ) -> list[str]:
        """Split a text into pieces, as the class says; a letter that no piece begins with is a token by itself.

        is_split_into_words and add_special_tokens change nothing: every word gets its `▁`, and CTC has no tokens to
        add. split_special_tokens: spell them, too, in place of taking them whole.
        """
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {type(text).__name__}")
        tokens = []
        for stretch, kept_whole in [(text, False)] if split_special_tokens else self.split_on_added_tokens(text):
            if kept_whole:
                tokens.append(stretch)
                continue
            for word in (stretch.lower() if self.do_lower_case else stretch).split():
                tokens.extend(self._split_word(SPACE + word))
        return tokens

    def _split_word(self, word: str) -> list[str]:
        """The longest piece that the word begins with, and so on."""
        pieces, start = [], 0
        longest = max(map(len, self.encoder), default=1)
        while start < len(word):
            ends = range(min(start + longest, len(word)), start, -1)
            stop = next((end for end in ends if word[start:end] in self.encoder), start + 1)
            pieces.append(word[start:stop])
            start = stop
        return pieces


def join_pieces(pieces: list[Span]) -> list[Span]:
    """Pieces, with a space where a word begins, joined into words, each from its first letters to its last."""
    words: list[list[Span]] = [[]]
    for piece in pieces:
        first, *more = piece.text.split(" ")
        if first:
            words[-1].append(Span(first, piece.start, piece.end))
        words += [[Span(part, piece.start, piece.end)] if part else [] for part in more]
    return [Span("".join(p.text for p in word), word[0].start, word[-1].end) for word in words if word]
