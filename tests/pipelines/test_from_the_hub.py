"""Models, configurations, processors, pipelines and trainings that begin with the name of a repository at the hub."""

from pathlib import Path

import numpy as np
import pytest
from hub_server import Hub
from make_sentencepiece_cases import FOLDER
from tiny_checkpoints import MODELS, lay_out_as_in_4, make_waveforms, save_checkpoint, save_recogniser

import npconformer
from npconformer import PieceCTCTokenizer
from npconformer.models.auto import model_class
from npconformer.pipelines import pipeline
from npconformer.text.piece_files import make_vocabulary, read_pieces

NAME = "owner/name"
TOKENIZER_FILES = ["added_tokens.json", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"]
PROCESSOR_FILES = sorted(["preprocessor_config.json", *TOKENIZER_FILES])


def contents(folder: Path, prefix: str = "") -> dict[str, bytes]:
    return {prefix + path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(params=MODELS)
def folder(request, tmp_path) -> Path:
    """A recogniser as it lies here, in the layout of released checkpoints."""
    return lay_out_as_in_4(save_recogniser(tmp_path / "here", request.param))


@pytest.fixture
def hub(hub: Hub, folder: Path) -> Hub:
    hub.add(NAME, contents(folder))
    return hub


def in_cache(tmp_path: Path) -> list[str]:
    return sorted({path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")})


def test_a_model(hub, folder, tmp_path):
    config = npconformer.AutoConfig.from_pretrained(folder)
    expected = npconformer.AutoModelForCTC.from_pretrained(folder)
    for kind in (npconformer.AutoModelForCTC, model_class(config.model_type, "ctc")):
        model = kind.from_pretrained(NAME)
        assert type(model) is type(expected)
        assert model.config.name_or_path == NAME
        for (name, one), (_, other) in zip(model.named_parameters(), expected.named_parameters()):
            np.testing.assert_array_equal(one.data, other.data, err_msg=name)
    assert in_cache(tmp_path) == ["config.json", "model.safetensors"]
    assert sum(request == "GET config.json" for request in hub.requests) == 1


def test_a_configuration(hub, folder, tmp_path):
    expected = npconformer.AutoConfig.from_pretrained(folder)
    for kind in (npconformer.AutoConfig, type(expected)):
        config = kind.from_pretrained(NAME, token="t", hidden_dropout=0.25)
        assert config.hidden_dropout == 0.25
        assert config.name_or_path == NAME
        assert config.to_dict() == {**expected.to_dict(), "hidden_dropout": 0.25}
    assert in_cache(tmp_path) == ["config.json"]


def test_a_model_with_a_configuration_from_elsewhere(hub, folder):
    hub.add("owner/config", {"config.json": (folder / "config.json").read_bytes()})
    hub.add(NAME, {"model.safetensors": (folder / "model.safetensors").read_bytes()}, "weights")
    model = npconformer.AutoModelForCTC.from_pretrained(NAME, config="owner/config", revision="weights")
    assert type(model) is type(npconformer.AutoModelForCTC.from_pretrained(folder))
    assert "GET config.json" in hub.requests


def test_a_processor_and_its_parts(hub, folder, tmp_path):
    expected = npconformer.AutoProcessor.from_pretrained(folder)
    options = {"revision": "main", "token": "t", "cache_dir": tmp_path / "cache"}
    processor = npconformer.AutoProcessor.from_pretrained(NAME, **options)
    assert type(processor) is type(expected)
    tokenizer = npconformer.AutoTokenizer.from_pretrained(NAME, **options)
    extractor = npconformer.AutoFeatureExtractor.from_pretrained(NAME, **options)
    for one in (processor.tokenizer, tokenizer, type(tokenizer).from_pretrained(NAME, **options)):
        assert one.get_vocab() == expected.tokenizer.get_vocab()
    for one in (processor.feature_extractor, extractor, type(extractor).from_pretrained(NAME, **options)):
        assert one.to_dict() == expected.feature_extractor.to_dict()
    assert in_cache(tmp_path) == sorted(["config.json", *PROCESSOR_FILES])  # the one may have to say of which class


def test_only_a_processors_files(hub, folder, tmp_path):
    kind = type(npconformer.AutoProcessor.from_pretrained(folder))
    kind.from_pretrained(NAME)
    assert in_cache(tmp_path) == PROCESSOR_FILES


def test_settings_beside_the_hubs(hub, folder):
    processor = npconformer.AutoProcessor.from_pretrained(NAME, revision="main", padding_value=0.5, do_lower_case=True)
    assert processor.feature_extractor.padding_value == 0.5
    assert processor.tokenizer.do_lower_case


def test_a_repository_without_a_tokenizer(hub, folder):
    files = {name: content for name, content in contents(folder).items() if name not in TOKENIZER_FILES}
    hub.add(NAME, files)
    npconformer.AutoFeatureExtractor.from_pretrained(NAME)
    with pytest.raises(FileNotFoundError, match=r"owner/name \(revision main\) has no vocab\.json"):
        npconformer.AutoProcessor.from_pretrained(NAME)


def test_a_pipeline(hub, folder):
    recording = make_waveforms([16000])[0]
    expected = pipeline(model=str(folder))(recording)
    assert pipeline(model=NAME)(recording) == expected
    assert pipeline(model=NAME, processor=NAME, revision="main")(recording) == expected
    assert pipeline(model=NAME, tokenizer=NAME, feature_extractor=folder)(recording) == expected
    assert pipeline(model=npconformer.AutoModelForCTC.from_pretrained(NAME), processor=NAME)(recording) == expected


def test_a_pipeline_of_a_private_pull_request_in_a_subfolder(hub, folder, tmp_path):
    hub.add("owner/secret", contents(folder, "large/"), "refs/pr/3")
    hub.readers["owner/secret"] = "hf_SECRET"
    options = {"revision": "refs/pr/3", "token": "hf_SECRET", "subfolder": "large", "cache_dir": tmp_path / "c"}
    recognise = pipeline(model="owner/secret", **options)
    recording = make_waveforms([16000])[0]
    assert recognise(recording) == pipeline(model=str(folder))(recording)
    assert pipeline(model=str(folder.parent), subfolder="here")(recording) == recognise(recording)
    assert not (tmp_path / "cache").exists()


def test_a_pipeline_without_a_tokenizer(hub, tmp_path):
    folder = save_checkpoint("ForSequenceClassification", tmp_path / "classes")
    hub.add("owner/classes", contents(folder))
    recording = make_waveforms([16000])[0]
    classify = pipeline("audio-classification", model="owner/classes", token="t")
    assert classify(recording) == pipeline("audio-classification", model=str(folder))(recording)
    with pytest.raises(ValueError, match=r"owner/classes holds a .*ForSequenceClassification"):
        pipeline("speaker-embedding", model="owner/classes")


def test_offline(hub, folder):
    with pytest.raises(FileNotFoundError, match="Load it once with a connection"):
        pipeline(model=NAME, local_files_only=True)
    expected = pipeline(model=NAME)(make_waveforms([16000])[0])
    hub.requests.clear()
    assert pipeline(model=NAME, local_files_only=True)(make_waveforms([16000])[0]) == expected
    assert hub.requests == []


def test_the_second_load_asks_for_the_revision_alone(hub, folder):
    npconformer.AutoModelForCTC.from_pretrained(NAME)
    hub.requests.clear()
    npconformer.AutoModelForCTC.from_pretrained(NAME)
    assert hub.requests == ["HEAD config.json"]


def test_a_misspelt_folder_without_a_slash_asks_nobody(hub):
    for load in (pipeline, npconformer.AutoProcessor.from_pretrained, npconformer.AutoTokenizer.from_pretrained):
        with pytest.raises(FileNotFoundError, match="no-such-folder"):
            load(**{"model": "no-such-folder"}) if load is pipeline else load("no-such-folder")
    assert hub.requests == []


def same_weights(model, folder: Path) -> bool:
    expected = npconformer.AutoModelForCTC.from_pretrained(folder).state_dict()
    state = model.state_dict()
    return state.keys() == expected.keys() and all(np.array_equal(state[name], expected[name]) for name in state)


def test_weights_in_shards(hub, folder, tmp_path):
    npconformer.AutoModelForCTC.from_pretrained(folder).save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    files = contents(tmp_path / "shards")
    shards = [name for name in files if name.endswith(".safetensors")]
    assert len(shards) > 1
    hub.add("owner/shards", files)
    assert same_weights(npconformer.AutoModelForCTC.from_pretrained("owner/shards"), folder)
    assert {f"GET {name} (storage)" for name in shards} <= set(hub.requests)


def test_weights_of_torch(hub, folder, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch, which writes the file")
    state = npconformer.AutoModelForCTC.from_pretrained(folder).state_dict()
    torch.save({name: torch.tensor(np.asarray(array)) for name, array in state.items()}, tmp_path / "weights.bin")
    files = {
        "config.json": contents(folder)["config.json"],
        "pytorch_model.bin": (tmp_path / "weights.bin").read_bytes(),
    }
    hub.add("owner/torch", files)
    assert same_weights(npconformer.AutoModelForCTC.from_pretrained("owner/torch"), folder)


def test_a_recogniser_is_begun_from_a_pretrained_model_without_a_tokenizer(hub, tmp_path):
    from npconformer.data.examples import Example
    from npconformer.training.starting_point import starting_point

    folder = save_checkpoint("ForPreTraining", tmp_path / "pretrained", vocab_size=32)
    hub.add("owner/pretrained", contents(folder))
    examples = [Example(path=Path("a.wav"), text="ABBA")]
    model, processor = starting_point("ctc", "owner/pretrained", examples, report=lambda line: None)
    expected, _ = starting_point("ctc", folder, examples, report=lambda line: None)
    assert processor.tokenizer.get_vocab()
    state, other = model.state_dict(), expected.state_dict()
    assert all(np.array_equal(state[name], other[name]) for name in state)


def test_word_pieces_come_with_their_tokenizer_model(hub, tmp_path):
    model = (FOLDER / "bpe.model").read_bytes()
    pieces = read_pieces(FOLDER / "bpe.model")
    PieceCTCTokenizer(make_vocabulary(pieces, len(pieces) + 1), sentencepiece_model=model).save_pretrained(
        tmp_path / "a"
    )
    hub.add("owner/pieces", contents(tmp_path / "a"))
    tokenizer = npconformer.AutoTokenizer.from_pretrained("owner/pieces", cache_dir=tmp_path / "cache")
    assert tokenizer.sentencepiece_model == model
