"""The classification pipeline: scores by the kind of problem, the best first, the same at every batch size."""

import numpy as np
import pytest
import soundfile
from tiny_checkpoints import KINDS, MODELS, SHORTEST, SIZES, make_extractor, make_waveforms, save_checkpoint

import npconformer
from npconformer import Wav2Vec2ConformerConfig, pipeline
from npconformer.models.wav2vec2_conformer import Wav2Vec2ConformerForCTC

LENGTHS = [9000, 16000, 700, 12345, 9000, 5000, 560]
LABELS = {0: "happy", 1: "sad", 2: "angry", 3: "calm", 4: "bored", 5: "tired"}


@pytest.fixture(scope="module", params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return save_checkpoint("ForSequenceClassification", tmp_path_factory.mktemp(kind), kind, id2label=LABELS)


@pytest.fixture(scope="module")
def classify(folder):
    return pipeline("audio-classification", model=folder)


@pytest.fixture(scope="module")
def waveforms():
    return make_waveforms(LENGTHS)


def logits_of(classify, waveform):
    """The model's logits (K,) in float64."""
    features = classify.feature_extractor([waveform], sampling_rate=16000, return_tensors="np")
    with npconformer.no_grad():
        return classify.model(**features).logits.numpy()[0].astype(np.float64)


def scores(result):
    return [one["score"] for one in result]


def assert_same(result, expected, atol=1e-5):
    assert [one["label"] for one in result] == [one["label"] for one in expected]
    np.testing.assert_allclose(scores(result), scores(expected), rtol=0, atol=atol)


def test_the_best_labels_first(classify, waveforms):
    logits = logits_of(classify, waveforms[0])
    probabilities = np.exp(logits) / np.exp(logits).sum()
    order = np.argsort(-probabilities)
    result = classify(waveforms[0], top_k=3)
    assert [one["label"] for one in result] == [LABELS[i] for i in order[:3]]
    np.testing.assert_allclose(scores(result), probabilities[order[:3]], atol=1e-6)
    assert all(type(score) is float for score in scores(result))


@pytest.mark.parametrize(("top_k", "count"), [(1, 1), (5, 5), (6, 6), (100, 6), (None, 6)])
def test_top_k(classify, waveforms, folder, top_k, count):
    assert len(classify(waveforms[0])) == 6
    assert len(classify(waveforms[0], top_k=top_k)) == count
    assert len(pipeline("audio-classification", model=folder, top_k=top_k)(waveforms[0])) == count


def test_functions(classify, waveforms):
    logits = np.sort(logits_of(classify, waveforms[1]))[::-1]
    for function, expected in {
        "none": logits,
        "sigmoid": 1 / (1 + np.exp(-logits)),
        "softmax": np.exp(logits) / np.exp(logits).sum(),
    }.items():
        result = classify(waveforms[1], top_k=None, function_to_apply=function)
        np.testing.assert_allclose(scores(result), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "function"),
    [
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"problem_type": "single_label_classification"}, "softmax"),
        ({"problem_type": "regression"}, "none"),
        ({}, "softmax"),
        ({"num_labels": 1}, "none"),
        ({"num_labels": 1, "problem_type": "multi_label_classification"}, "sigmoid"),
    ],
)
def test_the_kind_of_problem_decides_the_function(tmp_path, kind, waveforms, settings, function):
    folder = save_checkpoint("ForSequenceClassification", tmp_path, kind, **{"num_labels": 3, **settings})
    classify = pipeline("audio-classification", model=folder)
    assert classify(waveforms[0]) == classify(waveforms[0], function_to_apply=function)


def test_equal_scores_keep_the_order_of_the_labels(classify):
    answer = classify.answer(np.zeros(6, np.float32), {"top_k": None, "function_to_apply": None})
    assert [one["label"] for one in answer] == list(LABELS.values())


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("each", KINDS)
def test_the_batch_size_changes_nothing(tmp_path, waveforms, each, batch_size):
    folder = save_checkpoint("ForSequenceClassification", tmp_path, each, num_labels=4, use_weighted_layer_sum=True)
    classify = pipeline("audio-classification", model=folder)
    together = classify(waveforms, batch_size=batch_size)
    for result, waveform in zip(together, waveforms):
        assert_same(result, classify(waveform))


def test_every_kind_of_input(classify, waveforms, tmp_path):
    expected = classify(waveforms[0])
    path = tmp_path / "a.wav"
    soundfile.write(path, waveforms[0], 16000, subtype="FLOAT")
    for recording in (path, str(path), waveforms[0][None], {"array": waveforms[0], "sampling_rate": 16000}):
        assert_same(classify(recording), expected)
    streamed = classify(iter([waveforms[0], path]))
    assert_same(next(streamed), expected)


def test_a_loaded_model_needs_its_feature_extractor(classify, waveforms, folder):
    expected = classify(waveforms[0])
    for given in (
        {"feature_extractor": classify.feature_extractor},
        {"feature_extractor": folder},
        {"processor": folder},
    ):
        assert_same(pipeline("audio-classification", model=classify.model, **given)(waveforms[0]), expected)
    with pytest.raises(ValueError, match="a loaded model needs feature_extractor="):
        pipeline("audio-classification", model=classify.model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k must be a whole number of at least 1, or None for all labels, got 0"),
        ({"top_k": True}, "got True"),
        ({"top_k": 2.0}, "got 2.0"),
        ({"function_to_apply": "relu"}, "function_to_apply must be None or one of softmax, sigmoid, none, got 'relu'"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
    ],
)
def test_wrong_options_before_anything_is_read(classify, folder, options, message):
    with pytest.raises(ValueError, match=message):
        classify("no such file", **options)
    with pytest.raises(ValueError, match=message):
        pipeline("audio-classification", model="no such folder", **options)


def test_an_unknown_option_is_named(classify):
    known = "known options: top_k, function_to_apply, batch_size, sampling_rate"
    with pytest.raises(TypeError, match=f"'topk' is not an option of audio-classification; {known}"):
        classify("no such file", topk=3)


def test_models_that_do_not_classify(tmp_path, folder, kind):
    with pytest.raises(ValueError, match="audio-classification needs a checkpoint's folder or a loaded model"):
        pipeline("audio-classification")
    with pytest.raises(ValueError, match="tokenizer: audio-classification takes none"):
        pipeline("audio-classification", model=folder, tokenizer="some folder")
    with pytest.raises(FileNotFoundError, match="no-such-checkpoint"):
        pipeline("audio-classification", model="no-such-checkpoint")
    extractor = make_extractor("layer")
    recogniser = Wav2Vec2ConformerForCTC(Wav2Vec2ConformerConfig(**SIZES))
    with pytest.raises(
        ValueError, match=r"a Wav2Vec2ConformerForSequenceClassification.*, got Wav2Vec2ConformerForCTC"
    ):
        pipeline("audio-classification", model=recogniser, feature_extractor=extractor)
    save_checkpoint("ForCTC", tmp_path, kind)
    name = {"layer": "Wav2Vec2Conformer", "bert": "Wav2Vec2Bert"}[kind]
    with pytest.raises(ValueError, match=f"holds a {name}ForCTC; a {name}ForSequenceClass"):
        pipeline("audio-classification", model=tmp_path)


def test_a_feature_extractor_of_the_other_model(classify, kind):
    (other,) = set(MODELS) - {kind}
    names = {"layer": "input_values", "bert": "input_features"}
    message = rf"feature_extractor: a \w+FeatureExtractor gives {names[other]}, and a \w+ takes {names[kind]}: use the"
    with pytest.raises(ValueError, match=message):
        pipeline("audio-classification", model=classify.model, feature_extractor=make_extractor(other))


def test_errors_name_the_recording(classify, kind, waveforms):
    few = SHORTEST[kind] - 1
    assert len(classify(make_waveforms([few + 1])[0])) == 6  # one frame
    with pytest.raises(ValueError, match=rf"inputs\[1\]: {few} samples at 16000 Hz are too short"):
        classify([waveforms[0], np.zeros(few)])
    results = list(classify.stream([waveforms[0], np.zeros(5), waveforms[0]], batch_size=2, return_errors=True))
    assert isinstance(results[1], ValueError)
    assert_same(results[0], results[2])


@pytest.mark.parametrize("each", KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {"num_labels": 7},
        {"num_labels": 3, "problem_type": "multi_label_classification"},
        {"problem_type": "regression"},
    ],
)
def test_as_in_transformers(tmp_path, waveforms, each, settings):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = save_checkpoint("ForSequenceClassification", tmp_path, each, **settings)
    theirs = transformers.pipeline("audio-classification", model=str(folder), dtype="float64")
    ours = pipeline("audio-classification", model=folder, batch_size=3, dtype="float64")
    atol = 1e-6  # positions are in float32
    if each == "bert":  # the reference's features, too; over two frames, normalising magnifies that by thousands
        waveforms, atol = [waveform for waveform in waveforms if len(waveform) > 1000], 1e-4
    for top_k in (2, None):
        for result, waveform in zip(ours(waveforms, top_k=top_k), waveforms, strict=True):
            assert_same(result, theirs(waveform, top_k=top_k), atol)
