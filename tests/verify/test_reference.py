"""The reference file: there and back, and what is no such file."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from small_models import KINDS, make_inputs, make_model

from npconformer.verify import Reference, trace

INPUTS = {"inputs.input_values": np.zeros((1, 40), np.float32)}
LOGITS = {"outputs.logits": np.zeros((1, 2, 3), np.float32)}
LEAST = {**INPUTS, **LOGITS}
METADATA = {"reference_format": "1", "model_type": "wav2vec2-conformer"}


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind, tmp_path):
    reference = trace(make_model(kind, layers=1), make_inputs(kind, labels=True), modules=True, gradients=True)
    reference.save(tmp_path / "run.safetensors")
    found = Reference.load(tmp_path / "run.safetensors")
    assert found.arrays.keys() == reference.arrays.keys()
    for name, array in reference.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    for field in ("model_type", "made_by", "architecture", "tolerances", "dtype"):
        assert getattr(found, field) == getattr(reference, field)
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


def test_the_least_that_a_file_may_hold(tmp_path):
    save_file(LEAST, tmp_path / "run", METADATA)
    reference = Reference.load(tmp_path / "run")
    assert (reference.architecture, reference.tolerances) == (None, {})
    assert reference.made_by == "an unnamed program" and reference.dtype == "float32"


def test_the_loss_does_not_say_the_dtype(tmp_path):
    arrays = {**INPUTS, "outputs.logits": np.zeros((1, 2, 3)), "loss": np.zeros((), np.float32)}
    save_file(arrays, tmp_path / "run", METADATA)
    assert Reference.load(tmp_path / "run").dtype == "float64"


@pytest.mark.parametrize(
    ("arrays", "metadata", "message"),
    [
        (LOGITS, METADATA, "has no inputs; expected inputs.input_values or inputs.input_features"),
        (INPUTS, METADATA, "has inputs and nothing to compare"),
        (
            LEAST,
            {"format": "pt"},
            "is no reference of a model's run: its metadata lacks reference_format",
        ),
        (LEAST, {"reference_format": "1"}, "its metadata lacks model_type"),
        (
            LEAST,
            {**METADATA, "reference_format": "2"},
            "its reference_format is '2'; this version reads",
        ),
        ({**LEAST, "logits": LOGITS["outputs.logits"]}, METADATA, "'logits' is no name of a reference"),
        (
            {**LEAST, "output.x": LOGITS["outputs.logits"]},
            METADATA,
            "expected inputs.<name>, outputs.<name>",
        ),
        ({**LEAST, "outputs.": LOGITS["outputs.logits"]}, METADATA, "'outputs.' is no name of a reference"),
        (
            {**INPUTS, "outputs.logits": np.zeros((1, 2, 3), np.float16)},
            METADATA,
            "outputs.logits is F16; a reference is",
        ),
        (
            {**LEAST, "gradients.a": np.zeros(2)},
            METADATA,
            "has gradients, but neither upstream.<output> nor",
        ),
        (LEAST, {**METADATA, "tolerances": "tight"}, "its tolerances are 'tight'"),
        (
            LEAST,
            {**METADATA, "tolerances": "[1]"},
            "expected numbers for some of outputs, modules, loss",
        ),
        (LEAST, {**METADATA, "tolerances": '{"logits": 1}'}, "expected numbers for some of outputs"),
        (
            LEAST,
            {**METADATA, "tolerances": '{"loss": -1}'},
            "loss is -1; expected a number of 0 or more",
        ),
        (LEAST, {**METADATA, "tolerances": '{"loss": NaN}'}, "loss is nan; expected a number"),
        (LEAST, {**METADATA, "tolerances": '{"loss": true}'}, "loss is True; expected a number"),
    ],
)
def test_what_is_refused(tmp_path, arrays, metadata, message):
    save_file(arrays, tmp_path / "run.safetensors", metadata)
    with pytest.raises(ValueError) as error:
        Reference.load(tmp_path / "run.safetensors")
    assert message in str(error.value) and "run.safetensors" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"I am not a tensor.", b"\xff" * 64])
def test_no_safetensors_file(tmp_path, content):
    (tmp_path / "run.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.safetensors is (truncated|text)"):
        Reference.load(tmp_path / "run.safetensors")
    with pytest.raises(FileNotFoundError):
        Reference.load(tmp_path / "another.safetensors")


def test_a_file_that_was_cut_off(tmp_path):
    trace(make_model("bert", layers=1), make_inputs("bert")).save(tmp_path / "run")
    (tmp_path / "cut").write_bytes((tmp_path / "run").read_bytes()[:-5])
    with pytest.raises(ValueError, match="truncated"):
        Reference.load(tmp_path / "cut")


def test_a_failed_write_leaves_what_was_there(tmp_path):
    reference = trace(make_model("bert", layers=1), make_inputs("bert"))
    reference.save(tmp_path / "run")
    before = (tmp_path / "run").read_bytes()
    reference.arrays["outputs.logits"] = np.array(["no numbers"])
    with pytest.raises(ValueError, match=r"cannot save 'outputs\.logits'"):
        reference.save(tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_tolerances_are_read_as_they_were_written(tmp_path):
    save_file(LEAST, tmp_path / "run", {**METADATA, "tolerances": json.dumps({"loss": 0, "outputs": 1e-3})})
    assert Reference.load(tmp_path / "run").tolerances == {"loss": 0.0, "outputs": 1e-3}
