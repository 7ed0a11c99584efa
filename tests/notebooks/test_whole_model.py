"""`notebooks/whole_model.py` computes what the package computes, in both models and every setting that it reads."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoints import make_extractor, make_waveforms, save_recogniser

import npconformer

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "notebooks" / "whole_model.py"
DIGITS, DEMO = (
    ROOT / "npconformer" / "pretrained" / "digits",
    ROOT / "npconformer" / "pretrained" / "demo" / "digits.flac",
)
LONGEST = 250  # lines
CLOSE = 1e-10  # relative to the largest number: some 10^5 roundings of float64, 1e-16 each, of sums that largely cancel

spec = importlib.util.spec_from_file_location("whole_model", FILE)
whole_model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(whole_model)

ADAPTER = {"add_adapter": True, "num_adapter_layers": 2, "output_hidden_size": 20}
CASES = {
    "relative, layer norm": ("layer", {}),
    "relative, group norm": ("group", {}),
    "rotary": ("layer", {"position_embeddings_type": "rotary", "rotary_embedding_base": 5000}),
    "rotary, group norm": ("group", {"position_embeddings_type": "rotary"}),
    "no positions": ("layer", {"position_embeddings_type": None}),
    "no biases, gelu": ("layer", {"conv_bias": False, "hidden_act": "gelu"}),
    "another activation, another eps": ("layer", {"feat_extract_activation": "relu", "layer_norm_eps": 1e-3}),
    "adapter": ("layer", {**ADAPTER, "layer_norm_eps": 1e-3}),
    "adapter of the same width": ("group", {**ADAPTER, "output_hidden_size": 16, "adapter_stride": 3}),
    "bert": ("bert", {}),
    "bert, another eps": ("bert", {"layer_norm_eps": 1e-3}),
    "bert, no positions": ("bert", {"position_embeddings_type": None}),
    "bert, relative": ("bert", {"position_embeddings_type": "relative"}),
    "bert, rotary": ("bert", {"position_embeddings_type": "rotary"}),
    "bert, wide limits": ("bert", {"left_max_position_embeddings": 64, "right_max_position_embeddings": 70}),
    "bert, adapter": ("bert", ADAPTER),
    "bert, adapter of the same width": ("bert", {**ADAPTER, "output_hidden_size": 16, "adapter_act": "gelu"}),
    "bert, ffn and adapter": ("bert", {**ADAPTER, "use_intermediate_ffn_before_adapter": True, "layer_norm_eps": 1e-3}),
}


def away_from_their_beginnings(model):
    """Every weight, and each running mean and variance, at random: what starts at 0 or 1 would hide its place."""
    random = np.random.default_rng(1)
    for parameter in model.parameters():
        parameter.data = parameter.data + random.normal(0, 0.1, parameter.shape).astype(parameter.dtype)
    for name, module in model.named_modules():
        if name.endswith("batch_norm"):
            module.running_mean = random.normal(0, 0.3, module.running_mean.shape).astype(np.float32)
            module.running_var = random.uniform(0.5, 2, module.running_var.shape).astype(np.float32)
    return model


@pytest.fixture
def recogniser(tmp_path):
    """Call it with a kind of tiny model and settings: the model in float64, and its folder."""

    def make(kind, settings):
        save_recogniser(tmp_path, kind, **settings)
        away_from_their_beginnings(npconformer.AutoModelForCTC.from_pretrained(tmp_path)).save_pretrained(tmp_path)
        return npconformer.AutoModelForCTC.from_pretrained(tmp_path, dtype="float64"), tmp_path

    return make


def close(got, expected, limit=CLOSE):
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert np.abs(got - expected).max() <= limit * np.abs(expected).max()


def logits_of(model, inputs):
    with npconformer.no_grad():
        return model(inputs[None]).logits.numpy()[0]


@pytest.mark.parametrize("name", CASES)
def test_logits(recogniser, name):
    kind, settings = CASES[name]
    model, folder = recogniser(kind, settings)
    config = json.loads((folder / "config.json").read_text())
    weights = {
        name: array.astype(np.float64) for name, array in whole_model.load_file(folder / "model.safetensors").items()
    }
    (samples,) = make_waveforms([16000])
    extractor = make_extractor(kind)
    inputs = extractor(samples, sampling_rate=16000, return_tensors="np")[extractor.model_input_names[0]][0]
    inputs = inputs.astype(np.float64)
    expected = logits_of(model, inputs)
    assert expected.std() > 0.01  # they say something
    close(whole_model.logits(inputs, weights, config), expected)


@pytest.mark.parametrize("kind", ["layer", "bert"])
def test_from_samples_to_text(recogniser, kind):
    _, folder = recogniser(kind, {})
    (samples,) = make_waveforms([32000])
    recognise = npconformer.pipeline("automatic-speech-recognition", model=str(folder))
    text = whole_model.recognise(folder, samples)
    assert text == recognise(samples)["text"] and len(set(text)) >= 3


@pytest.mark.parametrize("samples", [16000, 16000 + 160])
def test_filterbank(samples):
    """An odd last frame is in no row."""
    (samples,) = make_waveforms([samples])
    features = npconformer.SeamlessM4TFeatureExtractor()(samples, sampling_rate=16000, return_tensors="np")
    rows = features["input_features"][0][features["attention_mask"][0] > 0]
    close(whole_model.filterbank(samples), rows, 1e-6)


def test_the_digits():
    model = npconformer.AutoModelForCTC.from_pretrained(DIGITS, dtype="float64")
    config = json.loads((DIGITS / "config.json").read_text())
    weights = {
        name: array.astype(np.float64) for name, array in whole_model.load_file(DIGITS / "model.safetensors").items()
    }
    samples = npconformer.read_audio(DEMO).astype(np.float64)
    inputs = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    close(whole_model.logits(inputs, weights, config), logits_of(model, inputs))


def test_the_command(tmp_path):
    """As the file says it is run: in any folder, without the package."""
    program = (
        "import runpy, sys; sys.modules['npconformer'] = None; del sys.argv[0]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-I", "-c", program, str(FILE), str(DIGITS), str(DEMO)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "THREE ONE FOUR ONE FIVE NINE TWO SIX\n" and done.stderr == ""


def test_its_length():
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= LONGEST
