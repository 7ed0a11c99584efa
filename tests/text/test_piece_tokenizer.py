"""Word pieces: text, words and their frames from pieces; pieces from text; files; what is refused."""

import copy
import json
import pickle
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_sentencepiece_cases import FOLDER, KINDS

from npconformer import AutoTokenizer, PieceCTCTokenizer, align_text
from npconformer.text.piece_files import make_vocabulary, read_pieces
from npconformer.text.piece_tokenizer import SPACE

PIECES = ["<unk>", "▁the", "▁a", "▁", "ca", "li", "▁ca", "for", "n", "i", "a", "'", "s", "▁for", "<blk>"]
VOCABULARY = {piece: number for number, piece in enumerate(PIECES)}
BLANK = VOCABULARY["<blk>"]


@pytest.fixture
def tokenizer():
    return PieceCTCTokenizer(VOCABULARY)


def ids(*pieces):
    return [VOCABULARY[piece] for piece in pieces]


# ---- frames to text


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["▁the", "▁ca", "li", "for", "n", "i", "a"], "the california"),
        (["▁the", "<blk>", "<blk>", "▁the"], "the the"),
        (["▁the", "▁the", "▁ca"], "the ca"),
        (["▁", "for", "▁", "n"], "for n"),
        (["ca", "li", "▁for"], "cali for"),  # no space before a first word without its mark
        (["▁", "▁the", "▁", "<blk>", "▁", "▁a"], "the a"),
        (["▁ca", "'", "s"], "ca's"),
        (["<blk>", "<blk>"], ""),
        (["▁the", "<unk>"], "the<unk>"),
    ],
)
def test_decoding(tokenizer, pieces, text):
    assert tokenizer.decode(ids(*pieces)) == text
    assert tokenizer.batch_decode([ids(*pieces)] * 2) == [text, text]


def test_special_tokens_are_left_out_where_asked_for(tokenizer):
    assert tokenizer.decode(ids("▁the", "<unk>", "▁a"), skip_special_tokens=True) == "the a"


def test_labels_are_not_frames(tokenizer):
    assert tokenizer.decode(ids("▁ca", "n", "n", "a"), group_tokens=False) == "canna"


def test_words_and_pieces_have_the_frames_they_were_read_from(tokenizer):
    frames = ids("<blk>", "▁the", "▁the", "<blk>", "▁ca", "li", "<blk>", "for", "▁", "<blk>", "n", "i")
    output = tokenizer.decode(frames, output_word_offsets=True, output_char_offsets=True)
    assert output.text == "the califor ni"
    assert output.word_offsets == [
        {"word": "the", "start_offset": 1, "end_offset": 3},
        {"word": "califor", "start_offset": 4, "end_offset": 8},
        {"word": "ni", "start_offset": 10, "end_offset": 12},  # from its first letters, not from the mark before them
    ]
    assert [(one["char"], one["start_offset"], one["end_offset"]) for one in output.char_offsets] == [
        (" the", 1, 3), (" ca", 4, 5), ("li", 5, 6), ("for", 7, 8), (" ", 8, 9), ("n", 10, 11), ("i", 11, 12),
    ]  # fmt: skip
    assert "".join(one["char"] for one in output.char_offsets).strip() == output.text


def test_a_piece_of_two_words():
    tokenizer = PieceCTCTokenizer({"▁of▁the": 0, "▁a": 1, "n": 2, "<blk>": 3})
    output = tokenizer.decode([0, 2, 1], output_word_offsets=True)
    assert output.text == "of then a"
    assert [(one["word"], one["start_offset"], one["end_offset"]) for one in output.word_offsets] == [
        ("of", 0, 1), ("then", 0, 2), ("a", 2, 3),
    ]  # fmt: skip


def test_words_are_those_of_the_text(tokenizer):
    random = np.random.default_rng(0)
    for _ in range(200):
        frames = random.integers(0, len(PIECES), 12)
        output = tokenizer.decode(frames, output_word_offsets=True)
        assert " ".join(one["word"] for one in output.word_offsets) == output.text
        places = [place for one in output.word_offsets for place in (one["start_offset"], one["end_offset"])]
        assert places == sorted(places)


@pytest.mark.parametrize("text", [None, "the california"])
def test_words_of_an_alignment(tokenizer, text):
    frames = ids("▁the", "<blk>", "▁ca", "li", "<blk>", "for", "n", "i", "i", "a")
    logits = 9.0 * np.eye(len(PIECES))[frames]
    words = align_text(logits, text, tokenizer).words
    assert [(word.text, word.start, word.end) for word in words] == [("the", 0, 1), ("california", 2, 10)]


# ---- text to pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("the california", ["▁the", "▁ca", "li", "for", "n", "i", "a"]),
        ("  for  a ", ["▁for", "▁a"]),
        ("ninas", ["▁", "n", "i", "n", "a", "s"]),
        ("", []),
        ("the<unk>a", ["▁the", "<unk>", "▁a"]),
    ],
)
def test_the_longest_piece_comes_first(tokenizer, text, pieces):
    assert tokenizer.tokenize(text) == pieces
    assert tokenizer(text)["input_ids"] == ids(*pieces)


def test_what_has_no_piece_is_unknown(tokenizer):
    assert tokenizer("cab")["input_ids"] == [*ids("▁ca"), VOCABULARY["<unk>"]]
    without = PieceCTCTokenizer({"▁a": 0, "<blk>": 1}, unk_token=None)
    with pytest.raises(ValueError, match="characters out of the vocabulary"):
        without("b")


def test_text_comes_back(tokenizer):
    for text in ("the california", "a for ninas", "ca's"):
        labels = tokenizer(text)["input_ids"]
        assert tokenizer.decode(labels, group_tokens=False) == text


def test_labels_are_padded_with_the_blank(tokenizer):
    batch = tokenizer(["the", "the ca"], padding=True, return_tensors="np")
    assert batch["input_ids"].tolist() == [ids("▁the", "<blk>"), ids("▁the", "▁ca")]


# ---- settings and files


def test_it_comes_back_from_its_files(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    assert len((tmp_path / "tokenizer_config.json").read_text()) < 2000  # pieces are no added tokens
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert type(again) is PieceCTCTokenizer
    assert again.get_vocab() == VOCABULARY and again.init_kwargs == tokenizer.init_kwargs
    assert again.tokenize("the california") == tokenizer.tokenize("the california")
    assert (again.pad_token_id, again.unk_token_id, again.bos_token, again.word_delimiter_token) == (
        BLANK,
        0,
        None,
        None,
    )


def test_added_tokens_are_kept_whole(tokenizer):
    tokenizer.add_tokens(["NPC"])
    assert tokenizer.tokenize("theNPCa") == ["▁the", "NPC", "▁a"]


def test_lower_case():
    assert PieceCTCTokenizer(VOCABULARY, do_lower_case=True).tokenize("The CA") == ["▁the", "▁ca"]


def test_it_has_no_word_delimiter():
    with pytest.raises(ValueError, match=f"pieces have '{SPACE}' in the place of one"):
        PieceCTCTokenizer(VOCABULARY, word_delimiter_token="|")


def test_bad_input(tokenizer):
    with pytest.raises(ValueError, match="text must be a string, got int"):
        tokenizer.tokenize(3)


def naive_split(word, pieces):
    """By trying every piece."""
    if not word:
        return []
    fitting = [piece for piece in pieces if word.startswith(piece)]
    first = max(fitting, key=len, default=word[0])
    return [first, *naive_split(word[len(first) :], pieces)]


@given(st.lists(st.sampled_from("abc'"), max_size=25).map("".join), st.sets(st.text("▁abc'", min_size=1, max_size=5)))
def test_the_longest_match_is_that_of_a_naive_program(letters, pieces):
    pieces = {piece for piece in pieces if SPACE not in piece[1:]} | {"▁a"}
    tokenizer = PieceCTCTokenizer({piece: number for number, piece in enumerate([*sorted(pieces), "<unk>", "<blk>"])})
    text = letters.replace("c", " ")
    expected = [piece for word in text.split() for piece in naive_split(SPACE + word, pieces)]
    assert tokenizer.tokenize(text) == expected


@given(st.lists(st.text("aflins'cr", min_size=1, max_size=9), max_size=6))
def test_every_text_of_known_letters_comes_back(words):
    tokenizer = PieceCTCTokenizer({piece: number for number, piece in enumerate(["r", "f", "l", "c", *PIECES])})
    text = " ".join(words)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, group_tokens=False) == text


# ---- letters


def test_letters_have_a_mark_between_words_alone():
    """As NeMo's models of letters, whose list of labels has a space."""
    tokenizer = PieceCTCTokenizer(make_vocabulary([" ", "a", "b", "'"], 5), unk_token=None)
    assert tokenizer.tokenize(" ab  b'a") == ["a", "b", "▁", "b", "'", "a"]
    assert tokenizer("ab b'a")["input_ids"] == [1, 2, 0, 2, 3, 1]
    assert tokenizer.decode([1, 1, 2, 4, 0, 0, 2, 3, 1]) == "ab b'a"
    logits = 9.0 * np.eye(5)[[1, 2, 0, 2, 1]]
    words = align_text(logits, "ab ba", tokenizer).words
    assert [(word.text, word.start, word.end) for word in words] == [("ab", 0, 2), ("ba", 2, 5)]


# ---- SentencePiece's models


def of_case(kind, **settings):
    path = FOLDER / f"{kind}.model"
    pieces = read_pieces(path)
    vocabulary = make_vocabulary(pieces, len(pieces) + 1)
    return PieceCTCTokenizer(vocabulary, **{"sentencepiece_model": path, **settings})


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_split_as_the_library_says(kind):
    pytest.importorskip("sentencepiece")
    said = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    tokenizer = of_case(kind)
    for text, expected in said["texts"]:
        if "<" not in text:  # tokens that are kept whole are this package's, too
            assert tokenizer(text)["input_ids"] == expected, text
        if expected and 0 not in expected:
            assert tokenizer.decode(expected, group_tokens=False) == " ".join(filter(None, text.split(" ")))


@given(st.text("the californian ü's", max_size=30))
def test_every_split_of_the_library_spells_the_text(text):
    pytest.importorskip("sentencepiece")
    for tokenizer in (BPE, UNIGRAM):
        assert tokenizer.decode(tokenizer(text)["input_ids"], group_tokens=False) == " ".join(text.split())


BPE, UNIGRAM = of_case("bpe"), of_case("unigram")


def test_the_librarys_splits_are_not_the_longest_matches():
    pytest.importorskip("sentencepiece")
    by_length = of_case("bpe", sentencepiece_model=None)
    assert BPE.tokenize("four days") == ["▁", "fo", "u", "r", "▁day", "s"]
    assert by_length.tokenize("four days") == ["▁f", "o", "u", "r", "▁day", "s"]


def test_letters_that_no_piece_has_are_told():
    pytest.importorskip("sentencepiece")
    assert UNIGRAM.tokenize("qi") == ["▁", "q", "i"] and UNIGRAM("qi")["input_ids"][1] == 0
    with pytest.raises(ValueError, match="not in the vocabulary: 'q'"):
        align_text(np.zeros((9, len(UNIGRAM))), "qi", UNIGRAM)
    special = of_case("special", bos_token=None)
    assert special._splitter.split("<s>") == ["▁", "<0x3C>", "s", "<0x3E>"]


def test_bytes_are_letters():
    tokenizer = of_case("special", sentencepiece_model=None)
    ids = tokenizer.convert_tokens_to_ids(["▁fi", "<0xC3>", "<0xA9>", "ne", "▁", "<0xC3>", "<0xA9>", "<0xC3>"])
    output = tokenizer.decode(ids, output_word_offsets=True, output_char_offsets=True)
    assert output.text == "fiéne é\ufffd"
    assert [(one["word"], one["start_offset"], one["end_offset"]) for one in output.word_offsets] == [
        ("fiéne", 0, 4), ("é\ufffd", 5, 8),
    ]  # fmt: skip
    assert [one["char"] for one in output.char_offsets] == [" fi", "é", "ne", " ", "é\ufffd"]


def test_the_model_goes_with_the_vocabulary(tmp_path):
    BPE.save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer.model").read_bytes() == (FOLDER / "bpe.model").read_bytes()
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.sentencepiece_model == BPE.sentencepiece_model and again.get_vocab() == BPE.get_vocab()
    for twin in (copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
        assert twin.sentencepiece_model == BPE.sentencepiece_model
    without = AutoTokenizer.from_pretrained(tmp_path, sentencepiece_model=None)
    assert without.sentencepiece_model is None and without.tokenize("the") == ["▁the"]
    without.save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.model").exists()
    assert BPE.save_pretrained(tmp_path, filename_prefix="a")[-1] == str(tmp_path / "a-tokenizer.model")


def test_copies_split_texts_too():
    pytest.importorskip("sentencepiece")
    expected = BPE.tokenize("the day")
    for twin in (copy.deepcopy(BPE), pickle.loads(pickle.dumps(BPE))):
        assert twin.tokenize("the day") == expected


def test_a_model_of_another_vocabulary(tmp_path):
    BPE.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes((FOLDER / "unigram.model").read_bytes())
    expected = r"tokenizer\.model has 50 pieces, and piece 1, '.*', is .* in the vocabulary of 61 tokens"
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path))}/{expected}"):
        AutoTokenizer.from_pretrained(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"\x0a\x05ab")
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path))}/tokenizer\.model is no SentencePiece model"):
        AutoTokenizer.from_pretrained(tmp_path)


def test_without_the_library_reading_works_and_splitting_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    tokenizer = of_case("bpe")
    assert tokenizer.decode(tokenizer.convert_tokens_to_ids(["▁the", "▁day"])) == "the day"
    with pytest.raises(ImportError, match=r'pip install "npconformer\[nemo\]".*sentencepiece_model=None'):
        tokenizer("the day")
    assert of_case("bpe", sentencepiece_model=None).tokenize("the day") == ["▁the", "▁day"]


def test_the_longest_piece_of_all_is_found():
    tokenizer = PieceCTCTokenizer({"▁nineteen": 0, "▁nine": 1, "teen": 2, "<unk>": 3, "<blk>": 4})
    assert tokenizer.tokenize("nineteen nineteens nine") == ["▁nineteen", "▁nineteen", "s", "▁nine"]
