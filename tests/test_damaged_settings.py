"""Settings files of a checkpoint folder, damaged or of the wrong types: always a ValueError that names the file."""

import json
import shutil

import pytest

import npconformer
from npconformer import Wav2Vec2ConformerConfig, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor
from npconformer.pipelines import EMBEDDED_DIGITS

DAMAGED = [b"", b"{", b'{"a": 1', b'{"a": "\xff"}', b"[1, 2]", b"7", b"null", b"true", b'"text"']
WRONG = [None, True, 7, -1, 1.5, float("nan"), 10**400, "text", "", [], [1], [[]], ["a"], {}, {"a": 1}, {"0": []}]
READERS = {
    "config.json": Wav2Vec2ConformerConfig.from_pretrained,
    "preprocessor_config.json": Wav2Vec2FeatureExtractor.from_pretrained,
    "processor_config.json": Wav2Vec2Processor.from_pretrained,
    "vocab.json": Wav2Vec2CTCTokenizer.from_pretrained,
    "tokenizer_config.json": Wav2Vec2CTCTokenizer.from_pretrained,
    "special_tokens_map.json": Wav2Vec2CTCTokenizer.from_pretrained,
    "added_tokens.json": Wav2Vec2CTCTokenizer.from_pretrained,
}
SETTINGS = {
    "config.json": [*json.loads((EMBEDDED_DIGITS / "config.json").read_text()), "id2label", "label2id", "num_labels",
                    "problem_type", "torch_dtype", "dtype", "model_type", "self", "validate", "extra"],
    "preprocessor_config.json": ["feature_size", "sampling_rate", "padding_value", "return_attention_mask",
                                 "do_normalize", "padding_side", "pad", "self", "feature_extractor_type"],
    "processor_config.json": ["feature_extractor", "tokenizer", "processor_class"],
    "vocab.json": ["A", "<pad>", "|"],
    "tokenizer_config.json": [*json.loads((EMBEDDED_DIGITS / "tokenizer_config.json").read_text()), "self", "vocab",
                              "truncation_side", "extra_special_tokens", "additional_special_tokens", "mask_token"],
    "special_tokens_map.json": ["pad_token", "additional_special_tokens"],
    "added_tokens.json": ["<new>"],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """The embedded checkpoint in both layouts: without those files that the one tested would stand back for."""
    shutil.copytree(EMBEDDED_DIGITS, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def prepare(folder, name):
    if name == "preprocessor_config.json":
        Wav2Vec2FeatureExtractor.from_pretrained(folder).save_pretrained(folder)
        (folder / "processor_config.json").unlink()
    elif name in ("special_tokens_map.json", "added_tokens.json"):  # the layout of old checkpoints
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        del settings["added_tokens_decoder"]
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        (folder / name).write_text("{}")
    return folder / name


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_files(folder, name, content):
    prepare(folder, name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}.* (is not valid JSON|must hold a JSON object)"):
        READERS[name](folder)


@pytest.mark.parametrize("name", READERS)
def test_settings_of_every_wrong_type(folder, name):
    path = prepare(folder, name)
    before = json.loads(path.read_text())
    refused = 0
    for setting in SETTINGS[name]:
        for value in WRONG:
            path.write_text(json.dumps({**before, setting: value}))
            try:
                READERS[name](folder)
            except (ValueError, FileNotFoundError) as error:  # the latter for what is null, and so not there
                refused += 1
                assert str(folder) in str(error) and ".json" in str(error), (setting, value, error)
    assert refused > len(SETTINGS[name])


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("preprocessor_config.json", {"sampling_rate": "16000"}, "sampling_rate must be a number of samples"),
        ("preprocessor_config.json", {"do_normalize": "yes"}, "do_normalize must be true or false, got 'yes'"),
        ("preprocessor_config.json", {"padding_value": "0"}, "padding_value must be a number"),
        ("preprocessor_config.json", {"pad": 1}, "pad is no setting of a Wav2Vec2FeatureExtractor"),
        ("processor_config.json", {"feature_extractor": [1]}, "'feature_extractor' must be an object, got a list"),
        ("vocab.json", {"A": "1"}, "gives token 'A' the id '1'"),
        ("tokenizer_config.json", {"pad_token": 7}, "pad_token: expected a token"),
        ("tokenizer_config.json", {"do_lower_case": 1}, "do_lower_case must be true or false"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"x": "<a>"}}, "has the id 'x'"),
        ("tokenizer_config.json", {"added_tokens_decoder": [1]}, "added_tokens_decoder must map ids to tokens"),
        ("tokenizer_config.json", {"model_max_length": "long"}, "model_max_length must be a number of tokens"),
        ("tokenizer_config.json", {"truncation_side": "top"}, "truncation_side must be 'right' or 'left'"),
        ("added_tokens.json", {"<new>": "32"}, "gives token '<new>' the id '32'"),
        ("config.json", {"id2label": [1]}, "id2label"),
    ],
)
def test_what_is_wrong_is_said(folder, name, changes, words):
    path = prepare(folder, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ValueError, match=words) as raised:
        READERS[name](folder)
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize("kind", [Wav2Vec2FeatureExtractor, Wav2Vec2Processor, Wav2Vec2CTCTokenizer])
def test_a_file_is_no_folder(folder, kind):
    with pytest.raises(FileNotFoundError, match=r"vocab\.json' is a file; expected a folder with"):
        kind.from_pretrained(folder / "vocab.json")
    with pytest.raises(ValueError, match="is a file"):
        kind.from_pretrained(folder).save_pretrained(folder / "vocab.json")


def test_a_pipeline_passes_it_on(folder):
    (folder / "vocab.json").write_text("[]")
    with pytest.raises(ValueError, match=r"vocab\.json must hold a JSON object, got a list"):
        npconformer.pipeline(model=folder)
