"""SentencePiece's `tokenizer.model`, of which decoding needs the list of pieces alone.

The file is one message of protobuf's, a row of fields, each a key and a value:

    key      a varint, 8 * number of the field + kind of the value
    kind 0   a varint: seven bits a byte, the lowest first, the highest bit set in all but the last
    kind 1   eight bytes
    kind 2   a length, a varint, and so many bytes: a string, or a message within this one
    kind 5   four bytes

    ModelProto      1  pieces, each a message; in the order of their ids        (2 to 5: how it was made; skipped here)
    SentencePiece   1  its text, UTF-8     2  its log-probability, a float     3  its kind, see `Kind`

(protobuf.dev, "Encoding"; sentencepiece_model.proto of Kudo and Richardson 2018.) Nothing else of protobuf is needed,
and nothing of the file is believed: a length beyond its end, a key without a meaning, a text not in UTF-8 are errors.

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from npconformer.storage.messages import shown

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
SIZES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
LONGEST_VARINT = 10  # bytes, of 64 bits


class Kind(IntEnum):
    """What a piece is for."""

    NORMAL = 1
    UNKNOWN = 2  # <unk>, of a letter that no piece has
    CONTROL = 3  # <s>, </s>: no text has them
    USER_DEFINED = 4  # taken whole wherever a text has it
    UNUSED = 5
    BYTE = 6  # <0x00> to <0xFF>, of letters that no piece has


class SentencePiece(NamedTuple):
    """A piece, as the file has it."""

    text: str
    kind: Kind


def read_sentencepiece_pieces(data: bytes, name: str) -> list[str]:
    """The pieces of a `tokenizer.model` in the order of their ids: all of them, with <unk>, <s> and the like.

    (All of them are classes of a NeMo model, before the blank.)

    Args:
        data: the file's bytes.
        name: what the file is called in an error's message.

    Raises:
        ValueError: bytes that are no such file, or that end too soon.
    """
    return [piece.text for piece in read_sentencepiece_model(data, name)]


def read_sentencepiece_model(data: bytes, name: str) -> list[SentencePiece]:
    """The pieces and what each is for; else as `read_sentencepiece_pieces`."""
    try:
        pieces = [_piece(value) for number, value in _fields(data) if number == 1]
        if not pieces:
            raise ValueError("it has no pieces")
    except ValueError as error:
        raise ValueError(f"{name} is no SentencePiece model: {error}") from None
    seen: set[str] = set()
    for piece in pieces:
        if piece.text in seen:
            raise ValueError(f"{name} is no SentencePiece model: it has the piece {shown(piece.text)} twice")
        seen.add(piece.text)
    return pieces


def _piece(message: int | bytes) -> SentencePiece:
    """The text and the kind of a piece. Of a field that is there twice, the last counts."""
    if not isinstance(message, bytes):
        raise ValueError("a piece is a number; expected a message")
    text, kind = b"", Kind.NORMAL
    for number, value in _fields(message):
        if number == 1:
            if not isinstance(value, bytes):
                raise ValueError("the text of a piece is a number; expected bytes")
            text = value
        elif number == 3:
            kind = Kind(value) if value in set(Kind) else Kind.NORMAL  # protobuf's rule for a kind that is unknown
    if not text:
        raise ValueError("a piece without a text")
    return SentencePiece(text.decode("utf-8"), kind)  # a UnicodeDecodeError is a ValueError


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The number and the value of each field of a message; what has bytes of fixed number is a number."""
    at = 0
    value: int | bytes
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError(f"a field with the number 0 before byte {at}")
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in SIZES:
            size = SIZES[kind]
        else:
            raise ValueError(f"a value of the kind {kind} before byte {at}; expected 0, 1, 2 or 5")
        if size > len(message) - at:
            raise ValueError(f"a value of {size} bytes at byte {at}, where {len(message) - at} are left")
        value, at = message[at : at + size], at + size
        yield number, value if kind == BYTES else int.from_bytes(value, "little")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and the byte behind it."""
    number = 0
    for index, byte in enumerate(message[at : at + LONGEST_VARINT]):
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, at + index + 1
    raise ValueError(f"a number that does not end, at byte {at}")
