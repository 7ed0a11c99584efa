"""The lists of word pieces that lie beside models: which file has what, and how it writes a piece.

    tokenizer.model SentencePiece's own file, a protobuf: see `sentencepiece_model`; all its pieces are classes
    tokens.txt      a piece and its number in each line, the blank last; as sherpa and icefall write it
    vocab.txt       a piece in each line; NeMo writes those that begin a word bare, `##` before the others, and leaves
                    out <unk>, which is its first class
    a list          the pieces in order, as in a configuration of NeMo (`decoder.vocabulary`), or letters

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from npconformer.storage.messages import shown
from npconformer.text.piece_tokenizer import SPACE
from npconformer.text.sentencepiece_model import read_sentencepiece_pieces
from npconformer.text.tokenizer_files import SENTENCEPIECE_FILE

FILES = (SENTENCEPIECE_FILE, "tokens.txt", "vocab.txt")  # in the order in which they are looked for
BLANK = "<blk>"
CONTINUED = "##"  # NeMo's mark of a piece that does not begin a word
UNKNOWN = ("<unk>", "[UNK]")


def read_pieces(path: str | os.PathLike) -> list[str]:
    """The pieces of a file of one of these kinds, in order: all of a tokenizer.model's, with <unk> and whatever it has.

    Raises ValueError, naming the file, for what is none. A file is read as a tokenizer.model if its name ends in
    `.model`.
    """
    path = Path(path)
    if path.suffix == Path(SENTENCEPIECE_FILE).suffix:
        return read_sentencepiece_pieces(path.read_bytes(), str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no list of pieces: {error}") from None
    return parse_pieces(text, path)


def parse_pieces(text: str, name: str | os.PathLike) -> list[str]:
    """The pieces in the text of a tokens.txt or vocab.txt; name: of the file, for messages. Raises as `read_pieces`."""
    lines = [line for line in text.splitlines() if line]
    if not lines:
        raise ValueError(f"{name} is empty; expected a piece in each line")
    numbered = [line.rsplit(maxsplit=1) for line in lines]
    if all(len(parts) == 2 and parts[1].isdecimal() for parts in numbered):
        return _in_order([(parts[0], int(parts[1])) for parts in numbered], name)
    pieces = with_spaces(lines)
    return [UNKNOWN[0], *pieces] if pieces is not lines and not any(piece in UNKNOWN for piece in pieces) else pieces


def with_spaces(pieces: list[str]) -> list[str]:
    """Pieces with `▁` before those that begin a word, where a list of NeMo's has `##` before the others."""
    if not any(piece.startswith(CONTINUED) for piece in pieces):
        return pieces
    return [_from_nemo(piece) for piece in pieces]


def make_vocabulary(pieces: Iterable[str], classes: int, source: str = "") -> dict[str, int]:
    """Pieces in order as a vocabulary of so many classes, whose last is the blank.

    A letter " " becomes `▁`. source: the name of the pieces' file, for messages. Raises ValueError for another number
    of pieces, and for one that is there twice.
    """
    source = f"{source}: " if source else ""
    pieces = [SPACE if piece == " " else piece for piece in pieces]
    pieces = pieces + [BLANK] if len(pieces) == classes - 1 else pieces
    if len(pieces) != classes:
        raise ValueError(
            f"{source}{len(pieces)} pieces do not fit a model of {classes} classes; expected {classes - 1}, or "
            f"{classes} with the blank as the last one"
        )
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    if len(vocabulary) < len(pieces):
        twice = next(piece for number, piece in enumerate(pieces) if vocabulary[piece] != number)
        raise ValueError(f"{source}the piece {shown(twice)} is in the list twice")
    return vocabulary


def _in_order(numbered: list[tuple[str, int]], path: str | os.PathLike) -> list[str]:
    pieces = {number: piece for piece, number in numbered}
    if sorted(pieces) != list(range(len(numbered))):
        raise ValueError(f"{path}: expected the numbers 0 to {len(numbered) - 1}, each once")
    return [pieces[number] for number in range(len(pieces))]


def _from_nemo(line: str) -> str:
    if line.startswith(CONTINUED):
        return line.removeprefix(CONTINUED)
    is_special = line in UNKNOWN or (line.startswith("<") and line.endswith(">"))
    return line if is_special or line == SPACE else SPACE + line
