"""The processor of Wav2Vec2-BERT, and old fine-tunes that name Wav2Vec2Processor: calls, files, the reference."""

import json

import numpy as np
import pytest

from npconformer import (
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertProcessor,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Processor,
)

VOCAB = {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"])}
SPEECH = [np.random.default_rng(n).normal(size=n).astype(np.float32) for n in (3000, 2000)]
KINDS = [Wav2Vec2BertProcessor, Wav2Vec2Processor]
CALLS = [
    dict(),
    dict(padding=True),
    dict(padding=True, return_tensors="np"),
    dict(return_attention_mask=False),
    dict(padding="max_length", max_length=16, truncation=True, pad_to_multiple_of=8),
    dict(audio_kwargs={"do_normalize_per_mel_bins": False}, text_kwargs={"padding": "max_length", "max_length": 9}),
]


def build(kind=Wav2Vec2BertProcessor):
    return kind(SeamlessM4TFeatureExtractor(padding_value=1.0), Wav2Vec2CTCTokenizer(VOCAB))


def reference(processor, folder):
    transformers = pytest.importorskip("transformers")
    processor.save_pretrained(folder)
    return transformers.AutoProcessor.from_pretrained(folder)


def assert_same(ours, theirs):
    assert set(ours) == set(theirs)
    for name in ours:
        assert len(ours[name]) == len(theirs[name])
        for mine, other in zip(ours[name], theirs[name]):
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-4 if name == "input_features" else 0)


def test_audio_text_or_both():
    processor = build()
    assert list(processor(SPEECH, sampling_rate=16000)) == ["input_features", "attention_mask"]
    assert processor(text="A B").input_ids == [5, 4, 6]
    both = processor(SPEECH, text=["AB", "C"], sampling_rate=16000, padding=True, return_tensors="np")
    assert both.input_features.shape == (2, 9, 160) and both.attention_mask.shape == (2, 9)
    np.testing.assert_array_equal(both.labels, [[5, 6], [7, 0]])
    assert processor.model_input_names == ("input_features", "attention_mask", "labels")


def test_options_are_those_of_its_extractor():
    plain = build()(SPEECH[0], sampling_rate=16000, do_normalize_per_mel_bins=False)
    assert plain.input_features.mean() > 5
    other = Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), Wav2Vec2CTCTokenizer(VOCAB))
    with pytest.raises(ValueError, match="unknown options: do_normalize_per_mel_bins"):
        other(SPEECH[0], sampling_rate=16000, do_normalize_per_mel_bins=False)
    assert other.model_input_names == ("input_values", "attention_mask", "labels")


def test_logits_and_ids_decode_alike():
    processor = build()
    frames = [[8, 8, 0, 9, 0, 4, 4, 5], [8, 9, 9, 9, 0, 0, 4, 30]]
    for given in (frames, np.eye(31, dtype=np.float32)[frames]):
        assert processor.batch_decode(given, lengths=[8, 7]) == ["DE A", "DE"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", CALLS)
def test_calls_are_the_references(tmp_path, kind, options):
    processor = build(kind)
    theirs = reference(processor, tmp_path)
    assert type(theirs).__name__ == kind.__name__
    for inputs in (dict(audio=SPEECH), dict(text=["AB", "C"]), dict(audio=SPEECH, text=["AB", "C"])):
        given = {**inputs, **options, "sampling_rate": 16000}
        assert_same(processor(**given), theirs(**given))


@pytest.mark.parametrize("kind", KINDS)
def test_pad_is_the_references(tmp_path, kind):
    processor = build(kind)
    theirs = reference(processor, tmp_path)
    features = [
        {"input_features": processor(one, sampling_rate=16000).input_features[0], "attention_mask": np.ones(rows, "i4")}
        for one, rows in zip(SPEECH, (9, 6))
    ]
    features[1]["attention_mask"][-1] = 0
    labels = [{"input_ids": ids} for ids in processor(text=["AB", "C"]).input_ids]
    for given in (
        dict(input_features=features),
        dict(labels=labels),
        dict(input_features=features, labels=labels, return_tensors="np"),
    ):
        assert_same(processor.pad(**given), theirs.pad(**given))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("named", KINDS)
def test_both_layouts_load_with_either_class(tmp_path, kind, named):
    """Each class loads what the other saved: which is in the file decides only for AutoProcessor."""
    processor = build(named)
    processor.save_pretrained(tmp_path / "new")
    saved = json.loads((tmp_path / "new/processor_config.json").read_text())
    assert saved["processor_class"] == named.__name__
    assert saved["feature_extractor"]["feature_extractor_type"] == "SeamlessM4TFeatureExtractor"
    processor.feature_extractor.save_pretrained(tmp_path / "old")
    processor.tokenizer.save_pretrained(tmp_path / "old")
    for layout in ("new", "old"):
        read = kind.from_pretrained(tmp_path / layout, padding_value=0.5, do_lower_case=True)
        assert type(read) is kind and type(read.feature_extractor) is SeamlessM4TFeatureExtractor
        assert read.feature_extractor.padding_value == 0.5 and read.tokenizer.do_lower_case
        assert read.tokenizer.get_vocab() == VOCAB


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_the_references(tmp_path, kind):
    transformers = pytest.importorskip("transformers")
    processor = build(kind)
    theirs = reference(processor, tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    for name in ("processor_config.json", "vocab.json"):
        assert (tmp_path / "ours" / name).read_text() == (tmp_path / "theirs" / name).read_text()
    theirs.feature_extractor.save_pretrained(tmp_path / "old")  # as transformers 4 wrote them
    theirs.tokenizer.save_pretrained(tmp_path / "old")
    for folder in ("theirs", "old"):
        read = kind.from_pretrained(tmp_path / folder)
        assert read.feature_extractor.to_dict() == processor.feature_extractor.to_dict()
        assert_same(read(SPEECH, sampling_rate=16000), theirs(SPEECH, sampling_rate=16000))
    assert isinstance(theirs.feature_extractor, transformers.SeamlessM4TFeatureExtractor)
