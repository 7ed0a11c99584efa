"""The auto classes: each choice by each file that can make it, the reference's choices, and errors that say which."""

import json

import pytest

import npconformer
from npconformer import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoProcessor,
    AutoTokenizer,
    NemoConformerProcessor,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertProcessor,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Processor,
)
from npconformer.models.auto import FAMILIES
from npconformer.pipelines import EMBEDDED_DIGITS
from npconformer.processors.auto import PARTS_OF_MODEL

VOCAB = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5}
EXTRACTORS = [Wav2Vec2FeatureExtractor, SeamlessM4TFeatureExtractor]
PROCESSORS = [Wav2Vec2Processor, Wav2Vec2BertProcessor]
CHOOSERS = [AutoFeatureExtractor, AutoTokenizer, AutoProcessor]


def write(folder, name, **settings):
    folder.mkdir(exist_ok=True)
    path = folder / name
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**before, **settings}))


def remove(folder, name, setting):
    settings = json.loads((folder / name).read_text())
    settings.pop(setting)
    (folder / name).write_text(json.dumps(settings))


def save_old(folder, extractor):
    """The layout of transformers 4."""
    extractor.save_pretrained(folder)
    Wav2Vec2CTCTokenizer(VOCAB).save_pretrained(folder)


@pytest.mark.parametrize("kind", EXTRACTORS)
def test_extractor_by_its_type(tmp_path, kind):
    kind(padding_value=1.0).save_pretrained(tmp_path / "alone")
    write(tmp_path / "nested", "processor_config.json", feature_extractor=kind(padding_value=1.0).to_dict())
    write(tmp_path / "nested", "preprocessor_config.json", feature_extractor_type="of transformers 4")
    for folder in ("alone", "nested"):
        found = AutoFeatureExtractor.from_pretrained(tmp_path / folder)
        assert type(found) is kind and found.padding_value == 1
        assert AutoFeatureExtractor.from_pretrained(tmp_path / folder, padding_value=0.5).padding_value == 0.5


def test_extractor_without_a_type_is_wav2vec2s(tmp_path):
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    remove(tmp_path, "preprocessor_config.json", "feature_extractor_type")
    write(tmp_path, "config.json", model_type="wav2vec2-bert")
    found = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert type(found) is Wav2Vec2FeatureExtractor and not found.do_normalize
    SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)
    remove(tmp_path, "preprocessor_config.json", "feature_extractor_type")
    with pytest.raises(ValueError, match=r"^\S*preprocessor_config.json: feature_size .* names no feature_extractor_t"):
        AutoFeatureExtractor.from_pretrained(tmp_path)
    assert SeamlessM4TFeatureExtractor.from_pretrained(tmp_path).num_mel_bins == 80


def test_parts_made_for_a_configuration():
    bert = AutoConfig.for_model("wav2vec2-bert", feature_projection_input_dim=80)
    extractor = AutoFeatureExtractor.for_config(bert)
    assert type(extractor) is SeamlessM4TFeatureExtractor
    assert extractor([0.1] * 16000, sampling_rate=16000, return_tensors="np")["input_features"].shape == (1, 49, 80)
    assert AutoFeatureExtractor.for_config(AutoConfig.for_model("wav2vec2-bert")).to_dict() == (
        SeamlessM4TFeatureExtractor().to_dict()
    )
    for norm in ("layer", "group"):
        conformer = AutoConfig.for_model("wav2vec2-conformer", feat_extract_norm=norm)
        other = AutoFeatureExtractor.for_config(conformer)
        assert type(other) is Wav2Vec2FeatureExtractor and other.return_attention_mask == (norm == "layer")
    tokenizer = Wav2Vec2CTCTokenizer(VOCAB)
    for part, kind in ((extractor, Wav2Vec2BertProcessor), (other, Wav2Vec2Processor)):
        processor = AutoProcessor.from_parts(part, tokenizer)
        assert type(processor) is kind and processor.feature_extractor is part and processor.tokenizer is tokenizer
    conformer.model_type = "whisper"
    with pytest.raises(ValueError, match=r"model_type is 'whisper'; expected one of wav2vec2-conformer, wav2vec2-bert"):
        AutoFeatureExtractor.for_config(conformer)


def test_every_model_type_has_its_parts():
    assert PARTS_OF_MODEL.keys() == FAMILIES.keys()


def test_tokenizer_by_its_class_and_without(tmp_path):
    Wav2Vec2CTCTokenizer(VOCAB).save_pretrained(tmp_path)
    for _ in range(2):
        found = AutoTokenizer.from_pretrained(tmp_path, do_lower_case=True)
        assert type(found) is Wav2Vec2CTCTokenizer and found.get_vocab() == VOCAB and found.do_lower_case
        (tmp_path / "tokenizer_config.json").unlink(missing_ok=True)


@pytest.mark.parametrize("kind", PROCESSORS)
@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("file", ["processor_config.json", "preprocessor_config.json", "tokenizer_config.json"])
def test_processor_by_its_class_in_any_file(tmp_path, kind, extractor, file):
    save_old(tmp_path, extractor())
    write(tmp_path, file, processor_class=kind.__name__)
    write(tmp_path, "config.json", model_type="something else")
    found = AutoProcessor.from_pretrained(tmp_path, sampling_rate=8000)
    assert type(found) is kind and type(found.feature_extractor) is extractor
    assert found.feature_extractor.sampling_rate == 8000
    read = Wav2Vec2Processor.from_pretrained(tmp_path)
    assert type(read) is Wav2Vec2Processor and type(read.feature_extractor) is extractor


def test_the_first_file_decides(tmp_path):
    save_old(tmp_path, Wav2Vec2FeatureExtractor())
    files = ["tokenizer_config.json", "preprocessor_config.json", "processor_config.json"]
    for file, kind in zip(files, ["Wav2Vec2BertProcessor", "Wav2Vec2Processor", "Wav2Vec2BertProcessor"]):
        write(tmp_path, file, processor_class=kind)
        assert type(AutoProcessor.from_pretrained(tmp_path)).__name__ == kind


@pytest.mark.parametrize(
    ("model_type", "kind"),
    [
        ("wav2vec2-conformer", Wav2Vec2Processor),
        ("wav2vec2-bert", Wav2Vec2BertProcessor),
        ("nemo-conformer", NemoConformerProcessor),
    ],
)
def test_processor_by_the_model(tmp_path, model_type, kind):
    save_old(tmp_path, SeamlessM4TFeatureExtractor())
    write(tmp_path, "config.json", model_type=model_type)
    assert type(AutoProcessor.from_pretrained(tmp_path)) is kind


@pytest.mark.parametrize("folder", ["typed", "untyped"])
@pytest.mark.parametrize("named", [None, "Wav2Vec2Processor", "Wav2Vec2BertProcessor"])
@pytest.mark.parametrize("model_type", ["wav2vec2-conformer", "wav2vec2-bert"])
def test_choices_are_the_references(tmp_path, folder, named, model_type):
    transformers = pytest.importorskip("transformers")
    extractor = SeamlessM4TFeatureExtractor if folder == "typed" else Wav2Vec2FeatureExtractor
    save_old(tmp_path, extractor())
    if folder == "untyped":
        remove(tmp_path, "preprocessor_config.json", "feature_extractor_type")
    if named:
        write(tmp_path, "preprocessor_config.json", processor_class=named)
    write(tmp_path, "config.json", model_type=model_type)
    for chooser in CHOOSERS:
        ours = chooser.from_pretrained(tmp_path)
        theirs = getattr(transformers, chooser.__name__).from_pretrained(tmp_path)
        assert type(ours).__name__ == type(theirs).__name__
    assert type(ours.feature_extractor).__name__ == type(theirs.feature_extractor).__name__


def test_the_embedded_checkpoint():
    assert type(AutoProcessor.from_pretrained(EMBEDDED_DIGITS)) is Wav2Vec2Processor


# ---- errors


@pytest.mark.parametrize("wrong", ["WhisperFeatureExtractor", "", 7, ["Wav2Vec2FeatureExtractor"], {}, True])
def test_a_class_that_is_not_offered_is_named(tmp_path, wrong):
    save_old(tmp_path, Wav2Vec2FeatureExtractor())
    write(tmp_path, "tokenizer_config.json", tokenizer_class=wrong or "Other")
    write(tmp_path, "preprocessor_config.json", feature_extractor_type=wrong, processor_class=wrong)
    for chooser, file, setting, offered in (
        (AutoFeatureExtractor, "preprocessor_config.json", "feature_extractor_type", "Wav2Vec2FeatureExtractor or Sea"),
        (AutoTokenizer, "tokenizer_config.json", "tokenizer_class", "Wav2Vec2CTCTokenizer"),
        (AutoProcessor, "preprocessor_config.json", "processor_class", "Wav2Vec2Processor or Wav2Vec2BertProcessor"),
    ):
        with pytest.raises(ValueError, match=f"{setting} is .*; offered is {offered}") as raised:
            chooser.from_pretrained(tmp_path)
        assert str(raised.value).startswith(str(tmp_path / file))


def test_what_is_missing_is_said(tmp_path):
    for chooser in CHOOSERS:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            chooser.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no feature extractor"):
        AutoFeatureExtractor.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no vocab\.json"):
        AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"no file names a processor_class, and config\.json has the model_type None"):
        AutoProcessor.from_pretrained(tmp_path)
    SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)  # what a pre-trained checkpoint ships
    write(tmp_path, "config.json", model_type="wav2vec2-bert")
    with pytest.raises(FileNotFoundError, match=r"no tokenizer: no vocab\.json"):
        AutoProcessor.from_pretrained(tmp_path)
    write(tmp_path, "config.json", model_type="whisper")
    with pytest.raises(ValueError, match=r"'whisper', not wav2vec2-conformer or .*; AutoFeatureExtractor"):
        AutoProcessor.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["processor_config.json", "preprocessor_config.json", "tokenizer_config.json"])
def test_damaged_files_are_named(tmp_path, name):
    save_old(tmp_path, Wav2Vec2FeatureExtractor())
    (tmp_path / name).write_text("[1]")
    with pytest.raises(ValueError, match=f"{name} must hold a JSON object"):
        AutoProcessor.from_pretrained(tmp_path)


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_they_are_loaded_not_made(chooser):
    with pytest.raises(TypeError, match=rf"use {chooser.__name__}\.from_pretrained"):
        chooser()


def test_every_class_of_the_list_is_there():
    from npconformer.processors.auto import HOMES

    for homes in HOMES.values():
        for name, home in homes.items():
            assert getattr(npconformer, name).__module__ == home
