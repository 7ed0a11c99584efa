"""Lists of pieces: tokens.txt, vocab.txt as NeMo and as others write it, lists; the blank; what does not fit."""

import json
import re

import pytest
from make_sentencepiece_cases import FOLDER, KINDS

from npconformer.text.piece_files import make_vocabulary, read_pieces

EXPECTED = ["<unk>", "▁the", "s", "▁", "n"]


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokens.txt", "<unk> 0\n▁the 1\ns 2\n▁ 3\nn 4\n"),
        ("tokens.txt", "s 2\n▁the 1\nn 4\n<unk> 0\n▁ 3\n"),
        ("tokens.txt", "<unk>\t0\r\n▁the\t1\r\ns\t2\r\n▁\t3\r\nn\t4"),
        ("vocab.txt", "<unk>\n▁the\ns\n▁\nn\n"),
        ("vocab.txt", "<unk>\nthe\n##s\n▁\n##n\n"),
        ("vocab.txt", "the\n##s\n▁\n##n\n"),
    ],
    ids=["tokens", "in any order", "tabs", "pieces", "of NeMo's kind", "as NeMo writes them"],
)
def test_reading(tmp_path, name, text):
    assert read_pieces(write(tmp_path, name, text)) == EXPECTED


def test_numbers_that_are_pieces(tmp_path):
    assert read_pieces(write(tmp_path, "tokens.txt", "7 1\n1 0\n")) == ["1", "7"]
    assert read_pieces(write(tmp_path, "vocab.txt", "7\n1\n")) == ["7", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected a piece in each line"),
        ("a 0\nb 2\n", "expected the numbers 0 to 1, each once"),
        ("a 0\nb 0\n", "expected the numbers 0 to 1, each once"),
    ],
)
def test_what_is_no_list(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"tokens\.txt.*{message}"):
        read_pieces(write(tmp_path, "tokens.txt", text))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_sentencepiece(tmp_path, kind):
    """All its pieces are there; NeMo's vocab.txt of the same model, without special pieces, gives the same."""
    said = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))["pieces"]
    path = tmp_path / "tokenizer.model"
    path.write_bytes((FOLDER / f"{kind}.model").read_bytes())
    assert read_pieces(path) == said
    if kind != "special":
        lines = [piece[1:] or piece if piece[0] == "▁" else f"##{piece}" for piece in said[1:]]
        assert read_pieces(write(tmp_path, "vocab.txt", "\n".join(lines))) == said
    path.write_bytes(b"\x0a\x05ab")
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))} is no SentencePiece model: a value of 5 bytes"):
        read_pieces(path)


def test_pieces_of_another_kind_have_an_unknown_one_of_their_own(tmp_path):
    assert read_pieces(write(tmp_path, "vocab.txt", "[UNK]\nthe\n##s\n")) == ["[UNK]", "▁the", "s"]


def test_what_is_no_text(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"vocab\.txt is no list of pieces"):
        read_pieces(path)


def test_the_blank_is_added_or_there():
    assert make_vocabulary(["a", "b"], 3) == {"a": 0, "b": 1, "<blk>": 2}
    assert make_vocabulary(["a", "b", "<blank>"], 3) == {"a": 0, "b": 1, "<blank>": 2}


def test_letters():
    assert make_vocabulary([" ", "a", "'"], 4) == {"▁": 0, "a": 1, "'": 2, "<blk>": 3}


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="2 pieces do not fit a model of 5 classes; expected 4, or 5 with the blank"):
        make_vocabulary(["a", "b"], 5)
    with pytest.raises(ValueError, match="the piece 'a' is in the list twice"):
        make_vocabulary(["a", "b", "a"], 4)
    with pytest.raises(ValueError, match=r"^x/tokens.txt: 2 pieces do not fit a model of 5 classes"):
        make_vocabulary(["a", "b"], 5, "x/tokens.txt")
