"""A token given to a loader, or left in a file by an earlier program, is never saved."""

import json
from pathlib import Path

import pytest
from tiny_checkpoints import MODELS, save_recogniser

import npconformer
from npconformer.models.auto import config_class

OPTIONS = {"token": "SECRET", "cache_dir": "SECRET-folder", "revision": "SECRET-branch", "force_download": False}
LOADERS = {
    "tokenizer": npconformer.AutoTokenizer,
    "feature extractor": npconformer.AutoFeatureExtractor,
    "processor": npconformer.AutoProcessor,
    "configuration": npconformer.AutoConfig,
    "model": npconformer.AutoModelForCTC,
}


@pytest.fixture(params=MODELS)
def folder(request, tmp_path) -> Path:
    return save_recogniser(tmp_path / "checkpoint", request.param)


def holds_secret(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if b"SECRET" in path.read_bytes()]


def check(loaded, output: Path) -> None:
    """It keeps no secret in what it shows or saves."""
    assert "SECRET" not in repr(loaded)
    loaded.save_pretrained(output)
    assert list(output.iterdir())
    assert holds_secret(output) == []


@pytest.mark.parametrize("what", LOADERS)
@pytest.mark.parametrize("options", [OPTIONS, {"use_auth_token": "SECRET"}], ids=["token", "use_auth_token"])
def test_what_is_given_to_a_loader(folder, tmp_path, what, options):
    loaded = LOADERS[what].from_pretrained(folder, **options)
    check(loaded, tmp_path / "auto")
    check(type(loaded).from_pretrained(folder, **options), tmp_path / "by class")


KEYWORDS = {
    **{"cache_dir": "SECRET-folder", "token": "SECRET", "revision": "SECRET", "local_files_only": True},
    **{"force_download": False, "resume_download": True, "trust_remote_code": False, "use_fast": False},
}


@pytest.mark.parametrize("what", ["tokenizer", "feature extractor", "processor"])
def test_no_keyword_of_downloading_becomes_a_setting(folder, tmp_path, what):
    plain, given = tmp_path / "plain", tmp_path / "given"
    LOADERS[what].from_pretrained(folder).save_pretrained(plain)
    loaded = LOADERS[what].from_pretrained(folder, **KEYWORDS)
    loaded.save_pretrained(given)
    assert {path.name: path.read_bytes() for path in given.iterdir()} == {
        path.name: path.read_bytes() for path in plain.iterdir()
    }


@pytest.mark.parametrize("what", LOADERS)
def test_what_an_earlier_program_left_in_the_files(folder, tmp_path, what):
    for path in folder.glob("*.json"):
        settings = json.loads(path.read_text())
        if path.name not in ("vocab.json", "added_tokens.json"):
            for place in (settings, settings.get("feature_extractor", {})):
                place.update(token="SECRET", use_auth_token="SECRET")
            path.write_text(json.dumps(settings))
    assert len(holds_secret(folder)) == 3
    check(LOADERS[what].from_pretrained(folder), tmp_path / "saved")


def test_what_is_given_to_a_class(tmp_path):
    check(npconformer.Wav2Vec2FeatureExtractor(token="SECRET"), tmp_path / "extractor")
    check(npconformer.SeamlessM4TFeatureExtractor(use_auth_token="SECRET"), tmp_path / "seamless")
    check(npconformer.Wav2Vec2CTCTokenizer({"<pad>": 0, "<unk>": 1}, token="SECRET"), tmp_path / "tokenizer")
    for model_type in ("wav2vec2-conformer", "wav2vec2-bert"):
        check(config_class(model_type)(token="SECRET"), tmp_path / model_type)


def test_other_settings_are_kept(folder, tmp_path):
    tokenizer = npconformer.AutoTokenizer.from_pretrained(folder, token="SECRET", added_by_somebody="x")
    tokenizer.save_pretrained(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())["added_by_somebody"] == "x"
