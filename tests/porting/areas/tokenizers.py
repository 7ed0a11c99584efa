"""Texts to ids and back, and the tokens of a vocabulary."""

from typing import Any

from tests.porting.area import Area
from tests.porting.library import Library
from tests.porting.written import add_calls

AREA = Area("tokenizers", "Tokenizers")
VOCABULARY = {token: index for index, token in enumerate(["<pad>", "|", *"ABCDEFGHIJ", "<unk>"])}


def names(l: Library) -> dict[str, Any]:
    import json
    import os

    import numpy as np

    file = l.temporary / "vocab.json"
    file.write_text(json.dumps(VOCABULARY))
    nested = l.temporary / "languages.json"
    nested.write_text(json.dumps({"de": VOCABULARY, "el": {"<pad>": 0, "|": 1, "Α": 2, "Β": 3, "<unk>": 4}}))
    tok = l.Wav2Vec2CTCTokenizer(str(file))
    return {"tok": tok, "np": np, "os": os, "folder": str(l.temporary / "saved"), "nested": str(nested)}


add_calls(
    AREA,
    names,
    [
        'tok("AB CD")',
        'tok(["AB", "C"], padding=True)',
        'tok(["AB", "C"], padding=True, return_tensors="np")',
        'tok("AB", return_tensors="np").input_ids',
        'tok(["AB", "CD"], is_split_into_words=True)',
        'tok([["AB", "CD"], ["A"]], is_split_into_words=True)',
        'tok("ABC", truncation="bogus", max_length=2)',
        'tok("ABC", truncation="longest_first", max_length=2)',
        'tok("ABC", truncation="only_first", max_length=2)',
        'tok("ABC", truncation="only_second", max_length=2)',
        'tok("ABC", truncation="do_not_truncate", max_length=2)',
        'tok("ABC", max_length=2)',
        'tok("AB", add_special_tokens=False)',
        'tok("AB", text_target="CDE")',
        'tok(text_target=["CD", "A"], padding=True)',
        'tok(["AB", "A"], text_target=["CDE", "A"], padding=True, return_tensors="np")',
        'tok("AB", return_length=True)',
        'tok(["AB", "C"], padding=True, return_length=True)',
        'tok(["AB", "C"], padding=True, return_special_tokens_mask=True)',
        'tok(["AB", "C"], padding=True, return_token_type_ids=True)',
        'tok("AB", return_attention_mask=False)',
        'tok("AB", verbose=False)',
        'tok("A<s>B", split_special_tokens=True)',
        'tok("AB", padding="max_length", max_length=4, padding_side="left")',
        'tok(["AB", "C"], padding=True, pad_to_multiple_of=4)',
        "tok(None)",
        'tok("")',
        'tok.encode("AB")',
        'tok.encode("AB", add_special_tokens=False, return_tensors="np")',
        'tok.tokenize("AB CD")',
        'tok.tokenize("AB", add_special_tokens=False)',
        # padding of what is encoded already
        'tok.pad([{"input_ids": [5, 6], "attention_mask": [1, 0]}, {"input_ids": [7] * 3, "attention_mask": [1] * 3}])',
        'tok.pad([{"input_ids": [5, 6], "labels": 3}, {"input_ids": [7, 8, 9], "labels": 4}], return_tensors="np")',
        'tok.pad([{"input_ids": [5, 6], "labels": [1, 0]}, {"input_ids": [7, 8, 9], "labels": [1, 1, 1]}])',
        'tok.pad([{"input_ids": [5], "token_type_ids": [1]}, {"input_ids": [7, 8], "token_type_ids": [1, 0]}])',
        'tok.pad({"input_ids": [[5, 6], [7]], "id": [1, 2]})',
        'tok.pad({"input_ids": [5, 6]}, padding="max_length", max_length=3)',
        'tok.pad([{"input_ids": [5, 6]}], return_attention_mask=False)',
        'tok.pad([{"input_ids": [5], "attention_mask": [1]}], return_attention_mask=False)',
        'tok.pad([{"input_ids": np.array([5, 6])}, {"input_ids": np.array([5])}])',
        'tok.pad([{"labels": [5, 6]}])',
        # tokens
        'tok.add_tokens(["xy", "A"]), len(tok), tok.vocab_size, tok("ABxyC").input_ids',
        'tok.add_tokens("Q"), tok.get_added_vocab()["Q"]',
        'tok.add_tokens(["Q"], special_tokens=True), tok.all_special_tokens',
        'tok.add_tokens([l.AddedToken("zz", lstrip=True)]), tok("A zz B").input_ids',
        'tok.add_special_tokens({"pad_token": "<p2>"}), tok.pad_token, tok.pad_token_id, len(tok)',
        'tok.add_special_tokens({"extra_special_tokens": ["<x>"]}), tok.all_special_tokens, tok.extra_special_tokens',
        'tok.add_special_tokens({"additional_special_tokens": ["<x>"]}), tok.all_special_tokens, len(tok)',
        'tok.add_special_tokens({"bogus": "<x>"})',
        "tok.added_tokens_encoder",
        "{index: token.content for index, token in tok.added_tokens_decoder.items()}",
        "tok.added_tokens_decoder[0].lstrip, tok.added_tokens_decoder[13].special",
        "tok.get_added_vocab()",
        'str(l.AddedToken("x")), l.AddedToken("x", lstrip=True).lstrip',
        'tok.pad_token = "A"; tok.pad_token, tok.pad_token_id',
        "tok.pad_token = tok.eos_token; tok.pad_token_id",
        "tok.pad_token = None; tok.pad_token",
        "tok.pad_token_id = 5; tok.pad_token",
        'tok.cls_token = "A"; tok.cls_token_id, tok.special_tokens_map',
        "tok.cls_token, tok.sep_token, tok.mask_token, tok.cls_token_id",
        "tok.extra_special_tokens",
        "tok.special_tokens_map",
        "tok.all_special_tokens",
        "tok.model_max_length > 1e29, tok.padding_side, tok.truncation_side",
        "tok.is_fast, tok.name_or_path",
        "tok.convert_ids_to_tokens(np.array([2, 3]))",
        'tok.init_kwargs["pad_token"], tok.init_kwargs["do_lower_case"]',
        'tok.convert_tokens_to_string(["A", "A", "|", "B"])["text"]',
        'tok.convert_tokens_to_string(["A", "A", "|", "B"], group_tokens=False, output_word_offsets=True)',
        'tok.convert_tokens_to_string(["A", "<pad>", "A"], output_char_offsets=True)["char_offsets"]',
        # decoding
        "tok.decode([2, 2, 0, 2, 1, 3]), tok.batch_decode([[2, 3]])",
        "tok.decode(np.array([2, 2, 1, 3]), output_word_offsets=True)[0]",
        "dict(tok.decode(np.array([2, 2, 1, 3]), output_word_offsets=True).items())",
        "tok.decode(np.array([2, 2, 1, 3]), output_word_offsets=True).to_tuple()",
        "tok.decode(np.array([2, 2, 1, 3]), output_char_offsets=True).char_offsets",
        # files
        'os.makedirs(folder); tok.save_vocabulary(folder, "a"); sorted(os.listdir(folder))',
        "tok.save_pretrained(save_directory=folder); sorted(os.listdir(folder))",
        'tok.save_pretrained(folder, filename_prefix="a"); sorted(os.listdir(folder))',
        "tok.save_pretrained(folder); l.AutoTokenizer.from_pretrained(folder).name_or_path == folder",
        "tok.save_pretrained(folder); l.AutoTokenizer.from_pretrained(pretrained_model_name_or_path=folder).vocab_size",
        "tok.save_pretrained(folder); l.AutoTokenizer.from_pretrained(folder, use_fast=False, revision='main')('A')",
        "tok.save_pretrained(folder); l.AutoTokenizer.from_pretrained(folder, max_length=5, padding='max_length')('A')",
        "tok.save_pretrained(folder); l.AutoTokenizer.from_pretrained(folder, note=1).init_kwargs['note']",
        # several languages
        'l.Wav2Vec2CTCTokenizer(nested, target_lang="el")("ΑΒ").input_ids',
        't = l.Wav2Vec2CTCTokenizer(nested, target_lang="de"); t.set_target_lang("el"); t("ΒΑ").input_ids',
        't = l.Wav2Vec2CTCTokenizer(nested, target_lang="de"); t.set_target_lang("xx")',
    ],
)
add_calls(AREA, names, ['tok("AB", "CD")'], deliberate="no pairs of texts: they would be run together without a space")
add_calls(
    AREA, names, ['tok("AB", return_offsets_mapping=True)'], deliberate="refused rather than left out of the result"
)
add_calls(AREA, names, ['tok("AB", paddin=True)'], deliberate="an unknown argument is an error, not ignored")
add_calls(
    AREA,
    names,
    ['tok("ABC", truncation=True, max_length=2, return_overflowing_tokens=True)'],
    deliberate="nothing is cut unless truncation asks for it, and then it is meant to be gone",
)
add_calls(
    AREA,
    names,
    ['tok.pad_token = "NEW"; tok.pad_token_id'],
    deliberate="a token outside the vocabulary would get the unknown token's id: `add_special_tokens` adds it",
)
add_calls(
    AREA,
    names,
    ['tok.word_delimiter_token = "A"; tok("B C").input_ids'],
    deliberate="taken; the reference keeps the former one",
)
add_calls(
    AREA,
    names,
    ['tok.encode(["A", "B"])'],
    deliberate="a list of tokens, as its documentation says; several texts are given to the tokenizer itself",
)
add_calls(
    AREA,
    names,
    ["tok.decode(np.array([2, 2, 0, 2]), skip_special_tokens=True)"],
    deliberate="the blank between two letters keeps them apart; the reference drops it first, and HELLO is HELO",
)
add_calls(
    AREA,
    names,
    [
        'tok("AB", return_tensors="pt").input_ids',
    ],
    needs="torch",
)
