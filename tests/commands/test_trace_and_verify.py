"""`npconformer trace` and `npconformer verify`: files, verdicts, exit statuses, and what they refuse."""

import importlib.util
import json
import shutil
import sys

import numpy as np
import pytest
import soundfile
from command_line import run
from safetensors.numpy import load_file, save_file
from tiny_checkpoints import MODELS, make_waveforms, save_checkpoint, save_recogniser

from npconformer import AutoModelForCTC
from npconformer.verify import Reference

HAS_REFERENCE = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind, tmp_path_factory):
    return save_recogniser(tmp_path_factory.mktemp("model"), kind, num_hidden_layers=8)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for name, waveform in zip("ab", make_waveforms([9040, 6480])):
        soundfile.write(folder / f"{name}.wav", waveform, 16000)
    return [str(folder / "a.wav"), str(folder / "b.wav")]


@pytest.fixture(scope="module")
def traced(model, recordings, tmp_path_factory):
    """A reference of everything, and the checkpoint's folder."""
    target = tmp_path_factory.mktemp("traced") / "run.safetensors"
    from npconformer.cli import main

    texts = ["--text", "ABBA CAB", "--text", "DEAF"]
    options = ["--modules", "--attentions", "--gradients", "--output", str(target)]
    assert main(["trace", str(model), *recordings, *texts, *options]) == 0
    return target


@pytest.fixture
def faulty(model, tmp_path):
    """The same checkpoint, one weight of whose layer 7 is another."""
    other = AutoModelForCTC.from_pretrained(model)
    weight = other.base_model.encoder.layers[7].ffn1.intermediate_dense.weight
    weight.data = weight.data.copy()
    weight.data[5, 3] += 1e-3
    other.save_pretrained(tmp_path / "faulty")
    return tmp_path / "faulty"


# ---- trace


def test_trace_writes_what_the_model_gives(capsys, model, recordings, traced):
    reference = Reference.load(traced)
    loaded = AutoModelForCTC.from_pretrained(model)
    output = loaded(**reference.group("inputs"), output_hidden_states=True)
    assert reference.arrays["inputs.labels"].tolist() == [
        [2, 3, 3, 2, 1, 4, 2, 3],
        [5, 6, 2, 7, -100, -100, -100, -100],
    ]
    np.testing.assert_allclose(reference.arrays["outputs.logits"], output.logits.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(reference.arrays["loss"], output.loss.item(), rtol=1e-5)
    groups = {name.split(".")[0] for name in reference.arrays}
    assert groups == {"inputs", "outputs", "modules", "loss", "gradients"}
    assert reference.arrays["inputs.attention_mask"].shape[0] == 2


def test_trace_keeps_what_is_asked_for(capsys, model, recordings, tmp_path):
    target = tmp_path / "run.safetensors"
    assert run(capsys, "trace", model, recordings[0], "--output", target, "--dtype", "float64") == (0, "", "")
    arrays = load_file(target)
    assert {name.split(".")[0] for name in arrays} == {"inputs", "outputs"}
    assert arrays["outputs.logits"].dtype == np.float64 and "outputs.hidden_states.8" in arrays
    assert not any("attentions" in name for name in arrays)


def test_labels_as_ids(capsys, model, recordings, traced, tmp_path):
    target = tmp_path / "run.safetensors"
    labels = ["--labels", "2,3,3,2,1,4,2,3", "--labels", "5,6,2,7"]
    assert run(capsys, "trace", model, *recordings, *labels, "--output", target)[0] == 0
    found, expected = load_file(target), load_file(traced)
    np.testing.assert_array_equal(found["inputs.labels"], expected["inputs.labels"])
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


def test_labels_of_a_classifier(capsys, kind, recordings, tmp_path):
    folder = save_checkpoint("ForSequenceClassification", tmp_path / "model", kind, num_labels=3)
    for label in ("LABEL_2", "2"):
        target = tmp_path / "run.safetensors"
        assert run(capsys, "trace", folder, recordings[0], "--labels", label, "--output", target) == (0, "", "")
        assert load_file(target)["inputs.labels"].tolist() == [2] and "loss" in load_file(target)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "AB"], "--text: got 1 for 2 recordings; expected one for each"),
        (["--labels", "2,x", "--labels", "3"], "--labels: 'x' is neither a label of the model nor the id of one"),
        (["--labels", "2", "--labels", "99"], "labels: "),
    ],
)
def test_labels_that_do_not_fit(capsys, model, recordings, tmp_path, options, message):
    status, out, err = run(capsys, "trace", model, *recordings, *options, "--output", tmp_path / "run")
    assert (status, out) == (2, "") and message in err
    assert list(tmp_path.iterdir()) == []


def test_labels_that_a_model_learns_nothing_from(capsys, kind, recordings, tmp_path):
    folder = save_checkpoint("ForAudioFrameClassification", tmp_path / "model", kind, num_labels=3)
    status, _, err = run(capsys, "trace", folder, recordings[0], "--labels", "1", "--output", tmp_path / "run")
    assert status == 2 and "ForAudioFrameClassification learns nothing from it" in err


@pytest.mark.parametrize(("name", "message"), [("missing.wav", "missing.wav: no such file"), (".", "is a folder")])
def test_recordings_that_cannot_be_read(capsys, model, recordings, tmp_path, name, message):
    status, out, err = run(capsys, "trace", model, recordings[0], name, "--output", tmp_path / "run")
    assert (status, out) == (2, "") and message in err
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_would_replace_what_is_read(capsys, model, recordings, traced):
    for argv in (
        ["trace", model, *recordings, "--output", recordings[1]],
        ["trace", model, *recordings, "--output", model / "model.safetensors"],
        ["verify", model, "--reference", traced, "--output", traced],
        ["verify", model, "--reference", traced, "--output", model / "config.json"],
    ):
        before = [path.read_bytes() for path in (traced, model / "model.safetensors", model / "config.json")]
        status, _, err = run(capsys, *argv)
        assert status == 2 and "is one of the files to be read, and would replace it" in err
        assert [path.read_bytes() for path in (traced, model / "model.safetensors", model / "config.json")] == before


# ---- verify


def test_verify_agrees(capsys, model, traced):
    status, out, err = run(capsys, "verify", model, "--reference", traced)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1].startswith("all of ") and "DIFFERS" not in out


def test_verify_names_the_layer(capsys, faulty, traced):
    status, out, err = run(capsys, "verify", faulty, "--reference", traced)
    assert (status, err) == (1, "")
    assert out.splitlines()[-1].endswith("encoder.layers.7.ffn1.intermediate_dense (layer 7)")
    assert "modules.encoder.layers.6." in out and "DIFFERS" in out


def test_verify_as_json(capsys, model, faulty, traced, tmp_path):
    status, out, _ = run(capsys, "verify", faulty, "--reference", traced, "--format", "json")
    found = json.loads(out)
    assert status == 1 and found["passed"] is False and found["first_difference"]["layer"] == "layer 7"
    target = tmp_path / "verdict.json"
    argv = ["verify", model, "--reference", traced, "--format", "json", "--output", target]
    assert run(capsys, *argv) == (0, "", "")
    assert json.loads(target.read_text())["passed"] is True


def test_all_tensors(capsys, model, traced):
    _, out, _ = run(capsys, "verify", model, "--reference", traced, "--all")
    assert out.count("modules.encoder.layers.3.") > 25


def test_tolerances(capsys, faulty, traced):
    options = [f"--tolerance={kind}=1" for kind in ("outputs", "modules", "loss", "gradients")]
    assert run(capsys, "verify", faulty, "--reference", traced, *options)[0] == 0
    assert run(capsys, "verify", faulty, "--reference", traced, *options[:1])[0] == 1


def test_another_dtype(capsys, model, traced):
    status, out, _ = run(capsys, "verify", model, "--reference", traced, "--dtype", "float64")
    assert status == 0 and out.splitlines()[0].endswith("float64") and out.splitlines()[1].endswith("float32")


def test_a_checkpoint_without_its_feature_extractor(capsys, model, traced, tmp_path):
    """The reference brings its inputs along."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(model / name, tmp_path)
    assert run(capsys, "verify", tmp_path, "--reference", traced)[0] == 0


def test_nothing_is_written_anywhere_else(capsys, model, recordings, traced, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in (*model.iterdir(), traced)}
    run(capsys, "verify", model, "--reference", traced)
    if HAS_REFERENCE:
        run(capsys, "verify", model, recordings[0], "--against", "transformers")
    assert list(tmp_path.iterdir()) == [] and list(model.iterdir()) + [traced] == list(before)
    assert {path: path.stat().st_mtime_ns for path in before} == before


# ---- what verify refuses


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (None, "run.safetensors is truncated or no safetensors file"),
        ({}, "has no inputs"),
        ({"inputs.input_values": np.zeros((1, 4), np.float32)}, "has inputs and nothing to compare"),
        ({"inputs.words": np.zeros(3), "outputs.logits": np.zeros(3)}, "inputs: got words; for a Wav2Vec2"),
    ],
)
def test_files_that_are_no_reference(capsys, kind, model, tmp_path, arrays, message):
    path = tmp_path / "run.safetensors"
    if arrays is None:
        path.write_text("I am not a tensor.")
    else:
        model_type = {"layer": "wav2vec2-conformer", "bert": "wav2vec2-bert"}[kind]
        save_file(arrays, path, {"reference_format": "1", "model_type": model_type})
    status, out, err = run(capsys, "verify", model, "--reference", path)
    assert (status, out) == (2, "") and err.startswith("npconformer: ") and message in err
    assert len(err.splitlines()) == 1


def test_a_reference_of_another_model(capsys, kind, traced, tmp_path):
    other = save_recogniser(tmp_path / "other", {"layer": "bert", "bert": "layer"}[kind])
    status, out, err = run(capsys, "verify", other, "--reference", traced)
    assert (status, out) == (2, "") and "the reference is of a model of type wav2vec2-" in err
    other = save_checkpoint("ForXVector", tmp_path / "speakers", kind)
    status, _, err = run(capsys, "verify", other, "--reference", traced)
    assert status == 2 and "ForCTC; this model is a " in err


def test_a_model_of_other_sizes(capsys, kind, traced, tmp_path):
    other = save_recogniser(tmp_path / "other", kind, num_hidden_layers=7, intermediate_size=20)
    status, out, _ = run(capsys, "verify", other, "--reference", traced)
    assert status == 1 and "npconformer's model has none" in out and "in the reference, (" in out


def test_nan_in_the_reference(capsys, model, traced, tmp_path):
    arrays = load_file(traced)
    arrays["outputs.hidden_states.3"][0, 1, 2] = np.nan
    reference = Reference.load(traced)
    Reference(arrays, reference.model_type, reference.made_by).save(tmp_path / "run")
    status, out, _ = run(capsys, "verify", model, "--reference", tmp_path / "run")
    assert status == 1 and "NaN in the reference" in out
    assert out.splitlines()[-1] == (
        f"1 of {len(reference.compared)} tensors are over their limits; "
        "the first that differs: outputs.hidden_states.3 (layer 2)"
    )
    arrays[f"inputs.{'input_values' if 'inputs.input_values' in arrays else 'input_features'}"][0, 1] = np.nan
    Reference(arrays, reference.model_type, reference.made_by).save(tmp_path / "run")
    status, out, err = run(capsys, "verify", model, "--reference", tmp_path / "run")
    assert (status, out) == (2, "") and "NaN or infinite" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["verify", "m"], "one of the arguments --reference --against is required"),
        (["verify", "m", "--reference", "r", "--against", "transformers"], "not allowed with argument"),
        (["verify", "m", "--against", "fairseq"], "invalid choice: 'fairseq'"),
        (["verify", "m", "a.wav", "--reference", "r"], "AUDIO is for --against; with --reference the file says"),
        (["verify", "m", "--reference", "r", "--gradients"], "--gradients is for --against"),
        (["verify", "m", "--reference", "r", "--outputs-only"], "--outputs-only is for --against"),
        (
            ["verify", "m", "--reference", "r", "--tolerance", "logits=1"],
            "'logits=1' is not KIND=X with one of outputs,",
        ),
        (["verify", "m", "--reference", "r", "--tolerance", "loss=x"], "'x' is not a number of at least 0"),
        (["verify", "m", "--reference", "no-such-file"], "no-such-file: No such file or directory"),
        (["verify", "no-such-folder", "--against", "transformers"], "no-such-folder"),
        (["trace", "m", "a.wav"], "the following arguments are required: --output"),
        (["trace", "m", "--output", "f"], "the following arguments are required: AUDIO"),
        (["trace", "m", "a.wav", "--output", "f", "--text", "A", "--labels", "1"], "not allowed with argument --text"),
        (["trace", "no-such-folder", "a.wav", "--output", "f"], "no-such-folder"),
    ],
)
def test_wrong_arguments(capsys, argv, message):
    status, out, err = run(capsys, *argv)
    assert (status, out) == (2, "") and message in err


@pytest.mark.parametrize("command", ["trace", "verify"])
def test_help_teaches(capsys, command):
    status, out, _ = run(capsys, command, "--help")
    assert status == 0 and out.count(f"\n  npconformer {command} ") >= 4
    assert "docs/verify.md" in out and "exit status: 0" in out


# ---- beside transformers


@pytest.mark.skipif(not HAS_REFERENCE, reason="needs torch and transformers")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_transformers(capsys, model, recordings, dtype):
    texts = ["--text", "ABBA CAB", "--text", "DEAF"]
    argv = [*recordings, *texts, "--gradients", "--attentions", "--dtype", dtype, "--against", "transformers"]
    status, out, _ = run(capsys, "verify", model, *argv)
    assert status == 0, out
    assert "reference: transformers" in out and "gradients.encoder.layers.7." in out and "loss" in out


@pytest.mark.skipif(not HAS_REFERENCE, reason="needs torch and transformers")
def test_against_transformers_with_the_demo(capsys, model):
    status, out, _ = run(capsys, "verify", model, "--against", "transformers", "--outputs-only", "--format", "json")
    assert status == 0 and {row["tensor"].split(".")[0] for row in json.loads(out)["tensors"]} == {"outputs"}


@pytest.mark.skipif(not HAS_REFERENCE, reason="needs torch and transformers")
def test_traced_by_transformers(capsys, model, faulty, recordings, tmp_path):
    target = tmp_path / "run.safetensors"
    argv = ["trace", model, *recordings, "--modules", "--by", "transformers", "--output", target]
    status, out, _ = run(capsys, *argv)
    assert (status, out) == (0, "") and Reference.load(target).made_by.startswith("transformers ")
    assert run(capsys, "verify", model, "--reference", target)[0] == 0
    status, out, _ = run(capsys, "verify", faulty, "--reference", target)
    assert status == 1 and out.splitlines()[-1].endswith("(layer 7)")


def test_against_transformers_without_it(capsys, model, recordings, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    status, out, err = run(capsys, "verify", model, recordings[0], "--against", "transformers")
    assert (status, out) == (2, "") and "pip install torch and then transformers" in err
