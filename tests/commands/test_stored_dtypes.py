"""`--dtype` of the commands that load a model, and what `npconformer info` says of weights in fewer bits."""

import json
from functools import partial

import pytest
import soundfile
from command_line import run
from safetensors.numpy import load_file
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser

import npconformer.pipelines
from npconformer import AutoModelForCTC
from npconformer.checkpoints import precision
from npconformer.nn.stored_layers import stored_layers

KINDS = ("float16", "bfloat16", "int8")


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sounds/a.wav"
    path.parent.mkdir()
    soundfile.write(path, make_waveforms([16000])[0], 16000)
    path.with_suffix(".txt").write_text("ABC")
    return path


@pytest.fixture
def loaded(monkeypatch):
    """The models of the pipelines that commands make."""
    models = []
    make = npconformer.pipelines.pipeline

    def watched(*arguments, **options):
        made = make(*arguments, **options)
        models.append(made.model)
        return made

    monkeypatch.setattr(npconformer.pipelines, "pipeline", watched)
    return models


def kinds_of(model):
    return {layer.kind for layer in stored_layers(model).values()}


HEADS = {
    "transcribe": "ForCTC",
    "align": "ForCTC",
    "evaluate": "ForCTC",
    "classify": "ForSequenceClassification",
    "diarize": "ForAudioFrameClassification",
    "embed": "ForXVector",
}


@pytest.mark.parametrize("command", HEADS)
def test_commands(capsys, sound, tmp_path, loaded, command):
    save = save_recogniser if HEADS[command] == "ForCTC" else partial(save_checkpoint, HEADS[command], num_labels=3)
    folder = save(folder=tmp_path / "model")
    what = {"align": (sound, sound.with_suffix(".txt")), "evaluate": (sound.parent,)}.get(command, (sound,))
    for dtype in (*KINDS, "float64", "auto"):
        output = ("--output", tmp_path / f"{dtype}.npz") if command == "embed" else ()
        status, _, err = run(capsys, command, *what, "--model", folder, "--dtype", dtype, *output)
        assert status == 0, err
        assert kinds_of(loaded[-1]) == ({dtype} if dtype in KINDS else set())
        assert loaded[-1].dtype == ("float64" if dtype == "float64" else "float32")


def test_compare(capsys, sound, tmp_path, loaded):
    folder = save_checkpoint("ForXVector", tmp_path / "model")
    options = ("--model", folder, "--dtype", "int8", "--threshold", "0.5")
    assert run(capsys, "compare", sound, sound, *options)[0] in (0, 1)
    assert kinds_of(loaded[-1]) == {"int8"}


def test_a_dtype_that_is_none(capsys, sound):
    status, _, err = run(capsys, "transcribe", sound, "--dtype", "int4")
    assert status == 2 and "invalid choice: 'int4'" in err


@pytest.fixture
def facts(capsys, tmp_path):
    """Those of a recogniser that was converted to a dtype."""
    source = save_recogniser(tmp_path / "source", intermediate_size=256)

    def facts(dtype, *options):
        assert run(capsys, "convert", source, tmp_path / dtype, "--dtype", dtype, *options)[0] == 0
        status, out, _ = run(capsys, "info", tmp_path / dtype, "--format", "json")
        assert status == 0
        return tmp_path / dtype, json.loads(out)

    return facts


def bytes_in_memory(folder):
    """What the parameters and the int8 weights' arrays take that a model loaded with "auto" has."""
    model = AutoModelForCTC.from_pretrained(folder, dtype="auto")
    stored = sum(layer.stored_weight.nbytes for layer in stored_layers(model).values())
    return stored + sum(parameter.data.nbytes for parameter in model.parameters())


@pytest.mark.parametrize("options", [(), ("--max-shard-size", "10KB")])
def test_info_of_int8(capsys, facts, options):
    folder, told = facts("int8", *options)
    assert told["memory"] == {"dtype": "int8 and float32", "bytes": bytes_in_memory(folder)}
    exact = AutoModelForCTC.from_pretrained(folder, dtype="float32")
    assert told["parameters"]["total"] == exact.num_parameters()
    assert told["memory"]["bytes"] < 0.6 * 4 * exact.num_parameters()
    if not options:
        arrays = load_file(folder / "model.safetensors").values()
        assert told["dtypes"]["int8"] == sum(array.size for array in arrays if array.dtype == "int8")
    assert [told["fit"][key] for key in ("missing", "unexpected", "mismatched")] == [[], [], []]
    text = " ".join(run(capsys, "info", folder)[1].split())
    assert "int8 (" in text and "for the weights in int8 and float32" in text


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_info_of_sixteen_bits(capsys, facts, monkeypatch, dtype):
    folder, told = facts(dtype)
    total = told["parameters"]["total"]
    assert told["memory"] == {"dtype": "float32", "bytes": 4 * total}  # a small one is widened
    assert bytes_in_memory(folder) == 4 * total
    monkeypatch.setattr(precision, "SMALL", 1000)
    told = json.loads(run(capsys, "info", folder, "--format", "json")[1])
    assert told["memory"] == {"dtype": f"{dtype} and float32", "bytes": bytes_in_memory(folder)}
    assert bytes_in_memory(folder) < 3 * total
