"""How the tokenizer brings ids to a length: cutting on either side, padding to a multiple; the reference beside it."""

import json

import pytest

from npconformer.text import Wav2Vec2CTCTokenizer

VOCAB = {token: index for index, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"AEHILOTUY"])}


@pytest.fixture
def tokenizer():
    return Wav2Vec2CTCTokenizer(VOCAB)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The reference's tokenizer, which cuts on the left."""
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("vocab") / "vocab.json"
    path.write_text(json.dumps(VOCAB))
    return transformers.Wav2Vec2CTCTokenizer(str(path), truncation_side="left")


def ids_of(text):
    return [VOCAB[letter] for letter in text]


def test_truncation_on_the_left_keeps_the_end(tmp_path):
    tokenizer = Wav2Vec2CTCTokenizer(VOCAB, truncation_side="left")
    assert tokenizer("HELLO", truncation=True, max_length=3).input_ids == ids_of("LLO")
    assert tokenizer(["HELLO", "HI"], truncation=True, max_length=4).input_ids == [ids_of("ELLO"), ids_of("HI")]
    for longest in (5, 6):
        assert tokenizer("HELLO", truncation=True, max_length=longest).input_ids == ids_of("HELLO")
    assert Wav2Vec2CTCTokenizer(VOCAB)("HELLO", truncation=True, max_length=3).input_ids == ids_of("HEL")
    tokenizer.save_pretrained(tmp_path)
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert again.truncation_side == "left" and again("HELLO", max_length=1).input_ids == ids_of("O")
    with pytest.raises(ValueError, match="truncation_side must be 'right' or 'left', got 'middle'"):
        Wav2Vec2CTCTokenizer(VOCAB, truncation_side="middle")


def test_padding_to_a_multiple(tokenizer):
    for texts, multiple, length in [
        (["HI", "A"], 4, 4),
        (["HELLO", "A"], 4, 8),
        (["HEAT", "A"], 4, 4),  # a multiple already
        (["HELLO", "A"], 1, 5),
        (["HELLO", "A"], None, 5),
    ]:
        for batch in (
            tokenizer(texts, padding=True, pad_to_multiple_of=multiple),
            tokenizer.pad(tokenizer(texts), pad_to_multiple_of=multiple),
        ):
            assert batch.input_ids == [ids_of(text) + [0] * (length - len(text)) for text in texts]
            assert batch.attention_mask == [[1] * len(text) + [0] * (length - len(text)) for text in texts]
    options = dict(padding="max_length", max_length=6, pad_to_multiple_of=4, padding_side="left")
    assert tokenizer("HI", **options).input_ids == [0] * 6 + ids_of("HI")
    assert tokenizer("HI", pad_to_multiple_of=4).input_ids == ids_of("HI")  # nothing is padded unless asked for


@pytest.mark.parametrize("multiple", [None, 1, 3, 4, 8])
@pytest.mark.parametrize("padding", [False, True, "max_length"])
@pytest.mark.parametrize("longest", [1, 4, 5, 7, 9])
def test_cutting_on_the_left_and_multiples_are_the_references(reference, multiple, padding, longest):
    ours, theirs = Wav2Vec2CTCTokenizer(VOCAB, truncation_side="left"), reference
    cut = dict(padding=padding, truncation=True, max_length=longest)
    padded = dict(padding=padding, truncation=False, pad_to_multiple_of=multiple)
    if padding == "max_length":
        padded["max_length"] = longest
    for batch in ("HELLO YOU", ["HELLO YOU", "A", "HEAT"]):
        assert dict(ours(batch, **cut)) == dict(theirs(batch, **cut))
        assert dict(ours(batch, **padded)) == dict(theirs(batch, **padded))
