"""The processor: audio and labels together, decoding of ids and logits, both folder layouts, a real checkpoint."""

import json

import numpy as np
import pytest

from npconformer.audio import Wav2Vec2FeatureExtractor, read_audio
from npconformer.processors.wav2vec2_processor import Wav2Vec2Processor
from npconformer.text import Wav2Vec2CTCTokenizer

VOCAB = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"])}
SPEECH = [np.sin(np.arange(50.0)), np.cos(np.arange(30.0))]
CALLS = [
    dict(),
    dict(padding=True),
    dict(padding=True, return_tensors="np"),
    dict(padding="max_length", max_length=40, truncation=True, pad_to_multiple_of=8),
    dict(audio_kwargs={"padding": True}, text_kwargs={"padding": "max_length", "max_length": 9}),
]


@pytest.fixture
def processor():
    return Wav2Vec2Processor(Wav2Vec2FeatureExtractor(return_attention_mask=True), Wav2Vec2CTCTokenizer(VOCAB))


@pytest.fixture
def reference(processor, tmp_path):
    transformers = pytest.importorskip("transformers")
    processor.save_pretrained(tmp_path / "for_reference")
    return transformers.Wav2Vec2Processor.from_pretrained(tmp_path / "for_reference")


def assert_same(ours, theirs):
    assert set(ours) == set(theirs)
    for name in ours:
        assert len(ours[name]) == len(theirs[name])
        for mine, other in zip(ours[name], theirs[name]):
            np.testing.assert_array_equal(mine, other)


def test_audio_text_or_both(processor):
    assert list(processor(SPEECH, sampling_rate=16000)) == ["input_values", "attention_mask"]
    assert processor(text="A B").input_ids == [5, 4, 6]
    both = processor(SPEECH, text=["AB", "C"], sampling_rate=16000, padding=True, return_tensors="np")
    assert both.input_values.shape == both.attention_mask.shape == (2, 50)
    np.testing.assert_array_equal(both.labels, [[5, 6], [7, 0]])


@pytest.mark.parametrize("options", CALLS)
def test_calls_are_the_references(processor, reference, options):
    for inputs in (dict(audio=SPEECH), dict(text=["AB", "C"]), dict(audio=SPEECH, text=["AB", "C"])):
        given = {**inputs, **options, "sampling_rate": 16000}
        assert_same(processor(**given), reference(**given))


def test_pad_is_the_references(processor, reference):
    features = [{"input_values": one} for one in processor(SPEECH, sampling_rate=16000).input_values]
    labels = [{"input_ids": ids} for ids in processor(text=["AB", "C"]).input_ids]
    for given in (
        dict(input_features=features),
        dict(labels=labels),
        dict(input_features=features, labels=labels, return_tensors="np"),
    ):
        assert_same(processor.pad(**given), reference.pad(**given))


def test_bad_calls_are_refused(processor):
    for call in (processor, processor.pad):
        with pytest.raises(ValueError, match="give"):
            call()
    with pytest.raises(ValueError, match="pading"):
        processor(SPEECH, pading=True)
    with pytest.raises(ValueError, match="sampling_rate"):
        processor(text="A", text_kwargs={"sampling_rate": 16000})


def test_logits_and_ids_decode_alike(processor):
    frames = [[8, 8, 0, 9, 0, 4, 4, 5], [8, 9, 9, 9, 0, 0, 4, 30]]
    logits = np.eye(31, dtype=np.float32)[frames]
    expected = ["DE A", "DE"]
    assert processor.batch_decode(frames, lengths=[8, 7]) == expected
    assert processor.batch_decode(np.array(frames), lengths=[8, 7]) == expected
    assert processor.batch_decode(logits, lengths=[8, 7]) == expected
    assert processor.batch_decode(logits) == ["DE A", "DE Z"]  # the garbage of the padding
    assert processor.decode(logits[0]) == processor.decode(frames[0]) == "DE A"
    output = processor.batch_decode(logits, lengths=[8, 7], output_word_offsets=True)
    assert output.word_offsets[1] == [{"word": "DE", "start_offset": 0, "end_offset": 4}]


def test_offsets_are_the_references(processor, reference):
    ids = np.random.default_rng(0).integers(0, 12, (4, 60))
    options = dict(output_char_offsets=True, output_word_offsets=True)
    ours, theirs = processor.batch_decode(ids, **options), reference.batch_decode(ids, **options)
    for name in ("text", "char_offsets", "word_offsets"):
        assert ours[name] == theirs[name]


def test_both_layouts(processor, tmp_path):
    processor.save_pretrained(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "processor_config.json",
        "tokenizer_config.json",
        "vocab.json",
    ]
    processor.feature_extractor.save_pretrained(tmp_path / "old")
    processor.tokenizer.save_pretrained(tmp_path / "old")
    (tmp_path / "old/processor_config.json").write_text(json.dumps({"processor_class": "Wav2Vec2Processor"}))
    for layout in ("new", "old"):
        read = Wav2Vec2Processor.from_pretrained(tmp_path / layout, do_normalize=False, do_lower_case=True)
        assert read.feature_extractor.return_attention_mask and read.tokenizer.get_vocab() == VOCAB
        assert read.tokenizer.do_lower_case and not read.feature_extractor.do_normalize
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Wav2Vec2Processor.from_pretrained(tmp_path / "nowhere")


def test_unknown_settings_are_kept(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "processor_config.json").read_text())
    (tmp_path / "processor_config.json").write_text(json.dumps({**settings, "colour": "green"}))
    Wav2Vec2Processor.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again/processor_config.json").read_text()) == {**settings, "colour": "green"}


def test_real_checkpoint_and_recordings(shared, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = shared / "models/digits-hf"
    ours, theirs = (kind.from_pretrained(folder) for kind in (Wav2Vec2Processor, transformers.Wav2Vec2Processor))
    paths = sorted((shared / "data/fsdd").glob("*_1[0-3].wav"))[:12]
    speech = [read_audio(path) for path in paths]
    options = dict(sampling_rate=16000, padding=True, return_tensors="np")
    assert_same(ours(speech, **options), theirs(speech, **options))
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    for name in ("processor_config.json", "vocab.json"):
        assert (tmp_path / "ours" / name).read_text() == (tmp_path / "theirs" / name).read_text()
    loaded = transformers.Wav2Vec2Processor.from_pretrained(tmp_path / "ours")
    assert loaded.feature_extractor.to_dict() == theirs.feature_extractor.to_dict()
    assert str(loaded.tokenizer.added_tokens_decoder) == str(theirs.tokenizer.added_tokens_decoder)
    assert_same(loaded(speech, **options), theirs(speech, **options))


def test_what_the_tokenizer_has_of_its_own_is_used_in_calls(tmp_path):
    vocabulary = {"<pad>": 0, "|": 1, "A": 2, "B": 3}
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), Wav2Vec2CTCTokenizer(vocabulary)).save_pretrained(tmp_path)
    processor = Wav2Vec2Processor.from_pretrained(tmp_path, max_length=3, padding="max_length", padding_side="left")
    assert processor(text="AB").input_ids == [0, 2, 3]
    assert processor(text="AB", max_length=4).input_ids == [0, 0, 2, 3]
    assert processor.feature_extractor.padding_side == processor.tokenizer.padding_side == "left"
    assert processor.tokenizer("AB").input_ids == [2, 3]
    with pytest.raises(ValueError, match="did you mean 'do_normalize'"):
        Wav2Vec2Processor.from_pretrained(tmp_path, do_normalise=False)
    with pytest.raises(TypeError, match="in this order"):
        Wav2Vec2Processor(processor.tokenizer, processor.feature_extractor)
    assert processor.pad({"input_values": [[0.1, 0.2], [0.3]]}, True).input_values.shape == (2, 2)
