"""Tokens with a role and tokens that are added."""

import pytest

from npconformer import AddedToken, Wav2Vec2CTCTokenizer

VOCABULARY = {token: index for index, token in enumerate(["<pad>", "|", *"ABCDEFGHIJ", "<unk>"])}


@pytest.fixture
def tokenizer():
    return Wav2Vec2CTCTokenizer(VOCABULARY)


def test_added_tokens_are_kept_whole_and_saved(tokenizer, tmp_path):
    assert tokenizer.add_tokens(["xy", "A", AddedToken("zz", lstrip=True)]) == 2
    assert tokenizer("AxyB zzC").input_ids == [2, 15, 3, 16, 4]
    assert tokenizer.add_tokens("xy") == 0
    assert (len(tokenizer), tokenizer.vocab_size) == (17, 13)
    tokenizer.save_pretrained(tmp_path)
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert again.added_tokens_decoder == tokenizer.added_tokens_decoder
    assert again.added_tokens_encoder == again.get_added_vocab() == tokenizer.get_added_vocab()


def test_special_tokens_that_are_added(tokenizer, tmp_path):
    assert tokenizer.add_special_tokens({"pad_token": "<p>", "extra_special_tokens": ["<x>", "<s>"]}) == 2
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.extra_special_tokens) == ("<p>", 15, ["<x>"])
    assert tokenizer(["A", ""], padding=True).input_ids == [[2], [15]]
    assert tokenizer.decode([15, 2, 15, 16]) == "A<x>"
    assert tokenizer.decode([2, 16], skip_special_tokens=True) == "A"
    tokenizer.add_special_tokens({"extra_special_tokens": ["<y>"]}, replace_extra_special_tokens=False)
    assert tokenizer.additional_special_tokens == ["<x>", "<y>"]
    tokenizer.save_pretrained(tmp_path)
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert (again.pad_token_id, again.all_special_ids) == (15, tokenizer.all_special_ids)
    with pytest.raises(ValueError, match="'bogus' is no role"):
        tokenizer.add_special_tokens({"bogus": "<x>"})


def test_a_role_is_given_by_assigning(tokenizer, tmp_path):
    tokenizer.pad_token, tokenizer.unk_token_id, tokenizer.bos_token = "A", 3, None
    tokenizer.word_delimiter_token = "C"
    assert (tokenizer.pad_token_id, tokenizer.unk_token, tokenizer.bos_token_id) == (2, "B", None)
    assert tokenizer("? ?").input_ids == [3, 4, 3]
    tokenizer.save_pretrained(tmp_path)
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert again.special_tokens_map == tokenizer.special_tokens_map
    with pytest.raises(ValueError, match=r"no 'NEW'; add it with add_special_tokens\(\{'pad_token': 'NEW'\}\)"):
        tokenizer.pad_token = "NEW"
    assert tokenizer.pad_token == "A"
