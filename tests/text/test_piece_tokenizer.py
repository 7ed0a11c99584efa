"""Word pieces: text, words and their frames from pieces; pieces from text; files; what is refused."""

import numpy as np
import pytest

from npconformer import AutoTokenizer, PieceCTCTokenizer, align_text
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
