"""Log-mel features against frozen results of transformers: see tests/reference_cases/make_feature_cases.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from parity.features import assert_normalized_features_agree, assert_plain_features_agree, deviations_of

from npconformer import SeamlessM4TFeatureExtractor

FOLDER = Path(__file__).resolve().parents[1] / "reference_cases" / "features"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


def test_the_cases_are_there():
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_frozen_features(name):
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    waveforms = [arrays[f"waveforms.{i}"] for i in range(sum(key.startswith("waveforms.") for key in arrays))]
    extractor = SeamlessM4TFeatureExtractor(**json.loads(str(arrays["settings"])))
    options = {**json.loads(str(arrays["options"])), "sampling_rate": extractor.sampling_rate}
    plain = extractor(waveforms, do_normalize_per_mel_bins=False, **options)
    ours = extractor(waveforms, **options)
    for entry in ("plain", "normalized"):
        np.testing.assert_array_equal(ours.attention_mask, arrays[f"{entry}.attention_mask"])
    assert ours.attention_mask.dtype == arrays["plain.attention_mask"].dtype
    assert_plain_features_agree(plain.input_features, arrays["plain.input_features"])
    for waveform, found, theirs in zip(waveforms, ours.input_features, arrays["normalized.input_features"]):
        deviations = deviations_of(np.atleast_2d(waveform)[0], extractor.num_mel_bins, extractor.sampling_rate)
        assert_normalized_features_agree(found, theirs, deviations, extractor.padding_value)
