"""Texts to pieces by the sentencepiece library, which weighs whole splits of a text by what `tokenizer.model` says.

The library is imported when the first text is split, and not before: reading what a model says needs none.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.storage.messages import shown
from npconformer.text.sentencepiece_model import Kind, read_sentencepiece_model

MISSING = (
    "where there is a tokenizer.model, texts are split by the sentencepiece library, as the model learnt them, and it "
    'is not installed: pip install "npconformer[nemo]". Or load the tokenizer with sentencepiece_model=None, to split '
    "by longest match"
)


class SentencePieceSplitter:
    """Splits texts with a `tokenizer.model`.

    model: the file's bytes. vocabulary: of the tokenizer, which must have its pieces under their ids. name: of the
    file, for messages. Raises ValueError for bytes that are no such file, and for a vocabulary of another model.
    """

    def __init__(self, model: bytes, vocabulary: dict[str, int], name: str) -> None:
        pieces = read_sentencepiece_model(model, name)
        for index, piece in enumerate(pieces):
            if vocabulary.get(piece.text) != index:
                found = vocabulary.get(piece.text, "not there")
                raise ValueError(
                    f"{name} has {len(pieces)} pieces, and piece {index}, {shown(piece.text)}, is {found} in the "
                    f"vocabulary of {len(vocabulary)} tokens: they are of different models"
                )
        self.model, self._texts = model, {piece.text for piece in pieces}
        self._unknown = next((piece.text for piece in pieces if piece.kind == Kind.UNKNOWN), None)
        self._unknown_id = next((index for index, piece in enumerate(pieces) if piece.kind == Kind.UNKNOWN), None)
        self._library: Any = None

    def split(self, text: str) -> list[str]:
        """The pieces of a text; letters that no piece has are a token by themselves, spelled as in the text.

        Raises ImportError where there is no sentencepiece library.
        """
        if self._library is None:
            try:
                import sentencepiece
            except ImportError as error:
                raise ImportError(MISSING) from error
            self._library = sentencepiece.SentencePieceProcessor(model_proto=self.model)
        ids, tokens = self._library.encode(text), self._library.encode(text, out_type=str)
        for place, index in enumerate(ids):
            if index == self._unknown_id and tokens[place] in self._texts:  # "<s>" in a text is no <s>
                tokens[place] = self._unknown
        return tokens
