"""The pieces of the model in a NeMo archive: which of its files, or of its configuration's lists, says them.

    tokenizer.model          of a SentencePiece tokenizer (type: bpe), in the order of the ids
    decoder.vocabulary       of the configuration: the same list, or the letters of a model without a tokenizer (labels)
    vocab.txt                of a WordPiece tokenizer (type: wpe), and where there is nothing else

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from npconformer.storage.messages import shown
from npconformer.storage.text_files import decode_text
from npconformer.text.piece_files import parse_pieces, with_spaces

SENTENCEPIECE, WORDPIECE = "bpe", "wpe"
MODEL, VOCABULARY = "tokenizer.model", "vocab.txt"  # how the files' names end, after a hash
IN_ARCHIVE = "nemo:"  # before a file's name in the configuration


def pieces_of(settings: Mapping[str, Any], files: Mapping[str, bytes]) -> list[str]:
    """The pieces, in the order of the classes, without the blank.

    settings: the archive's configuration. files: its members by name.

    Raises:
        ValueError: they are not there, damaged, or of a kind of tokenizer that is not offered.
    """
    tokenizer = settings.get("tokenizer")
    if tokenizer is None:
        return _letters(settings)
    kind = tokenizer.get("type") if isinstance(tokenizer, Mapping) else tokenizer
    if kind not in (SENTENCEPIECE, WORDPIECE):
        raise ValueError(f"tokenizer.type is {shown(kind)}, which is not offered; expected bpe or wpe")
    if kind == SENTENCEPIECE and (name := tokenizer_file(settings, files)) is not None:
        from npconformer.text.sentencepiece_model import read_sentencepiece_pieces

        return read_sentencepiece_pieces(files[name], name)
    if listed := _listed(settings):
        return with_spaces(listed)
    if (name := _find(tokenizer.get("vocab_path"), VOCABULARY, files)) is not None:
        return parse_pieces(decode_text(files[name]), name)
    raise ValueError("it has no word pieces: neither a tokenizer's file nor a decoder.vocabulary")


def tokenizer_file(settings: Mapping[str, Any], files: Mapping[str, bytes]) -> str | None:
    """The member that is SentencePiece's model; None where there is none."""
    tokenizer = settings.get("tokenizer")
    if not isinstance(tokenizer, Mapping) or tokenizer.get("type") != SENTENCEPIECE:
        return None
    return _find(tokenizer.get("model_path"), MODEL, files)


def _find(named: Any, ending: str, files: Mapping[str, bytes]) -> str | None:
    """The file that the configuration names, else the only one whose name ends so."""
    if isinstance(named, str):
        name = named.removeprefix(IN_ARCHIVE).removeprefix("./")
        if name in files:
            return name
    found = [name for name in files if name.endswith(ending)]
    return found[0] if len(found) == 1 else None


def _letters(settings: Mapping[str, Any]) -> list[str]:
    letters = _listed(settings) or settings.get("labels")
    if not isinstance(letters, list) or not letters:
        raise ValueError("it has neither a tokenizer nor letters: decoder.vocabulary and labels are missing")
    return _texts(letters)


def _listed(settings: Mapping[str, Any]) -> list[str]:
    decoder = settings.get("decoder")
    listed = decoder.get("vocabulary") if isinstance(decoder, Mapping) else None
    return _texts(listed) if isinstance(listed, list) else []


def _texts(values: list) -> list[str]:
    for value in values:
        if not isinstance(value, str) or not value:
            raise ValueError(f"its vocabulary has {shown(value)} among the pieces; expected texts")
    return values
