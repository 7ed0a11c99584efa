"""The example in the package's description, run as it stands."""

import doctest
import os

import soundfile
from tiny_checkpoints import make_waveforms, save_checkpoint
from tiny_training import tiny_processor

import npconformer.training


def test_the_ten_lines_work(tmp_path):
    save_checkpoint("ForCTC", tmp_path / "my-checkpoint", vocab_size=8, mask_time_length=2)
    tiny_processor().save_pretrained(tmp_path / "my-checkpoint")
    for i, waveform in enumerate(make_waveforms([16000, 12000, 14000])):
        soundfile.write(tmp_path / f"{i}.wav", waveform, 16000)
    (tmp_path / "train.csv").write_text("path,text\n0.wav,ABBA\n1.wav,DEAD BEE\n2.wav,CAB\n3.wav,BAD\n")
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        results = doctest.testmod(npconformer.training)
    finally:
        os.chdir(before)
    assert results.attempted == 11 and results.failed == 0
    assert (tmp_path / "out/model/vocab.json").is_file()
    assert npconformer.pipeline("automatic-speech-recognition", str(tmp_path / "out/model"))(str(tmp_path / "0.wav"))
