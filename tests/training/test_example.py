"""The examples in the package's description and in docs/training.md, run as they stand."""

import doctest
import re
from pathlib import Path

import pytest
import soundfile
from tiny_checkpoints import make_waveforms, save_checkpoint
from tiny_training import tiny_processor

import npconformer.training

DOCUMENT = Path(__file__).parents[2] / "docs/training.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The checkpoint and the manifests that the examples name."""
    save_checkpoint("ForCTC", tmp_path / "my-checkpoint", vocab_size=8, mask_time_length=2)
    tiny_processor().save_pretrained(tmp_path / "my-checkpoint")
    for i, waveform in enumerate(make_waveforms([16000, 12000, 14000])):
        soundfile.write(tmp_path / f"{i}.wav", waveform, 16000)
    (tmp_path / "train.csv").write_text("path,text\n0.wav,ABBA\n1.wav,DEAD BEE\n2.wav,CAB\n3.wav,BAD\n")
    (tmp_path / "eval.csv").write_text("path,text\n0.wav,ABBA\n2.wav,BAD CAB\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(folder):
    assert (folder / "out/model/vocab.json").is_file()
    assert npconformer.pipeline("automatic-speech-recognition", str(folder / "out/model"))(str(folder / "0.wav"))


def test_the_ten_lines_work(folder):
    results = doctest.testmod(npconformer.training)
    assert results.attempted == 11 and results.failed == 0
    check(folder)


def test_the_document(folder):
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "Trainer(" in block]
    exec(compile(example, str(DOCUMENT), "exec"), {})
    check(folder)
    assert (folder / "out/best/config.json").is_file()
