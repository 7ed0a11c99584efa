"""Tokenizers with tens of thousands of tokens, with ids that nothing has, and with ids beyond all bounds."""

import json
import random
import re
import time

import pytest

from npconformer import Wav2Vec2CTCTokenizer
from npconformer.text.added_tokens import AddedToken, lengths_by_letter, split_on_tokens

LETTERS = {"<pad>": 0, "|": 1, "A": 2, "B": 3}
NO_UNKNOWN = {"unk_token": None, "bos_token": None, "eos_token": None}
MANY = [f"<{number:05d}>" for number in range(30_000)]


def added(token, **switches):
    return {"content": token, **switches}


@pytest.mark.parametrize(
    ("vocab", "settings"),
    [
        (LETTERS, {"added_tokens_decoder": {str(10 + i): added(token) for i, token in enumerate(MANY)}}),
        (LETTERS, {"additional_special_tokens": MANY}),
        ({**LETTERS, **{token: 10 + i for i, token in enumerate(MANY)}}, {}),
    ],
    ids=["added", "special", "vocabulary"],
)
def test_thirty_thousand_tokens(vocab, settings, tmp_path):
    start = time.process_time()
    tokenizer = Wav2Vec2CTCTokenizer(vocab, **settings)
    assert tokenizer.tokenize("A<12345>B" + "AB" * 20_000)[:3] == ["A", "<12345>", "B"]
    tokenizer.save_pretrained(tmp_path)
    assert Wav2Vec2CTCTokenizer.from_pretrained(tmp_path).get_vocab() == tokenizer.get_vocab()
    assert time.process_time() - start < 20  # with a vocabulary made anew for each token: minutes


def test_old_checkpoints_with_many(tmp_path):
    files = {
        "vocab.json": LETTERS,
        "added_tokens.json": {token: 10 + i for i, token in enumerate(MANY)},
        "special_tokens_map.json": {"additional_special_tokens": MANY},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    start = time.process_time()
    tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer.all_special_ids) > 30_000
    assert time.process_time() - start < 5


def test_texts_are_cut_as_a_pattern_cuts_them():
    chance = random.Random(1)
    for _ in range(300):
        tokens = {"".join(chance.choices("ab<", k=chance.randint(1, 5))) for _ in range(chance.randint(1, 8))}
        text = "".join(chance.choices("ab<c ", k=30))
        pattern = "(" + "|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) + ")"
        expected = [piece for piece in re.split(pattern, text) if piece]
        assert split_on_tokens(text, {t: AddedToken(t) for t in tokens}, lengths_by_letter(tokens)) == expected


def test_an_id_that_nothing_has():
    tokenizer = Wav2Vec2CTCTokenizer(LETTERS, **NO_UNKNOWN)
    assert tokenizer.decode([2, 0, 3]) == "AB"
    for call in (tokenizer.decode, lambda ids: tokenizer.batch_decode([ids], output_word_offsets=True)):
        with pytest.raises(ValueError, match="token id 7 is not in the vocabulary, and there is no unk_token"):
            call([2, 7, 3])
    assert tokenizer.convert_ids_to_tokens([2, 7]) == ["A", None]
    assert Wav2Vec2CTCTokenizer(LETTERS).decode([2, 77, 3]) == "A<unk>B"


@pytest.mark.parametrize("index", [2**31, 10**30])
def test_ids_beyond_all_bounds(index):
    with pytest.raises(ValueError, match=r"gives token 'C' the id [0-9]+; ids are integers from 0 to 2147483647"):
        Wav2Vec2CTCTokenizer({**LETTERS, "C": index})
    with pytest.raises(ValueError, match=r"added_tokens_decoder has the id '[0-9]+'; ids are integers from 0 to"):
        Wav2Vec2CTCTokenizer(LETTERS, added_tokens_decoder={str(index): added("<c>")})


def test_no_token_takes_the_id_of_another(tmp_path):
    tokenizer = Wav2Vec2CTCTokenizer(LETTERS, added_tokens_decoder={"5": added("</s>")})
    assert len(set(tokenizer.get_vocab().values())) == len(tokenizer.get_vocab()) == 7
    assert tokenizer.convert_tokens_to_ids(["</s>", "<s>", "<unk>"]) == [5, 6, 7]


def test_an_added_token_with_the_id_of_a_special_one():
    with pytest.raises(ValueError, match="the added token '</s>' has the id 0, which is that of '<pad>' in vocab"):
        Wav2Vec2CTCTokenizer(LETTERS, added_tokens_decoder={"0": added("</s>")})
    assert Wav2Vec2CTCTokenizer(LETTERS, added_tokens_decoder={"0": added("<pad>")}).pad_token_id == 0


def test_messages_about_many_languages_are_short():
    with pytest.raises(ValueError, match=r"choose target_lang from \\x1b0, .* and 4900 more") as raised:
        Wav2Vec2CTCTokenizer({f"\x1b{number}": LETTERS for number in range(5000)})
    assert len(str(raised.value)) < 1500


def test_two_whole_tokens_with_one_id():
    vocab = {"<pad> ": 0, "A": 1}  # one letter too many, beside settings that know the token
    with pytest.raises(ValueError, match=r"added token '<pad>' has the id 0, which is that of '<pad> '"):
        Wav2Vec2CTCTokenizer(vocab, added_tokens_decoder={"0": {"content": "<pad>", "special": True}})


def test_a_letter_that_is_special_shares_its_id_with_no_added_token():
    vocab = {"<pad>": 0, "|": 1, "A": 2}
    with pytest.raises(ValueError, match=r"added token '<x>' has the id 1, which is that of '\|'"):
        Wav2Vec2CTCTokenizer(vocab, added_tokens_decoder={"1": {"content": "<x>"}})
