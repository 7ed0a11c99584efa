"""Which list of pieces an archive of NeMo's has."""

import json
from pathlib import Path

import pytest

from npconformer.text.nemo_pieces import pieces_of, tokenizer_file

CASES = Path(__file__).parents[1] / "reference_cases/sentencepiece"
MODEL = (CASES / "bpe.model").read_bytes()
BPE = {"tokenizer": {"type": "bpe", "model_path": "nemo:1_tokenizer.model"}}


def listed(settings, pieces):
    return {**settings, "decoder": {"vocabulary": pieces}}


def test_sentencepiece():
    expected = json.loads((CASES / "bpe.json").read_text(encoding="utf-8"))["pieces"]
    for files in ({"1_tokenizer.model": MODEL, "2_tokenizer.model": b"?"}, {"2_tokenizer.model": MODEL}):
        assert pieces_of(listed(BPE, ["x"]), files) == expected
    assert tokenizer_file(BPE, {"1_tokenizer.model": MODEL}) == "1_tokenizer.model"
    assert tokenizer_file(BPE, {"2_tokenizer.model": MODEL, "3_tokenizer.model": MODEL}) is None


def test_a_damaged_one():
    with pytest.raises(ValueError, match=r"1_tokenizer\.model is no SentencePiece model"):
        pieces_of(BPE, {"1_tokenizer.model": MODEL[:-3]})


def test_a_list():
    assert pieces_of(listed(BPE, ["▁the", "s"]), {}) == ["▁the", "s"]
    assert pieces_of(listed(BPE, ["the", "##s"]), {}) == ["▁the", "s"]  # all classes, as they are
    assert pieces_of(listed(BPE, ["<unk>", "the", "##s"]), {"vocab.txt": b"no\n"}) == ["<unk>", "▁the", "s"]


@pytest.mark.parametrize("kind", ["bpe", "wpe"])
def test_vocab_txt(kind):
    settings = {"tokenizer": {"type": kind, "vocab_path": "nemo:./1_vocab.txt"}, "decoder": {"vocabulary": []}}
    assert pieces_of(settings, {"1_vocab.txt": b"the\n##s\n"}) == ["<unk>", "▁the", "s"]
    assert pieces_of(settings, {"9_vocab.txt": b"the\n##s\n"}) == ["<unk>", "▁the", "s"]
    assert tokenizer_file(settings, {"1_vocab.txt": b""}) is None


def test_letters():
    assert pieces_of({"decoder": {"vocabulary": [" ", "a"]}, "labels": ["b"]}, {}) == [" ", "a"]
    assert pieces_of({"labels": [" ", "a"]}, {}) == [" ", "a"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokenizer": {"type": "agg", "langs": {}}}, r"tokenizer\.type is 'agg', which is not offered"),
        ({"tokenizer": []}, r"tokenizer\.type is \[\]"),
        (BPE, "it has no word pieces"),
        ({}, "it has neither a tokenizer nor letters"),
        (listed(BPE, ["a", None]), "its vocabulary has None among the pieces"),
        (listed({}, ["a", 1]), "its vocabulary has 1 among the pieces"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        pieces_of(settings, {})


def test_no_utf8():
    with pytest.raises(ValueError, match="UTF-8"):
        pieces_of({"tokenizer": {"type": "wpe"}}, {"vocab.txt": b"\xff"})
