"""Speaker vectors: as the model gives them, the same at every batch size, and compared by the cosine."""

import numpy as np
import pytest
from tiny_checkpoints import KINDS, SHORTEST, cut_to_whole_rows, make_waveforms, save_checkpoint

import npconformer
from npconformer import pipeline
from npconformer.pipelines import cosine_similarity

LENGTHS = [9000, 16000, 2160, 12345, 9000, 5000]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return save_checkpoint("ForXVector", tmp_path_factory.mktemp(kind), kind, num_labels=4)


@pytest.fixture(scope="module")
def embed(folder):
    return pipeline("speaker-embedding", model=folder)


@pytest.fixture(scope="module")
def waveforms():
    return make_waveforms(LENGTHS, seed=1)


def test_the_models_embeddings(embed, waveforms):
    features = embed.feature_extractor(waveforms[:1], sampling_rate=16000, padding=False, return_tensors="np")
    with npconformer.no_grad():
        expected = embed.model(features[embed.model.main_input_name]).embeddings.numpy()[0]
    vector = embed(waveforms[0])
    assert (vector.shape, vector.dtype) == ((6,), np.float32)
    np.testing.assert_allclose(vector, expected, atol=1e-6)
    np.testing.assert_allclose(embed(waveforms[0], normalize=True), expected / np.linalg.norm(expected), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 50])
def test_the_batch_size_changes_nothing(embed, waveforms, batch_size):
    alone = np.stack([embed(waveform) for waveform in waveforms])
    assert np.ptp(alone, axis=0).max() > 0.01  # different recordings have different vectors
    np.testing.assert_allclose(np.stack(embed(waveforms, batch_size=batch_size)), alone, atol=2e-5)


def test_the_shortest_recording_has_two_frames_to_take_a_deviation_of(embed, kind):
    # 1 frame + 2 * 1 + 1 * 2 of context + 1 more, 320 samples apart
    few = 5 * 320 + SHORTEST[kind]
    assert embed.shortest == few
    assert np.isfinite(embed(make_waveforms([few])[0])).all()
    with pytest.raises(ValueError, match=f"{few - 1} samples at 16000 Hz are too short: the model needs {few}"):
        embed(make_waveforms([few - 1])[0])


def test_the_shortest_recording_with_an_adapter(tmp_path, kind):
    folder = save_checkpoint("ForXVector", tmp_path, kind, add_adapter=True, num_adapter_layers=2)
    embed = pipeline("speaker-embedding", model=folder)
    assert np.isfinite(embed(make_waveforms([embed.shortest])[0])).all()
    frames = embed.frames_of([np.zeros(embed.shortest), np.zeros(embed.shortest - 1)])
    assert frames == [6, 5]


def test_as_in_transformers(embed, folder, kind, waveforms):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForAudioXVector.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    waveforms = [waveform for waveform in cut_to_whole_rows(waveforms) if len(waveform) > 4000 or kind != "bert"]
    atol = (
        2e-4 if kind == "bert" else 2e-5
    )  # the reference's features are rounded to float32 before they are normalised
    for vector, waveform in zip(embed(waveforms, batch_size=4), waveforms, strict=True):
        features = extractor(waveform, sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            expected = theirs(**features).embeddings[0].numpy()
        np.testing.assert_allclose(vector, expected, rtol=0, atol=atol)


def test_normalize_is_a_switch(embed):
    with pytest.raises(ValueError, match="normalize must be True or False, got 'yes'"):
        embed("no such file", normalize="yes")


def test_cosine_similarity():
    a, b = np.array([1.0, 2.0, -3.0]), np.array([0.5, -1.0, 4.0])
    assert cosine_similarity(a, a) == 1
    assert cosine_similarity(a, -a) == -1
    assert cosine_similarity([1, 0], [0, 1]) == 0
    assert cosine_similarity(a, b) == pytest.approx(cosine_similarity(100 * a, b / 7))
    assert cosine_similarity(a, b) == pytest.approx(-13.5 / np.sqrt(14 * 17.25))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0, 0], [1, 0], "a vector whose L2 norm is 0.0 has no direction"),
        ([1, 0], [np.nan, 0], "has no direction"),
        ([1, 0], [np.inf, 0], "has no direction"),
        ([1, 0], [1, 0, 0], r"got shapes \(2,\) and \(3,\)"),
        ([[1, 0]], [[1, 0]], r"got shapes \(1, 2\) and \(1, 2\)"),
    ],
)
def test_vectors_that_cannot_be_compared(a, b, message):
    with pytest.raises(ValueError, match=message):
        cosine_similarity(a, b)


def test_a_vector_without_direction_does_not_stop_the_others(embed, waveforms):
    run_batch = embed.run_batch
    embed.run_batch = lambda batch: run_batch(batch) * np.array([len(waveform) != 5000 for waveform in batch])[:, None]
    try:
        results = list(embed.stream(waveforms, batch_size=2, normalize=True, return_errors=True))
    finally:
        del embed.run_batch
    assert [isinstance(result, ValueError) for result in results] == [length == 5000 for length in LENGTHS]
    assert str(results[-1]) == "inputs[5]: a vector whose L2 norm is 0.0 has no direction"
