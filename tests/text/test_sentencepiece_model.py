"""SentencePiece's models read by hand: the library's own pieces, fields of every kind, and what is no such file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some
from make_sentencepiece_cases import FOLDER, KINDS, train, what_the_library_says

from npconformer.text.sentencepiece_model import Kind, read_sentencepiece_model, read_sentencepiece_pieces

UNIGRAM = (FOLDER / "unigram.model").read_bytes()


def varint(number):
    """The number, seven bits a byte."""
    groups = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def field(number, value):
    """A field of kind 2."""
    return varint(8 * number + 2) + varint(len(value)) + value


def piece(text, kind=None):
    """A piece with a score."""
    return field(1, field(1, text.encode()) + varint(8 * 2 + 5) + bytes(4) + (b"" if kind is None else b"\x18" + kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_model_has_the_pieces_that_the_library_says(kind):
    expected = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))["pieces"]
    assert read_sentencepiece_pieces((FOLDER / f"{kind}.model").read_bytes(), "x") == expected
    assert expected[0] == "<unk>" and len(expected) == KINDS[kind]["vocab_size"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_frozen_models_are_what_the_script_makes(kind):
    library = pytest.importorskip("sentencepiece")
    model = train(kind)
    pieces = read_sentencepiece_model(model, "x")
    said = what_the_library_says(model)
    assert [text for text, _ in pieces] == said["pieces"]
    there = library.SentencePieceProcessor(model_proto=model)
    for test, expected in [
        (there.is_unknown, Kind.UNKNOWN),
        (there.is_control, Kind.CONTROL),
        (there.is_byte, Kind.BYTE),
    ]:
        assert [test(index) for index in range(len(pieces))] == [kind == expected for _, kind in pieces]
    assert said == json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))


def test_kinds():
    kinds = dict(read_sentencepiece_model((FOLDER / "special.model").read_bytes(), "x"))
    names = ("<unk>", "<s>", "</s>", "<laugh>", "<0x41>", "▁")
    assert [kinds[name].name for name in names] == ["UNKNOWN", "CONTROL", "CONTROL", "USER_DEFINED", "BYTE", "NORMAL"]


def test_fields_that_are_not_known_are_skipped():
    others = varint(8 * 200) + varint(2**63) + varint(8 * 201 + 1) + bytes(8) + varint(8 * 202 + 5) + bytes(4)
    data = others + piece("<unk>", b"\x02") + field(2, b"\x80") + piece("▁é") + others
    assert read_sentencepiece_model(data, "x") == [("<unk>", Kind.UNKNOWN), ("▁é", Kind.NORMAL)]


def test_of_a_field_that_is_there_twice_the_last_counts():
    twice = field(1, field(1, b"a") + field(1, b"b") + b"\x18\x03\x18\x04")
    assert read_sentencepiece_model(twice, "x") == [("b", Kind.USER_DEFINED)]
    assert read_sentencepiece_model(piece("a", b"\x63"), "x") == [("a", Kind.NORMAL)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it has no pieces"),
        (field(2, b"abc"), "it has no pieces"),
        (b"\x08\x01", "a piece is a number; expected a message"),
        (b"\x0d\x0a\x02\x0a\x00", "a piece is a number; expected a message"),
        (field(1, b""), "a piece without a text"),
        (field(1, field(1, b"\xff")), "can't decode byte 0xff"),
        (field(1, b"\x08\x01"), "the text of a piece is a number; expected bytes"),
        (b"\x0a\x05ab", "a value of 5 bytes at byte 2, where 2 are left"),
        (b"\x0a" + varint(2**60), f"a value of {2**60} bytes"),
        (b"\x11" + bytes(7), "a value of 8 bytes at byte 1, where 7 are left"),
        (b"\x02\x00", "a field with the number 0"),
        (b"\x0b", "a value of the kind 3 before byte 1; expected 0, 1, 2 or 5"),
        (b"\x80" * 11 + b"\x01", "a number that does not end, at byte 0"),
        (b"\x80", "a number that does not end, at byte 0"),
        (piece("a") + piece("b") + piece("a"), "it has the piece 'a' twice"),
        (b'{"a": 1}', "a value of the kind 3"),
        (b"<unk> 0", "a value of the kind 4"),
    ],
)
def test_what_is_no_model(data, message):
    with pytest.raises(ValueError, match=f"^tokenizer.model is no SentencePiece model: .*{message}"):
        read_sentencepiece_pieces(data, "tokenizer.model")


def test_a_cut_model_is_refused_or_its_first_pieces():
    """A cut between two pieces cannot be seen: protobuf does not say how many there are."""
    whole, refused = read_sentencepiece_pieces(UNIGRAM, "x"), 0
    for size in range(len(UNIGRAM)):
        try:
            pieces = read_sentencepiece_pieces(UNIGRAM[:size], "cut")
        except ValueError as error:
            assert "cut is no SentencePiece model" in str(error)
            refused += 1
        else:
            assert pieces == whole[: len(pieces)]
    assert refused > 0.8 * len(UNIGRAM)


@given(some.binary(max_size=200), some.integers(0, len(UNIGRAM)))
def test_any_bytes_give_pieces_or_a_value_error(data, at):
    for attempt in (data, UNIGRAM[:at] + data + UNIGRAM[at + len(data) :]):
        try:
            assert all(read_sentencepiece_pieces(attempt, "x"))
        except ValueError as error:
            assert str(error).startswith("x is no SentencePiece model: ")
