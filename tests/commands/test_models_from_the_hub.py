"""`--model owner/name`: the commands themselves, with the environment's variables, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from hub_server import Hub, serve
from tiny_checkpoints import lay_out_as_in_4, make_waveforms, save_recogniser

NAME, SECRET = "owner/name", "hf_SECRET"


@pytest.fixture
def folder(tmp_path) -> Path:
    return lay_out_as_in_4(save_recogniser(tmp_path / "here"))


@pytest.fixture
def hub(folder):
    pytest.importorskip("huggingface_hub", reason="needs huggingface_hub, which the extra `hub` brings")
    with serve() as hub:
        hub.add(NAME, {path.name: path.read_bytes() for path in folder.iterdir()}, "refs/pr/3")
        yield hub


@pytest.fixture
def recording(tmp_path) -> Path:
    soundfile.write(tmp_path / "a.wav", make_waveforms([16000])[0], 16000)
    return tmp_path / "a.wav"


def run(tmp_path: Path, hub: Hub | None, *arguments: object, **variables: str) -> subprocess.CompletedProcess:
    """npconformer with these arguments, in an empty folder, with no variables about the hub but these."""
    about_hub = ("HF_", "HUGGING", "TRANSFORMERS", "HTTP_", "http_", "ALL_", "all_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(about_hub)}
    env |= {"HF_HOME": str(tmp_path / "home"), **({"HF_ENDPOINT": hub.url} if hub else {}), **variables}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    (tmp_path / "empty").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "npconformer", *map(str, arguments)],
        cwd=tmp_path / "empty",
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_transcribe_with_the_environments_variables_then_offline(tmp_path, hub, folder, recording):
    hub.readers[NAME] = SECRET
    expected = run(tmp_path, None, "transcribe", recording, "--model", folder)
    assert expected.returncode == 0, expected.stderr

    command = ("transcribe", recording, "--model", NAME, "--revision", "refs/pr/3")
    refused = run(tmp_path, hub, *command)
    assert refused.returncode == 2
    assert "no repository owner/name" in refused.stderr
    assert "Traceback" not in refused.stderr

    result = run(tmp_path, hub, *command, HF_TOKEN=SECRET, HF_HUB_CACHE=str(tmp_path / "cache"))
    assert (result.returncode, result.stdout) == (0, expected.stdout), result.stderr
    assert (tmp_path / "cache" / "models--owner--name").is_dir()
    assert list((tmp_path / "empty").iterdir()) == []

    hub.requests.clear()
    result = run(tmp_path, hub, *command, HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(tmp_path / "cache"))
    assert (result.returncode, result.stdout) == (0, expected.stdout), result.stderr
    elsewhere = run(tmp_path, hub, *command, HF_HUB_OFFLINE="1")
    assert elsewhere.returncode == 2
    assert str(tmp_path / "home") in elsewhere.stderr  # HF_HOME has the cache where nothing else is said
    assert hub.requests == []
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path


def test_evaluate(tmp_path, hub, folder, recording):
    (tmp_path / "test.csv").write_text("path,text\na.wav,ABBA\n")
    results = [
        run(tmp_path, hub, "evaluate", tmp_path / "test.csv", "--model", *model, "--format", "json")
        for model in ([folder], [NAME, "--revision", "refs/pr/3"])
    ]
    assert [result.returncode for result in results] == [0, 0], results[1].stderr
    assert results[0].stdout == results[1].stdout


def test_train(tmp_path, hub, folder, recording):
    (tmp_path / "train.csv").write_text("path,text\na.wav,ABBA\n")
    arguments = ("--train", tmp_path / "train.csv", "--steps", 1, "--output", tmp_path / "out")
    result = run(tmp_path, hub, "train", "--task", "ctc", "--from", NAME, "--revision", "refs/pr/3", *arguments)
    assert result.returncode == 0, result.stderr
    assert "random" not in result.stderr
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()
    settings = json.loads((tmp_path / "out" / "arguments.json").read_text())
    assert (settings["source"], settings["revision"]) == (NAME, "refs/pr/3")
    result = run(tmp_path, None, "train", "--resume", "--output", tmp_path / "out", "--steps", 2)
    assert result.returncode == 0, result.stderr


def test_without_the_package_the_recipe_is_told(tmp_path, recording):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "huggingface_hub.py").write_text("raise ImportError('not here')\n")
    result = run(tmp_path, None, "transcribe", recording, "--model", NAME)
    assert result.returncode == 2
    assert 'pip install "huggingface_hub' in result.stderr
    assert "Files and versions" in result.stderr
    assert "Traceback" not in result.stderr


def test_commands_that_look_at_a_checkpoint(tmp_path, hub, folder, recording):
    name = (NAME, "--revision", "refs/pr/3")
    told = [run(tmp_path, hub, "info", *which, "--format", "json") for which in ([folder], name)]
    assert [one.returncode for one in told] == [0, 0], told[1].stderr
    parameters = [json.loads(one.stdout) for one in told]
    assert parameters[0].keys() == parameters[1].keys()
    result = run(tmp_path, hub, "convert", *name, tmp_path / "converted", "--dtype", "float16")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "converted" / "model.safetensors").is_file()
    assert not (tmp_path / "converted" / "config.json").is_symlink()
    result = run(tmp_path, hub, "trace", *name, recording, "--output", tmp_path / "run.safetensors")
    assert result.returncode == 0, result.stderr
    result = run(tmp_path, hub, "verify", *name, "--reference", tmp_path / "run.safetensors")
    assert result.returncode == 0, result.stderr
    missing = run(tmp_path, hub, "info", "owner/nmae")
    assert missing.returncode == 2
    assert "no repository owner/nmae" in missing.stderr
