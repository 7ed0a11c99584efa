"""Settings as JSON and dicts, wrong letters in them, and padding that keeps what is not the input."""

import json

import numpy as np
import pytest

from npconformer import Wav2Vec2FeatureExtractor

X = np.linspace(-1, 1, 5).astype(np.float32)


@pytest.fixture
def extractor():
    return Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False)


def test_json(extractor, tmp_path):
    assert json.loads(extractor.to_json_string()) == extractor.to_dict()
    extractor.to_json_file(tmp_path / "a.json")
    assert Wav2Vec2FeatureExtractor.from_json_file(tmp_path / "a.json").to_dict() == extractor.to_dict()


def test_overrides_that_are_no_settings(extractor, tmp_path):
    extractor.save_pretrained(tmp_path)
    load = Wav2Vec2FeatureExtractor.from_pretrained
    loaded, unused = load(tmp_path, return_unused_kwargs=True, foo=1, do_normalize=True)
    assert (loaded.do_normalize, unused, "foo" in loaded.to_dict()) == (True, {"foo": 1}, False)
    with pytest.raises(ValueError, match="do_normalise is not known; did you mean 'do_normalize'"):
        load(tmp_path, do_normalise=False)
    with pytest.raises(ValueError, match="uploads nothing"):
        extractor.save_pretrained(tmp_path, push_to_hub=True)


def test_pad_keeps_labels_and_the_mask_that_is_given(extractor):
    rows = [
        {"input_values": X, "attention_mask": [1, 1, 1, 1, 0], "labels": 3, "weight": 0.5, "name": "a"},
        {"input_values": X[:3], "attention_mask": [1, 1, 1], "labels": 4, "weight": 1.5, "name": "b"},
    ]
    batch = extractor.pad(rows, return_attention_mask=False, return_tensors="np")
    np.testing.assert_array_equal(batch.labels, [3, 4])
    np.testing.assert_array_equal(batch.attention_mask, [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]])
    assert batch.weight.dtype == np.float32
    assert batch["name"] == ["a", "b"]
    assert extractor.pad({"input_values": X, "labels": 3}).labels == [3]
    with pytest.raises(ValueError, match="labels must have an entry for each of the 2"):
        extractor.pad({"input_values": [X, X], "labels": [1]})
    with pytest.raises(ValueError, match="utterance 1 has the entries"):
        extractor.pad([{"input_values": X, "labels": 1}, {"input_values": X}])
    with pytest.raises(ValueError, match="labels has rows of several lengths"):
        extractor.pad([{"input_values": X, "labels": [1]}, {"input_values": X, "labels": [1, 2]}], return_tensors="np")


def test_arrays_where_nothing_is_normalised(extractor):
    batch = extractor([[0.1, 0.2], [0.3]], padding=True, sampling_rate=16000)
    assert (type(batch.input_values), type(batch.attention_mask)) == (np.ndarray, list)


def test_a_calls_padding_value(extractor):
    with pytest.raises(ValueError, match=r"Wav2Vec2FeatureExtractor\(padding_value=3.0\)"):
        extractor(X, sampling_rate=16000, padding_value=3.0)
    assert extractor(X, sampling_rate=16000, padding_value=0.0, device="cpu").input_values.shape == (1, 5)
