"""The tokenizer of word pieces, as SentencePiece makes them: frequent words are one piece, rare ones several.

    ▁the ▁ca li for ni an      "the californian"

`▁` (U+2581) stands for the space before a word; a text is its pieces joined, with a space for each `▁`. So the pieces
need no word delimiter, and the list of them is all that decoding takes (Kudo and Richardson 2018, "SentencePiece").
Vocabularies of letters, with `▁` or a space among them, are a special case: there `▁` stands only between words. Pieces
`<0xE2>` are bytes, which are read as UTF-8 where they stand side by side.

How texts are split, for training, depends on a tokenizer's files alone, never on what is installed:

    tokenizer.model beside the vocabulary    by the sentencepiece library (the extra `nemo`); an ImportError without it
    no such file                             each word from left to right, the longest piece that fits first

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from npconformer.storage.files import write_bytes_atomically
from npconformer.text.ctc_decoding import Span
from npconformer.text.sentencepiece_library import SentencePieceSplitter
from npconformer.text.tokenizer import Wav2Vec2CTCTokenizer, Wav2Vec2CTCTokenizerOutput
from npconformer.text.tokenizer_files import SENTENCEPIECE_FILE
from npconformer.text.tokenizer_output import offsets

SPACE = "▁"  # what pieces have in its place
BYTE = re.compile("<0x[0-9A-F]{2}>")


class PieceCTCTokenizer(Wav2Vec2CTCTokenizer):
    """Word pieces to text, and texts to word pieces.

    Everything is as with `Wav2Vec2CTCTokenizer` but for this: tokens are pieces, `char_offsets` are those of pieces,
    and texts are split by one of two rules. Without a `tokenizer.model`, a text is split into words, and each word,
    with `▁` before it, into pieces from left to right, the longest that fits first. With one, the sentencepiece library
    splits, which weighs whole splits against one another by the probabilities in it: its splits may differ, and any of
    them spells the text.

    sentencepiece_model: the bytes of a `tokenizer.model`, or its path; `from_pretrained` takes the one in the folder
    unless None is given here, and `save_pretrained` writes it. Its pieces must be the vocabulary's first tokens.
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
        *,
        sentencepiece_model: bytes | str | os.PathLike | None = None,
        **settings: Any,
    ) -> None:
        if word_delimiter_token is not None:
            raise ValueError(f"word_delimiter_token: pieces have {SPACE!r} in the place of one; expected None")
        super().__init__(vocab, bos_token, eos_token, unk_token, pad_token, None, **settings)
        name, model = SENTENCEPIECE_FILE, sentencepiece_model
        if isinstance(model, str | os.PathLike):
            name, model = os.fspath(model), Path(model).read_bytes()
        self._splitter = None if model is None else SentencePieceSplitter(model, self.encoder, name)

    @property
    def sentencepiece_model(self) -> bytes | None:
        """The bytes of the `tokenizer.model`."""
        return None if self._splitter is None else self._splitter.model

    @property
    def _is_of_letters(self) -> bool:
        return not any(SPACE in token and token != SPACE for token in self.encoder)

    # ---- files

    @classmethod
    def _beside_the_vocabulary(cls, folder: Path) -> dict[str, Any]:
        path = folder / SENTENCEPIECE_FILE
        return {"sentencepiece_model": path} if path.is_file() else {}

    def save_pretrained(self, save_directory: str | os.PathLike, *arguments: Any, **options: Any) -> tuple[str, ...]:
        """As `Wav2Vec2CTCTokenizer` does, with the tokenizer.model; without one, one in the folder is deleted."""
        paths = super().save_pretrained(save_directory, *arguments, **options)
        prefix = options.get("filename_prefix", arguments[1] if len(arguments) > 1 else None)
        path = Path(save_directory, f"{prefix}-{SENTENCEPIECE_FILE}" if prefix else SENTENCEPIECE_FILE)
        if self.sentencepiece_model is None:
            path.unlink(missing_ok=True)
            return paths
        write_bytes_atomically(path, self.sentencepiece_model)
        return (*paths, str(path))

    # ---- ids to text

    def _read(self, spans: list[Span], skip_special_tokens: bool, spaces_between: bool) -> tuple[str, list[Span]]:
        """The text of pieces whose repeats are merged, and the pieces, with a space for each `▁`."""
        dropped = {self.pad_token, *(self.all_special_tokens if skip_special_tokens else ())}
        pieces = spell([span for span in spans if span.text not in dropped])
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
        return join_pieces(spell(tokens))

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
            stretch = stretch.lower() if self.do_lower_case else stretch
            if self._splitter is not None:
                tokens.extend(self._splitter.split(stretch))
                continue
            marks = "" if self._is_of_letters else SPACE  # before the first word
            for word in stretch.split():
                tokens.extend(self._split_word(marks + word))
                marks = SPACE
        return tokens

    def tokenize_word(self, word: str, is_first: bool) -> list[str]:
        """The tokens of a word of a text, with the `▁` for the space before it."""
        tokens = self.tokenize(word)
        return tokens if is_first or not self._is_of_letters else [SPACE, *tokens]

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


def spell(tokens: list[Span]) -> list[Span]:
    """Tokens as they are read: a space for each `▁`, and bytes side by side as the letters that they make."""
    spelled = []
    for is_bytes, group in groupby(tokens, key=lambda token: BYTE.fullmatch(token.text) is not None):
        same = list(group)
        if is_bytes:
            text = bytes(int(token.text[3:5], 16) for token in same).decode("utf-8", "replace")
            spelled.append(Span(text, same[0].start, same[-1].end))
        else:
            spelled += [Span(token.text.replace(SPACE, " "), token.start, token.end) for token in same]
    return spelled


def join_pieces(pieces: list[Span]) -> list[Span]:
    """Pieces, with a space where a word begins, joined into words, each from its first letters to its last."""
    words: list[list[Span]] = [[]]
    for piece in pieces:
        first, *more = piece.text.split(" ")
        if first:
            words[-1].append(Span(first, piece.start, piece.end))
        words += [[Span(part, piece.start, piece.end)] if part else [] for part in more]
    return [Span("".join(p.text for p in word), word[0].start, word[-1].end) for word in words if word]
