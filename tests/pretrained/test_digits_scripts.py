"""The scripts that made the embedded recogniser still run: a few steps on tones in place of speech."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import npconformer
from npconformer.pipelines import EMBEDDED_DIGITS

ROOT = Path(npconformer.__file__).parents[1]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Two digits of two speakers, in every part: measured, watched, trained on."""
    folder = tmp_path_factory.mktemp("recordings")
    times = np.arange(4000) / 8000
    for digit in (1, 8):
        for speaker, pitch in (("anna", 1.0), ("ben", 0.6)):
            for index in (5, 6, 24, 45):
                tone = 0.3 * np.sin(2 * np.pi * 200 * digit * pitch * times) * np.sin(np.pi * times / times[-1])
                soundfile.write(folder / f"{digit}_{speaker}_{index}.wav", tone, 8000)
    return folder


def script(name: str, *arguments: object) -> str:
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(EMBEDDED_DIGITS / name), *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_train_and_measure(recordings, tmp_path):
    said = script("train.py", recordings, "--output", tmp_path / "out", "--steps", 2)
    assert "8 recordings" in said and "2 steps" in said
    result = tmp_path / "out" / "digits"
    config, embedded = (json.loads((folder / "config.json").read_text()) for folder in (result, EMBEDDED_DIGITS))
    assert config == embedded  # the embedded recogniser is what this script makes
    assert (result / "vocab.json").read_text() == (EMBEDDED_DIGITS / "vocab.json").read_text()
    assert (result / "model.safetensors").stat().st_size < 3e6

    table = script("measure.py", recordings, "--model", result, "--output", tmp_path / "rows.csv")
    for form, utterances in (("bare", 4), ("silence", 4), ("zeros", 4), ("connected", 4)):
        assert f"| {form} | {utterances} |" in table
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert len(rows) > 16 and rows[1].startswith("bare,anna,ONE,")


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [(), ("--adapter",)])
def test_the_other_network_has_the_same_recipe(adapter, recordings, tmp_path):
    arguments = ("--output", tmp_path / "out", "--steps", 1, "--model-type", "wav2vec2-bert", *adapter)
    assert "8 recordings" in script("train.py", recordings, *arguments)
    result = tmp_path / "out" / "digits"
    assert (result / "vocab.json").read_text() == (EMBEDDED_DIGITS / "vocab.json").read_text()
    assert npconformer.AutoConfig.from_pretrained(result).add_adapter == bool(adapter)
    assert "| connected | 4 |" in script("measure.py", recordings, "--model", result)
    both = (f"one={EMBEDDED_DIGITS}", f"other={result}", "--output", tmp_path / "rows.csv")
    said = script(ROOT / "benchmarks" / "bert_digits.py", recordings, *both)
    assert "| one | 1,334,452 | " in said and "| second minus first | words | begin | end | " in said
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert rows[1].startswith("one,wav2vec2-conformer,False,1334452,bare,4,4,") and len(rows) >= 9


@pytest.mark.slow
def test_time_of_a_step(recordings):
    said = script(ROOT / "benchmarks" / "bert_digits_steps.py", recordings, "--steps", 1)
    assert "| Wav2Vec2-Conformer | 1,334,452 | " in said and "| Wav2Vec2-BERT with adapter | 1,504,500 | " in said


@pytest.mark.slow
def test_pre_training_gives_a_start(recordings, tmp_path):
    script("pretrain.py", recordings, "--output", tmp_path / "pre", "--steps", 2)
    said = script(
        *("train.py", recordings, "--output", tmp_path / "few", "--steps", 1),
        *("--minutes", 0.05, "--from", tmp_path / "pre" / "model"),
    )
    assert "6 recordings" in said  # 0.05 minutes of half a second each
    before, after = (
        npconformer.Wav2Vec2ConformerModel.from_pretrained(folder)
        for folder in (tmp_path / "pre" / "model", tmp_path / "few" / "model")
    )
    name = "encoder.layers.0.ffn1.intermediate_dense.weight"
    one, other = before.state_dict()[name], after.state_dict()[name]
    assert np.abs(one - other).max() < 0.01 < np.abs(one).max()  # a step away, not drawn anew


def test_recordings_that_are_not_there(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EMBEDDED_DIGITS / "measure.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "digit_speaker_index.wav" in done.stderr
