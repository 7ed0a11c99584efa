"""Configurations of either model, and recordings with all that can be learnt of them, for the tests of training."""

import json

import pytest
import soundfile
from tiny_checkpoints import make_waveforms
from train_command import CONFIGS


@pytest.fixture(scope="session")
def configs(tmp_path_factory):
    """A file for each kind of model."""
    folder = tmp_path_factory.mktemp("config")
    for kind, settings in CONFIGS.items():
        (folder / f"{kind}.json").write_text(json.dumps(settings))
    return {kind: folder / f"{kind}.json" for kind in CONFIGS}


@pytest.fixture(scope="session")
def config(configs):
    return configs["conformer"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Eight recordings: of each there is the text, the label and speaker by the folder, and who speaks when."""
    folder = tmp_path_factory.mktemp("data")
    for i, waveform in enumerate(make_waveforms([16000] * 4 + [12000] * 4)):
        path = folder / "ab"[i % 2] / f"{i}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, waveform, 16000)
        path.with_suffix(".txt").write_text(["yes no", "no"][i % 2])
        path.with_suffix(".rttm").write_text(f"SPEAKER {i} 1 0.0 0.5 <NA> <NA> {'ab'[i % 2]} <NA> <NA>\n")
    return folder
