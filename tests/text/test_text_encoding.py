"""Texts to ids: words, cutting, further entries, and padding of what is encoded already."""

import numpy as np
import pytest

from npconformer import BatchEncoding, Wav2Vec2CTCTokenizer

VOCABULARY = {token: index for index, token in enumerate(["<pad>", "|", *"ABCDEFGHIJ", "<unk>"])}


@pytest.fixture
def tokenizer():
    return Wav2Vec2CTCTokenizer(VOCABULARY)


def test_words_are_one_text(tokenizer):
    batch = tokenizer(["AB", "CD"], is_split_into_words=True)
    assert isinstance(batch, BatchEncoding)
    assert batch.input_ids == [2, 3, 4, 5]
    assert tokenizer([["AB", "CD"], ["A"]], is_split_into_words=True).input_ids == [[2, 3, 4, 5], [2]]
    assert tokenizer.encode(["AB", "CD"], is_split_into_words=True) == [2, 3, 4, 5]


def test_truncation_by_name(tokenizer):
    lengths = {"only_first": 2, "longest_first": 2, True: 2, False: 3, "only_second": 3, "do_not_truncate": 3}
    for name, length in lengths.items():
        assert len(tokenizer("ABC", truncation=name, max_length=2).input_ids) == length
    with pytest.raises(ValueError, match="truncation='bogus'"):
        tokenizer("ABC", truncation="bogus", max_length=2)


def test_targets(tokenizer):
    batch = tokenizer(["AB", "A"], text_target=["CDE", "A"], padding=True, return_tensors="np")
    np.testing.assert_array_equal(batch.labels, [[4, 5, 6], [2, 0, 0]])
    assert tokenizer(text_target="CD").input_ids == [4, 5]


def test_further_entries(tokenizer):
    asked = dict(return_length=True, return_token_type_ids=True, return_special_tokens_mask=True)
    batch = tokenizer(["AB", "C"], padding="max_length", max_length=3, padding_side="left", **asked)
    assert batch == {
        "input_ids": [[0, 2, 3], [0, 0, 4]],
        "token_type_ids": [[0] * 3] * 2,
        "special_tokens_mask": [[1, 0, 0], [1, 1, 0]],
        "length": [2, 1],
        "attention_mask": [[0, 1, 1], [0, 0, 1]],
    }
    assert tokenizer("AB", **asked).length == 2


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("A", "B"), {}, "text_pair: .* text_target"),
        ((), {}, "give text or text_target"),
        (("A",), {"return_offsets_mapping": True}, "output_char_offsets"),
        (("A",), {"return_overflowing_tokens": True}, "truncation"),
    ],
)
def test_what_is_refused(tokenizer, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        tokenizer(*arguments, **options)


def test_pad_keeps_a_mask_that_is_given_and_what_is_not_its_own(tokenizer):
    rows = [
        {"input_ids": [5, 6], "attention_mask": [1, 0], "labels": 3, "name": "a"},
        {"input_ids": [7, 8, 9], "attention_mask": [1, 1, 1], "labels": 4, "name": "b"},
    ]
    batch = tokenizer.pad(rows, return_tensors="np", return_attention_mask=False)
    np.testing.assert_array_equal(batch.attention_mask, [[1, 0, 0], [1, 1, 1]])
    assert tokenizer.pad(rows).attention_mask == [[1, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(batch.labels, [3, 4])
    assert batch["name"] == ["a", "b"]
    assert rows[0]["attention_mask"] == [1, 0]
    assert isinstance(tokenizer.pad([{"input_ids": np.array([1])}]).input_ids, np.ndarray)
    with pytest.raises(ValueError, match="attention_mask and input_ids"):
        tokenizer.pad([{"input_ids": [1, 2], "attention_mask": [1]}])
    with pytest.raises(ValueError, match="sequence 1 has the entries"):
        tokenizer.pad([{"input_ids": [1], "labels": 1}, {"input_ids": [1]}])


def test_offsets_as_a_tuple_and_as_a_mapping(tokenizer):
    output = tokenizer.decode([2, 2, 1, 3], output_word_offsets=True)
    words = [{"word": "A", "start_offset": 0, "end_offset": 2}, {"word": "B", "start_offset": 3, "end_offset": 4}]
    assert output.to_tuple() == (output[0], output[1]) == ("A B", words)
    assert dict(output.items()) == dict(output) == {"text": "A B", "word_offsets": words}
    assert [*output] == output.keys() == ["text", "word_offsets"]


def test_tokens_to_a_string(tokenizer):
    given = tokenizer.convert_tokens_to_string(["A", "A", "<pad>", "A", "|"], output_char_offsets=True)
    assert given["text"] == "AA"
    assert [one["start_offset"] for one in given["char_offsets"]] == [0, 3, 4]
    assert tokenizer.convert_tokens_to_string(["A", "A"], group_tokens=False)["text"] == "AA"


def test_files_with_a_prefix(tokenizer, tmp_path):
    assert [p.rsplit("/")[-1] for p in tokenizer.save_vocabulary(tmp_path, "a")] == ["a-vocab.json"]
    assert {p.rsplit("/")[-1] for p in tokenizer.save_pretrained(tmp_path, filename_prefix="b")} == {
        "b-vocab.json",
        "b-tokenizer_config.json",
        "b-added_tokens.json",
    }
    with pytest.raises(ValueError, match="uploads nothing"):
        tokenizer.save_pretrained(tmp_path / "c", push_to_hub=True)
    assert not (tmp_path / "c").exists()


def test_settings_about_what_a_call_reads_and_gives(tmp_path):
    """split_special_tokens and model_input_names hold for calls that do not say, and are saved."""
    vocab = {token: i for i, token in enumerate(["<pad>", "|", "A", "<", "s", ">", "<unk>"])}
    usual = Wav2Vec2CTCTokenizer(vocab)
    split = Wav2Vec2CTCTokenizer(vocab, split_special_tokens=True, model_input_names=["input_ids", "token_type_ids"])
    split.save_pretrained(tmp_path)
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    for tokenizer in (split, again):
        assert tokenizer("A<s>").input_ids == tokenizer.encode("A<s>") == [2, 3, 4, 5]
        assert tokenizer.tokenize("<s>") == ["<", "s", ">"]
        assert tokenizer("A<s>", split_special_tokens=False).input_ids == usual("A<s>").input_ids != [2, 3, 4, 5]
        assert sorted(tokenizer("A")) == ["input_ids", "token_type_ids"]
        assert "attention_mask" in tokenizer("A", return_attention_mask=True)
        assert "token_type_ids" not in tokenizer("A", return_token_type_ids=False)
    assert sorted(usual("A")) == ["attention_mask", "input_ids"]
    assert not {"split_special_tokens", "model_input_names"} & set(usual.init_kwargs)


@pytest.mark.parametrize("setting", [{"split_special_tokens": "yes"}, {"model_input_names": ["attention_mask"]}])
def test_settings_of_the_wrong_kind(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} must be"):
        Wav2Vec2CTCTokenizer({"<pad>": 0}, **setting)
