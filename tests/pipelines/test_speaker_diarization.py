"""Diarization: the segments of the model's own frame probabilities, the same at every batch size."""

import numpy as np
import pytest
from tiny_checkpoints import KINDS, MODELS, cut_to_whole_rows, make_waveforms, save_checkpoint

import npconformer
from npconformer import pipeline
from npconformer.segments.diarization import find_segments

LENGTHS = [9000, 16000, 700, 12345, 9000, 5000]
NAMES = {0: "ANNA", 1: "BEN", 2: "CARA"}
EVERYTHING = {"min_duration": 0, "max_gap": 0}


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return save_checkpoint("ForAudioFrameClassification", folder, request.param, id2label=NAMES)


@pytest.fixture(scope="module")
def diarize(folder):
    return pipeline("speaker-diarization", model=folder, **EVERYTHING)


@pytest.fixture(scope="module")
def waveforms():
    return make_waveforms(LENGTHS, seed=2)


def logits_of(diarize, waveform):
    features = diarize.feature_extractor([waveform], sampling_rate=16000, padding=False, return_tensors="np")
    with npconformer.no_grad():
        return diarize.model(features[diarize.model.main_input_name]).logits.numpy()[0].astype(np.float64)  # (T, S)


def test_segments_of_the_probabilities(diarize, waveforms):
    for waveform in waveforms:
        probabilities = 1 / (1 + np.exp(-logits_of(diarize, waveform)))
        for settings in ({**EVERYTHING, "threshold": 0.4}, {"threshold": 0.6, "min_duration": 0.1, "max_gap": 0.04}):
            result = diarize(waveform, **settings)
            segments = find_segments(probabilities, 0.02, speakers=list(NAMES.values()), **settings)
            assert result["segments"] == [segment._asdict() for segment in segments]
            assert result["duration"] == len(waveform) / 16000


def test_functions(diarize, waveforms):
    logits = logits_of(diarize, waveforms[1])
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for function, probabilities in {"none": logits, "softmax": softmax}.items():
        result = diarize(waveforms[1], function_to_apply=function)
        segments = find_segments(probabilities, 0.02, speakers=list(NAMES.values()), **EVERYTHING)
        assert result["segments"] == [segment._asdict() for segment in segments]


@pytest.mark.parametrize(
    ("problem_type", "function"),
    [
        (None, "sigmoid"),
        ("multi_label_classification", "sigmoid"),
        ("single_label_classification", "softmax"),
        ("regression", "none"),
    ],
)
@pytest.mark.parametrize("kind", MODELS)
def test_the_kind_of_problem_decides_the_function(tmp_path, waveforms, kind, problem_type, function):
    folder = save_checkpoint("ForAudioFrameClassification", tmp_path, kind, num_labels=3, problem_type=problem_type)
    diarize = pipeline("speaker-diarization", model=folder)
    assert diarize(waveforms[1]) == diarize(waveforms[1], function_to_apply=function)


def test_silence_is_nobody(tmp_path, waveforms):
    named, other = (
        pipeline(
            "speaker-diarization",
            model=save_checkpoint("ForAudioFrameClassification", tmp_path / name, id2label={**NAMES, 1: name}),
        )
        for name in ("silence", "BEN")
    )
    segments = other(waveforms[1])["segments"]
    assert named(waveforms[1])["segments"] == [one for one in segments if one["speaker"] != "BEN"] != segments


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 50])
def test_the_batch_size_changes_nothing(diarize, waveforms, batch_size):
    alone = [diarize(waveform) for waveform in waveforms]
    assert sum(len(result["segments"]) for result in alone) > 20
    assert diarize(waveforms, batch_size=batch_size) == alone


def test_segments_end_before_the_recording_does(diarize, waveforms):
    overlap = (diarize.clock.receptive_field - diarize.samples_per_frame) / 16000
    for waveform in waveforms:
        for segment in diarize(waveform, threshold=-1.0, function_to_apply="sigmoid")["segments"]:
            assert segment["start"] == 0
            assert len(waveform) / 16000 - 0.02 < segment["end"] + overlap <= len(waveform) / 16000


def test_as_in_transformers(diarize, folder, waveforms):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForAudioFrameClassification.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    waveforms = cut_to_whole_rows(waveforms)
    for result, waveform in zip(diarize(waveforms, batch_size=4), waveforms, strict=True):
        features = extractor(waveform, sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            probabilities = torch.sigmoid(theirs(**features).logits[0]).numpy()
        segments = find_segments(probabilities, 0.02, speakers=list(NAMES.values()), **EVERYTHING)
        assert result["segments"] == [segment._asdict() for segment in segments]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": np.nan}, "threshold must be a finite number"),
        ({"min_duration": -0.1}, "min_duration must be a number of seconds"),
        ({"max_gap": "1"}, "max_gap must be a finite number"),
        ({"function_to_apply": "tanh"}, "function_to_apply must be None or one of"),
    ],
)
def test_wrong_options_before_anything_is_read(diarize, options, message):
    with pytest.raises(ValueError, match=message):
        diarize("no such file", **options)
