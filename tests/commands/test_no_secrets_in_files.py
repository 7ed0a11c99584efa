"""A token, given as `token=` or by the environment, is in no file that anything writes, nor in what is said."""

import json
import logging

import pytest
from command_line import run
from tiny_checkpoints import save_recogniser
from train_command import FAST, train

import npconformer

SECRET = "hf_SeCrEtThatNobodyMayRead"


@pytest.fixture
def recogniser(tmp_path, monkeypatch):
    """A checkpoint's folder; the environment has a token."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", SECRET)
    return save_recogniser(tmp_path / "checkpoint", "layer")


def holds_secret(folder):
    """Files below a folder with the secret, in bytes or in their names; the folder must have some."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if SECRET.encode() in path.read_bytes() or SECRET in str(path)]


LOADERS = {
    "AutoConfig": "config.json",
    "AutoTokenizer": "tokenizer_config.json",
    "AutoFeatureExtractor": "preprocessor_config.json",
    "AutoProcessor": "processor_config.json",
    "AutoModelForCTC": "model.safetensors",
}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("keyword", ["token", "use_auth_token"])
def test_loading_and_saving(recogniser, tmp_path, name, keyword, caplog):
    with caplog.at_level(logging.DEBUG):
        loaded = getattr(npconformer, name).from_pretrained(recogniser, **{keyword: SECRET})
        loaded.save_pretrained(tmp_path / "out", **{keyword: SECRET})
    assert (tmp_path / "out" / LOADERS[name]).exists()
    assert holds_secret(tmp_path / "out") == []
    assert SECRET not in caplog.text + repr(loaded) + repr(vars(loaded))


def test_a_model_with_a_new_head(recogniser, tmp_path, caplog, capsys):
    options = {"token": SECRET, "vocab_size": 20, "ignore_mismatched_sizes": True, "output_loading_info": True}
    with caplog.at_level(logging.DEBUG):
        model, report = npconformer.AutoModelForCTC.from_pretrained(recogniser, **options)
    assert "lm_head" in caplog.text
    said = "".join(capsys.readouterr())
    assert SECRET not in caplog.text + said + str(report) + repr(vars(report)) + repr(vars(model)) + str(model.config)


def test_pipelines(recogniser, tmp_path):
    pipe = npconformer.pipeline("automatic-speech-recognition", model=recogniser, token=SECRET)
    pipe.save_pretrained(tmp_path / "out", token=SECRET)
    assert holds_secret(tmp_path / "out") == []
    assert SECRET not in repr(vars(pipe))


def test_errors(recogniser, tmp_path):
    for what in (npconformer.AutoModelForCTC, npconformer.AutoTokenizer, npconformer.AutoConfig):
        with pytest.raises(Exception) as caught:  # of whatever kind
            what.from_pretrained(tmp_path / "nothing", token=SECRET)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("command", ["save", "upload"])
def test_what_is_no_argument_is_named_without_its_value(recogniser, tmp_path, command):
    options = {"save": {"tokn": SECRET}, "upload": {"push_to_hub": True, "token": SECRET}}[command]
    for name in LOADERS:
        loaded = getattr(npconformer, name).from_pretrained(recogniser)
        with pytest.raises((TypeError, ValueError)) as caught:
            loaded.save_pretrained(tmp_path / "out", **options)
        assert SECRET not in str(caught.value)


def test_a_training_folder(capsys, config, folder, recogniser, tmp_path):
    argv = ("--task", "ctc", "--from", config, "--train", folder, "--eval", folder, *FAST)
    status, out, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0, err
    assert (tmp_path / "out" / "arguments.json").exists() and list((tmp_path / "out").glob("checkpoint-*"))
    assert holds_secret(tmp_path / "out") == []
    assert SECRET not in out + err


def test_converting_and_describing(capsys, recogniser, tmp_path):
    for argv in (("convert", recogniser, tmp_path / "out"), ("info", recogniser)):
        status, out, err = run(capsys, *argv)
        assert status == 0, err
        assert SECRET not in out + err
    assert holds_secret(tmp_path / "out") == []


def test_converting_what_an_earlier_program_has_written(capsys, recogniser, tmp_path):
    """It kept the token among the settings; a vocabulary may have a token of that name."""
    for name in ("processor_config.json", "tokenizer_config.json"):
        settings = json.loads((recogniser / name).read_text())
        inner = settings.get("feature_extractor", settings)
        inner["token"] = SECRET
        (recogniser / name).write_text(json.dumps(settings))
    vocabulary = json.loads((recogniser / "vocab.json").read_text()) | {"token": 11}
    (recogniser / "vocab.json").write_text(json.dumps(vocabulary))
    assert len(holds_secret(recogniser)) == 2
    status, _, err = run(capsys, "convert", recogniser, tmp_path / "out")
    assert status == 0, err
    assert holds_secret(tmp_path / "out") == []
    assert json.loads((tmp_path / "out" / "vocab.json").read_text()) == vocabulary


def test_the_search_finds_one(tmp_path):
    (tmp_path / "config.json").write_text(f'{{"token": "{SECRET}"}}')
    assert holds_secret(tmp_path) == [tmp_path / "config.json"]
