"""Weights that hold NaN: every pipeline says so, for each recording, and nothing prints NaN as an answer or in JSON."""

import json

import numpy as np
import pytest
from command_line import run
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser

import npconformer
from npconformer.commands.writing import to_json
from npconformer.models.auto import AutoConfig, model_class
from npconformer.pipelines.finite import check_finite
from npconformer.pipelines.frames import Frames

TASKS = {
    "ForCTC": "automatic-speech-recognition",
    "ForSequenceClassification": "audio-classification",
    "ForAudioFrameClassification": "speaker-diarization",
    "ForXVector": "speaker-embedding",
}


def damaged(head, folder):
    """A checkpoint with a NaN in a bias that everything goes through."""
    (save_recogniser if head == "ForCTC" else lambda where: save_checkpoint(head, where))(folder)
    config = AutoConfig.from_pretrained(folder)
    model = model_class(config.model_type, {"ForCTC": "ctc", "ForXVector": "xvector"}.get(
        head, "sequence_classification" if "Sequence" in head else "audio_frame_classification"
    )).from_pretrained(folder)  # fmt: skip
    bias = dict(model.named_parameters())["wav2vec2_conformer.encoder.layer_norm.bias"]
    bias.data = np.full_like(bias.data, np.nan)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("head", TASKS)
def test_every_pipeline_says_so(head, tmp_path):
    pipeline = npconformer.pipeline(TASKS[head], model=damaged(head, tmp_path))
    waveforms = make_waveforms([8000, 6000])
    words = (
        r"the model's output is NaN or infinite in \d+ of \d+ (frames|numbers): the checkpoint's weights are damaged"
    )
    with pytest.raises(ValueError, match=words):
        pipeline(waveforms[0])
    errors = list(pipeline.stream(waveforms, return_errors=True))
    assert len(errors) == 2 and all(isinstance(error, ValueError) and "NaN" in str(error) for error in errors)


def test_classify_prints_no_nan(tmp_path, capsys):
    from npconformer.commands.demo import RECORDING

    model = damaged("ForSequenceClassification", tmp_path)
    status, output, errors = run(capsys, "classify", RECORDING, "--model", model, "--format", "json")
    assert status == 1 and "NaN" in json.loads(output)[0]["error"] and "weights are damaged" in errors


def test_what_is_finite_passes():
    for output in (np.ones(3, np.float32), np.array([1, 2]), Frames(5, np.zeros((2, 3))), Frames(5, np.array([-1, 3]))):
        check_finite(output)
    with pytest.raises(ValueError, match="in 1 of 2 frames"):
        check_finite(Frames(5, np.array([[1.0, 2.0], [np.inf, 0.0]])))


def test_json_has_no_nan():
    value = {"a": [float("nan"), 1.5, (float("-inf"),)], "b": {"c": float("inf")}, "d": "NaN"}
    assert json.loads(to_json(value), parse_constant=pytest.fail) == {
        "a": [None, 1.5, [None]],
        "b": {"c": None},
        "d": "NaN",
    }
