"""The tokenizer: texts to ids, frames to texts and spans, files of every layout; the reference beside it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.text import Wav2Vec2CTCTokenizer

TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
VOCAB = {token: index for index, token in enumerate(TOKENS)}


@pytest.fixture
def tokenizer():
    return Wav2Vec2CTCTokenizer(VOCAB)


def frames(text):
    """Ids of the frames that a readable text stands for, `_` being the blank."""
    return [VOCAB["<pad>" if letter == "_" else letter] for letter in text]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(ours, theirs) for given settings, from one vocab.json."""
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("vocab") / "vocab.json"
    made = {}

    def make(vocab=VOCAB, **options):
        key = json.dumps([vocab, options])
        if key not in made:
            path.write_text(json.dumps(vocab))
            made[key] = (
                Wav2Vec2CTCTokenizer(path, **options),
                transformers.Wav2Vec2CTCTokenizer(str(path), **options),
            )
        return made[key]

    return make


# ---- decoding


def test_repeats_merge_and_blanks_separate(tokenizer):
    assert tokenizer.decode(frames("HH_EELL_LLO||||YYOU__")) == "HELLO YOU"
    assert tokenizer.decode(frames("HELLO")) == "HELO"
    assert tokenizer.decode(frames("HELLO"), group_tokens=False) == "HELLO"
    assert tokenizer.decode([]) == "" and tokenizer.decode(frames("_|_")) == ""


def test_labels_lose_repeats_only_when_grouped(tokenizer):
    ids = tokenizer.encode("CARRY ON")
    assert tokenizer.decode(ids) == "CARY ON" and tokenizer.decode(ids, group_tokens=False) == "CARRY ON"


def test_offsets_count_frames(tokenizer):
    output = tokenizer.decode(frames("_HHI_||Y_"), output_char_offsets=True, output_word_offsets=True)
    assert output.text == "HI Y"
    assert output.char_offsets == [
        {"char": "H", "start_offset": 1, "end_offset": 3},
        {"char": "I", "start_offset": 3, "end_offset": 4},
        {"char": " ", "start_offset": 5, "end_offset": 7},
        {"char": "Y", "start_offset": 7, "end_offset": 8},
    ]
    assert output["word_offsets"] == [
        {"word": "HI", "start_offset": 1, "end_offset": 4},
        {"word": "Y", "start_offset": 7, "end_offset": 8},
    ]
    json.dumps(output.word_offsets)  # plain integers
    assert output.keys() == ["text", "char_offsets", "word_offsets"]
    assert tokenizer.decode(frames("HI"), output_word_offsets=True).char_offsets is None


def test_skipping_special_tokens_keeps_double_letters_and_frames(tokenizer):
    """transformers 5.23 drops the blanks before it merges repeats, and reads HELO here."""
    ids = [VOCAB["<s>"], *frames("HEL_LO"), VOCAB["</s>"]]
    assert tokenizer.decode(ids) == "<s>HELLO</s>"
    output = tokenizer.decode(ids, skip_special_tokens=True, output_word_offsets=True)
    assert output.text == "HELLO"
    assert output.word_offsets == [{"word": "HELLO", "start_offset": 1, "end_offset": 7}]


def test_batches_and_real_lengths(tokenizer):
    ids = np.array([frames("HI|YOU"), frames("NO_EIE")])
    assert tokenizer.batch_decode(ids) == ["HI YOU", "NOEIE"]
    assert tokenizer.batch_decode(ids, lengths=[6, 3]) == ["HI YOU", "NO"]
    output = tokenizer.batch_decode(ids, lengths=[6, 3], output_word_offsets=True)
    assert output.text == ["HI YOU", "NO"] and output.char_offsets is None
    assert [word["word"] for word in output.word_offsets[0]] == ["HI", "YOU"]
    assert tokenizer.batch_decode([]) == []


@pytest.mark.parametrize("bad", [np.zeros((2, 3), int), np.zeros(3), ["A"]])
def test_bad_ids_are_refused(tokenizer, bad):
    with pytest.raises(ValueError, match=r"token ids|one utterance"):
        tokenizer.decode(bad)


def test_unknown_ids(tokenizer):
    assert tokenizer.decode([77, 78, VOCAB["A"], -1]) == "<unk>A<unk>"
    assert Wav2Vec2CTCTokenizer({"A": 0, "|": 1, "<pad>": 2}, unk_token=None).convert_ids_to_tokens([9]) == [None]


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    ids=st.lists(st.tuples(st.integers(0, 36), st.integers(1, 3)), max_size=20).map(
        lambda items: [index for index, times in items for _ in range(times)]
    ),
    group=st.booleans(),
    chars=st.booleans(),
    words=st.booleans(),
    spaced=st.booleans(),
    tidy=st.sampled_from([None, True, False]),
    made=st.sampled_from(
        [{}, {"do_lower_case": True}, {"word_delimiter_token": "E", "replace_word_delimiter_char": "-"}]
    ),
)
def test_decode_is_the_references(pair, ids, group, chars, words, spaced, tidy, made):
    ours, theirs = pair(**made)
    options = dict(
        group_tokens=group,
        output_char_offsets=chars,
        output_word_offsets=words,
        spaces_between_special_tokens=spaced,
        clean_up_tokenization_spaces=tidy,
    )
    mine, other = ours.decode(ids, **options), theirs.decode(ids, **options)
    if not (chars or words):
        assert mine == other
        return
    assert mine.text == other.text
    assert mine.char_offsets == (other.char_offsets if chars else None)
    assert mine.word_offsets == (other.word_offsets if words else None)


@settings(deadline=None, derandomize=True)
@given(ids=st.lists(st.integers(0, 36), max_size=20))
def test_skipping_special_tokens_is_the_references_without_merging(pair, ids):
    ours, theirs = pair()
    options = dict(skip_special_tokens=True, group_tokens=False)
    assert ours.decode(ids, **options) == theirs.decode(ids, **options)


# ---- encoding


def test_encode(tokenizer):
    assert tokenizer.tokenize("HI YOU") == ["H", "I", "|", "Y", "O", "U"]
    assert tokenizer.encode("A <pad> É") == [VOCAB["A"], VOCAB["<pad>"], VOCAB["<unk>"]]
    assert tokenizer.encode(["A", "|"]) == [VOCAB["A"], VOCAB["|"]]
    assert Wav2Vec2CTCTokenizer(VOCAB, do_lower_case=True).tokenize("hi<s>") == ["H", "I", "<s>"]
    assert tokenizer("A").attention_mask == [1] and tokenizer(["A"]).input_ids == [[VOCAB["A"]]]
    with pytest.raises(ValueError, match="unk_token"):
        Wav2Vec2CTCTokenizer({"A": 0, "|": 1, "<pad>": 2}, unk_token=None).encode("B")
    for wrong in (None, 3, [None]):
        with pytest.raises((ValueError, TypeError)):
            tokenizer(wrong)


def test_padding(tokenizer):
    batch = tokenizer(["HI", "A"], padding=True, return_tensors="np")
    np.testing.assert_array_equal(batch.input_ids, [[VOCAB["H"], VOCAB["I"]], [VOCAB["A"], 0]])
    np.testing.assert_array_equal(batch.attention_mask, [[1, 1], [1, 0]])
    assert tokenizer("HI", return_tensors="np").input_ids.shape == (1, 2)
    with pytest.raises(ValueError, match="padding=True"):
        tokenizer(["HI", "A"], return_tensors="np")
    with pytest.raises(ValueError, match='write "np"'):
        tokenizer("HI", return_tensors="tf")


alphabet = st.sampled_from([*"ABCz '|é", "<pad>", "<s>", "<unk>", "<", "  "])
texts = st.lists(alphabet, max_size=12).map("".join)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(text=texts, made=st.sampled_from([{}, {"do_lower_case": True}, {"word_delimiter_token": "z"}]))
def test_tokenize_is_the_references(pair, text, made):
    ours, theirs = pair(**made)
    assert ours.tokenize(text) == theirs.tokenize(text)
    assert ours.encode(text) == theirs.encode(text)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    batch=st.one_of(texts.filter(len), st.lists(texts, min_size=1, max_size=3)),  # alone, "" is never padded there
    options=st.fixed_dictionaries(
        {},
        optional=dict(
            padding=st.sampled_from([True, False, "longest", "max_length"]),
            truncation=st.booleans(),
            max_length=st.integers(1, 9),
            padding_side=st.sampled_from(["left", "right"]),
            return_attention_mask=st.booleans(),
        ),
    ),
)
@pytest.mark.filterwarnings("ignore:`max_length` is ignored")
def test_calls_are_the_references(pair, batch, options):
    ours, theirs = pair()
    assert dict(ours(batch, **options)) == dict(theirs(batch, **options))


# ---- vocabulary


def test_vocabulary(tokenizer):
    assert tokenizer.vocab_size == len(tokenizer) == 32 and tokenizer.get_vocab() == VOCAB
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("<pad>", 0)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (1, 2, 3)
    assert (tokenizer.word_delimiter_token, tokenizer.word_delimiter_token_id) == ("|", 4)
    assert tokenizer.convert_ids_to_tokens(5) == "E" and tokenizer.convert_tokens_to_ids("E") == 5
    assert tokenizer.convert_ids_to_tokens(np.array([0, 5]), skip_special_tokens=True) == ["E"]
    assert tokenizer.all_special_ids == [1, 2, 3, 0, 4]


@pytest.mark.parametrize(
    "vocab", [{"A": 0, "|": 1}, {"A": 1, "B": 5, "<pad>": 0}, {"<pad>": 0, "AB": 1, "ABC": 2, "A": 3, "|": 4}]
)
def test_missing_special_tokens_are_added_as_in_the_reference(pair, vocab):
    ours, theirs = pair(vocab)
    assert ours.get_vocab() == theirs.get_vocab() and len(ours) == len(theirs)
    assert ours.vocab_size == theirs.vocab_size and ours.all_special_tokens == theirs.all_special_tokens
    assert {i: t.to_dict() for i, t in ours._added.items()} == {
        i: t.__getstate__() for i, t in theirs.added_tokens_decoder.items()
    }
    for text in ("ABCAB <s>A", "XABC"):
        assert ours.tokenize(text) == theirs.tokenize(text)


def test_languages(pair):
    vocab = {"eng": {"<pad>": 0, "|": 1, "A": 2}, "deu": {"<pad>": 0, "|": 1, "Ä": 2, "ß": 3}}
    ours, theirs = pair(vocab, target_lang="eng")
    assert ours.get_vocab() == theirs.get_vocab() and ours.decode([2]) == "A"
    ours.set_target_lang("deu")
    theirs.set_target_lang("deu")
    assert ours.decode([2, 3]) == theirs.decode([2, 3]) == "Äß"
    assert ours.get_vocab() == theirs.get_vocab()
    for wrong in (dict(), dict(target_lang="fra")):
        with pytest.raises(ValueError, match="target_lang"):
            Wav2Vec2CTCTokenizer(vocab, **wrong)
    with pytest.raises(ValueError, match="one language"):
        Wav2Vec2CTCTokenizer(VOCAB, target_lang="eng")


@pytest.mark.parametrize("bad", [None, {"A": "0"}, {"A": -1}])
def test_bad_vocabularies_are_refused(bad):
    with pytest.raises(ValueError, match="vocab"):
        Wav2Vec2CTCTokenizer(bad)


# ---- files


def test_round_trip_keeps_everything(tmp_path):
    made = dict(do_lower_case=True, replace_word_delimiter_char="-", bos_token=None, colour="green")
    ours = Wav2Vec2CTCTokenizer({"A": 0, "<pad>": 1, "|": 2}, extra_special_tokens=["<noise>"], **made)
    ours.save_pretrained(tmp_path)
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert again.get_vocab() == ours.get_vocab() and again.bos_token is None
    assert again.all_special_tokens == ours.all_special_tokens and "<noise>" in again.all_special_tokens
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["colour"] == "green"
    again.save_pretrained(tmp_path / "again")
    for name in ("vocab.json", "tokenizer_config.json", "added_tokens.json"):
        assert (tmp_path / "again" / name).read_text() == (tmp_path / name).read_text()
    assert Wav2Vec2CTCTokenizer.from_pretrained(tmp_path, do_lower_case=False).do_lower_case is False


def test_old_checkpoints(tmp_path):
    """transformers 4 kept the special tokens in a file of their own, and the settings of the audio here, too."""
    vocab = {token: index for token, index in VOCAB.items() if token != "<s>"}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    config = dict(unk_token="<unk>", do_lower_case=False, return_attention_mask=False, do_normalize=True)
    config.update(tokenizer_class="Wav2Vec2CTCTokenizer", tokenizer_file=None, name_or_path="x")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    start = {"content": "<S>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    special = {"bos_token": start, "additional_special_tokens": ["<noise>"]}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(special))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<S>": 32, "<noise>": 33}))
    ours = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert (ours.bos_token, ours.bos_token_id) == ("<S>", 32) and "<noise>" in ours.all_special_tokens
    transformers = pytest.importorskip("transformers")
    theirs = transformers.Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.tokenize("A<S>B <noise> C") == theirs.tokenize("A<S>B <noise> C")


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"vocab\.json"):
        Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text('{"A": 0')
    with pytest.raises(ValueError, match=r"vocab\.json is not valid JSON"):
        Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text("[1]")
    with pytest.raises(ValueError, match="must hold a JSON object, got a list"):
        Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "made",
    [{}, dict(do_lower_case=True, bos_token=None), dict(extra_special_tokens=["<noise>"], pad_token="[PAD]")],
)
def test_the_reference_loads_what_we_save_and_the_other_way(tmp_path, pair, made):
    ours, theirs = pair(**made)
    ours.save_pretrained(tmp_path / "ours")
    loaded = type(theirs).from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    read = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "theirs")
    assert ours.get_vocab() == theirs.get_vocab() == loaded.get_vocab() == read.get_vocab()
    assert str(loaded.added_tokens_decoder) == str(theirs.added_tokens_decoder)
    assert loaded.special_tokens_map == theirs.special_tokens_map == read.special_tokens_map
    for text in ("A b<noise>C", "A [PAD] <pad><s>B"):
        expected = theirs.encode(text)
        assert ours.encode(text) == loaded.encode(text) == read.encode(text) == expected
        assert loaded.decode(expected) == read.decode(expected) == theirs.decode(expected)
