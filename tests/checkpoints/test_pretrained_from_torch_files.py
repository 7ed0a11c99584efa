"""from_pretrained, the pipeline and the command with a folder whose weights are a pytorch_model.bin."""

import shutil

import numpy as np
import pytest
from command_line import run
from pickle_programs import write_state_dict
from small_checkpoints import assert_same_state

import npconformer
from npconformer import Wav2Vec2ConformerForCTC
from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.commands.demo import RECORDING
from npconformer.pipelines import EMBEDDED_DIGITS


def as_bin(folder):
    """Puts a .bin with float32 weights in the place of the folder's safetensors file."""
    file = SafetensorsFile(folder / "model.safetensors")
    arrays = {name: np.ascontiguousarray(file.read(name, np.float32)).reshape(file.shape(name)) for name in file}
    write_state_dict(folder / "pytorch_model.bin", arrays)
    (folder / "model.safetensors").unlink()
    return folder


@pytest.fixture
def digits(tmp_path):
    shutil.copytree(EMBEDDED_DIGITS, tmp_path / "digits")
    return as_bin(tmp_path / "digits")


def test_the_same_weights(folder):
    expected = Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict()
    model, report = Wav2Vec2ConformerForCTC.from_pretrained(as_bin(folder), output_loading_info=True)
    assert_same_state(model.state_dict(), expected)
    assert report.path.endswith("pytorch_model.bin") and not report.missing and not report.unexpected
    model.save_pretrained(folder)
    assert_same_state(Wav2Vec2ConformerForCTC.from_pretrained(folder).state_dict(), expected)


def test_safetensors_are_preferred(folder):
    before = (folder / "model.safetensors").read_bytes()
    as_bin(folder)
    (folder / "model.safetensors").write_bytes(before)
    _, report = Wav2Vec2ConformerForCTC.from_pretrained(folder, output_loading_info=True)
    assert report.path.endswith("model.safetensors")


def test_weights_stay_in_the_file(digits):
    model = Wav2Vec2ConformerForCTC.from_pretrained(digits)
    mapped = 0
    for parameter in model.parameters():
        base = parameter.data
        while isinstance(base.base, np.ndarray):
            base = base.base
        mapped += isinstance(base, np.memmap)
    assert mapped > 20


def test_the_same_text(digits):
    ours = npconformer.pipeline("automatic-speech-recognition", model=digits)(str(RECORDING))
    assert ours == npconformer.pipeline("automatic-speech-recognition")(str(RECORDING))
    assert ours["text"]


def test_the_command(capsys, digits):
    status, out, err = run(capsys, "transcribe", RECORDING, "--model", digits)
    assert (status, err) == (0, "")
    assert out == run(capsys, "transcribe", RECORDING)[1] != ""


def test_the_command_with_a_pointer_of_git_lfs(capsys, digits):
    (digits / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 5\n")
    status, out, err = run(capsys, "transcribe", RECORDING, "--model", digits)
    assert (status, out) == (2, "")
    assert "is a Git LFS pointer" in err and "git lfs pull" in err and "Traceback" not in err
