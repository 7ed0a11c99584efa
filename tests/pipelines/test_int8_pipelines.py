"""Pipelines of models whose weights are stored in fewer bits: asked for in every way that people ask for it."""

from types import SimpleNamespace

import numpy as np
import pytest
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser

from npconformer import AutoModelForCTC, pipeline
from npconformer.nn.stored_layers import stored_layers

TASKS = {
    "audio-classification": "ForSequenceClassification",
    "speaker-embedding": "ForXVector",
    "speaker-diarization": "ForAudioFrameClassification",
}
INT8 = {"load_in_8bit": True}


def kinds_of(model):
    return {layer.kind for layer in stored_layers(model).values()}


@pytest.mark.parametrize(
    "asked",
    [
        {"model_kwargs": INT8},
        {"model_kwargs": {"quantization_config": INT8}},
        {"model_kwargs": {"quantization_config": SimpleNamespace(load_in_8bit=True, quant_method="bitsandbytes")}},
        {"dtype": "int8"},
        {"dtype": "float32", "model_kwargs": INT8},
    ],
)
@pytest.mark.parametrize("kind", ["layer", "bert"])
def test_the_ways_to_ask(tmp_path, kind, asked):
    folder = save_recogniser(tmp_path, kind)
    waveforms = make_waveforms([9000, 16000])
    recognise = pipeline("automatic-speech-recognition", folder, **asked)
    assert kinds_of(recognise.model) == {"int8"} and recognise.model.dtype == np.float32
    given = pipeline(
        "automatic-speech-recognition",
        AutoModelForCTC.from_pretrained(folder, **INT8),
        feature_extractor=recognise.feature_extractor,
        tokenizer=recognise.tokenizer,
    )
    whole = pipeline("automatic-speech-recognition", folder)
    for waveform in waveforms:
        logits, expected, exact = (one.logits_of(waveform)[1] for one in (recognise, given, whole))
        np.testing.assert_array_equal(logits, expected)
        assert 0 < np.abs(logits - exact).max() < 0.2 * np.abs(exact).max()
        assert recognise(waveform) == given(waveform)


def test_modules_to_skip(tmp_path):
    config = {**INT8, "llm_int8_skip_modules": ["lm_head", "ffn2"]}
    recognise = pipeline(
        "automatic-speech-recognition", save_recogniser(tmp_path), model_kwargs={"quantization_config": config}
    )
    names = set(stored_layers(recognise.model))
    assert len(names) > 10 and not {name for name in names if "lm_head" in name or "ffn2" in name}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("stored", ["float16", "bfloat16", "int8"])
def test_other_tasks(tmp_path, task, stored):
    folder = save_checkpoint(TASKS[task], tmp_path, num_labels=3)
    model = pipeline(task, folder, dtype=stored)
    assert kinds_of(model.model) == {stored}
    model.model.save_pretrained(tmp_path / "stored", dtype="float32")
    model.feature_extractor.save_pretrained(tmp_path / "stored")
    waveforms = make_waveforms([9000, 16000])
    for one, other in zip(model(waveforms), pipeline(task, tmp_path / "stored")(waveforms), strict=True):
        if task == "speaker-diarization":
            assert one == other
        elif task == "speaker-embedding":
            np.testing.assert_allclose(one, other, atol=1e-5)
        else:
            assert [x["label"] for x in one] == [x["label"] for x in other]
            np.testing.assert_allclose(*([x["score"] for x in answer] for answer in (one, other)), atol=1e-5)


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"model_kwargs": {"load_in_4bit": True}}, "load_in_4bit=True is not offered"),
        ({"model_kwargs": {"load_in_8bit": 1}}, "load_in_8bit must be True or False, got 1"),
        ({"model_kwargs": INT8, "dtype": "float64"}, "int8 weights are computed in float32"),
    ],
)
def test_refused(tmp_path, asked, message):
    with pytest.raises(ValueError, match=message):
        pipeline("automatic-speech-recognition", save_recogniser(tmp_path), **asked)
