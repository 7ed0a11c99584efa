"""The extractor of Wav2Vec2-BERT: what it accepts and refuses, padding, masks, rows of two frames, and its files."""

import json

import kaldi_twin
import numpy as np
import pytest

from npconformer import BatchFeature, SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor

SPEECH = [(np.random.default_rng(n).normal(size=n) * 0.1).astype(np.float32) for n in (2500, 1600)]  # 14 and 8 frames
WRONG = [None, True, 7, 0, -1, 1.5, float("nan"), 10**400, "text", "", [], [1], {}, {"a": 1}]


def extract(raw_speech, *, extractor=None, **options):
    extractor = extractor or SeamlessM4TFeatureExtractor()
    return extractor(raw_speech, **{"sampling_rate": 16000, **options})


def rows_of(waveform):
    """Normalised rows (T, 160) of one recording, by the slow twin."""
    features = kaldi_twin.normalize(kaldi_twin.log_mel(waveform).astype(np.float32))
    return features[: len(features) // 2 * 2].reshape(-1, 160)


def test_formula():
    batch = extract(SPEECH[0])
    assert batch.input_features.dtype == np.float32 and batch.input_features.shape == (1, 7, 160)
    np.testing.assert_allclose(batch.input_features[0], rows_of(SPEECH[0]), rtol=0, atol=2e-5)
    np.testing.assert_array_equal(batch.attention_mask, np.ones((1, 7)))
    assert batch.attention_mask.dtype == np.int32


def test_plain_features():
    rows = extract(SPEECH[0], do_normalize_per_mel_bins=False).input_features
    np.testing.assert_allclose(rows[0].reshape(14, 80), kaldi_twin.log_mel(SPEECH[0]), rtol=6.1e-8)


@pytest.mark.parametrize("padding_value", [0.0, 1.0])
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_and_mask(side, padding_value):
    extractor = SeamlessM4TFeatureExtractor(padding_value=padding_value, padding_side=side)
    batch = extract(SPEECH, extractor=extractor)
    alone = [extract(one).input_features[0] for one in SPEECH]
    fill = np.full((3, 160), padding_value, np.float32)
    second = [alone[1], fill] if side == "right" else [fill, alone[1]]
    np.testing.assert_array_equal(batch.input_features, [alone[0], np.concatenate(second)])
    mask = [1] * 4 + [0] * 3
    np.testing.assert_array_equal(batch.attention_mask, [[1] * 7, mask if side == "right" else mask[::-1]])


@pytest.mark.parametrize("samples", [560, 719, 720, 880, 16000])
def test_a_row_counts_if_both_its_frames_are_real(samples):
    extractor = SeamlessM4TFeatureExtractor(padding_value=5.0)
    batch = extract(np.resize(SPEECH[0], samples), extractor=extractor)
    assert (extractor.reach, extractor.hop) == (560, 320)
    assert batch.attention_mask.sum() == (samples - extractor.reach) // extractor.hop + 1
    frames = (samples - 400) // 160 + 1
    assert batch.attention_mask.shape == (1, (frames + 1) // 2)
    if frames % 2:
        assert batch.attention_mask[0, -1] == 0
        np.testing.assert_array_equal(batch.input_features[0, -1, 80:], 5)


@pytest.mark.parametrize("stride", [1, 3])
def test_other_strides(stride):
    extractor = SeamlessM4TFeatureExtractor(stride=stride)
    batch = extract(SPEECH[0], extractor=extractor, pad_to_multiple_of=None)
    assert batch.input_features.shape == (1, 14 // stride, 80 * stride)
    assert batch.attention_mask.sum() == (2500 - extractor.reach) // extractor.hop + 1


@pytest.mark.parametrize("row", [0, 3, 6])
def test_a_row_sees_its_reach_and_no_more(row):
    extractor = SeamlessM4TFeatureExtractor()
    first = row * extractor.hop
    plain = extract(SPEECH[0], do_normalize_per_mel_bins=False).input_features[0, row]
    for sample in {max(first - 1, 0), first, first + extractor.reach - 1, first + extractor.reach}:
        changed = SPEECH[0].copy()
        changed[sample] += 0.5
        found = extract(changed, do_normalize_per_mel_bins=False).input_features[0, row]
        assert np.array_equal(found, plain) == (not first <= sample < first + extractor.reach)


def test_lengths():
    def rows(**options):
        return [len(one) for one in extract(SPEECH, **options).input_features]

    assert rows() == rows(padding="longest") == [7, 7]
    assert rows(padding=False) == [7, 4]
    assert rows(pad_to_multiple_of=10) == [10, 10]
    assert rows(padding="max_length", max_length=21) == [11, 11]
    assert rows(padding="max_length", max_length=21, pad_to_multiple_of=None) == [10, 10]
    assert rows(padding="max_length", max_length=10) == [7, 5]
    assert rows(padding="max_length", max_length=9, truncation=True) == [5, 5]
    assert rows(max_length=5, truncation=True, padding=False, pad_to_multiple_of=None) == [2, 2]


def test_kinds_of_batches():
    one, two = SPEECH[0], SPEECH[0][::-1].copy()
    expected = extract([one, two]).input_features
    assert not np.array_equal(expected[0], expected[1])
    for same in (
        np.stack([one, two]),  # two dimensions are a batch
        [one.tolist(), two.tolist()],
        (one.astype(np.float64), two.astype(np.float64)),
        np.stack([[one, two], [two, one]]),  # (B, K, N): the first of two channels
        [np.stack([one, two]), np.stack([two, one])],
        [one[None], two],
    ):
        np.testing.assert_array_equal(extract(same).input_features, expected)
    for single in (one, one.tolist(), tuple(one.tolist()), [one], one[None], one[None, None], [np.stack([one, two])]):
        np.testing.assert_array_equal(extract(single).input_features, expected[:1])
    whole = (np.arange(2000) % 37).astype(np.int16)
    np.testing.assert_array_equal(extract(whole).input_features, extract(whole.astype("f4")).input_features)


def test_input_is_not_changed():
    speech, rows = SPEECH[0].copy(), np.ones((3, 160), np.float32)
    extract(speech)
    SeamlessM4TFeatureExtractor().pad({"input_features": rows}).input_features[:] = 7
    np.testing.assert_array_equal(speech, SPEECH[0])
    np.testing.assert_array_equal(rows, 1)


def test_digital_silence_is_0():
    np.testing.assert_array_equal(extract(np.zeros(4000)).input_features, 0)


def test_mask_only_where_asked():
    without = SeamlessM4TFeatureExtractor(return_attention_mask=False)
    assert list(extract(SPEECH, extractor=without)) == ["input_features"]
    assert list(extract(SPEECH, extractor=without, return_attention_mask=True)) == ["input_features", "attention_mask"]
    assert list(extract(SPEECH, return_attention_mask=False)) == ["input_features"]


@pytest.mark.parametrize(
    ("raw_speech", "options", "words"),
    [
        (SPEECH[0][:559], {}, "raw_speech is too short: it has 559 samples, and the first row of features takes 560"),
        (SPEECH[0][:400], {}, "too short: it has 400"),
        ([SPEECH[0], SPEECH[1][:100]], {}, r"raw_speech\[1\] is too short"),
        ([], {}, "empty"),
        (np.zeros(0), {}, "no samples"),
        (np.zeros((0, 2000)), {}, "empty"),
        ([np.zeros((0, 2000))], {}, r"raw_speech\[0\] holds no channels"),
        (np.array([np.nan] * 1000), {}, "1000 NaN"),
        (np.full(1000, np.inf), {}, "infinite"),
        (np.zeros((2, 2, 2, 1000)), {}, r"\(utterances, channels, samples\), got shape \(2, 2, 2, 1000\)"),
        ([np.zeros((2, 2, 1000))], {}, r"raw_speech\[0\] must be \(samples,\) or \(channels, samples\)"),
        (np.zeros((16000, 2)), {}, r"looks like \(samples, channels\)"),
        ([np.zeros((16000, 2))], {}, r"raw_speech\[0\].*looks like \(samples, channels\)"),
        (np.zeros((30, 160)), {}, "looks like features"),
        (np.zeros((2, 30, 160)), {}, "looks like features"),
        ([np.zeros((30, 80))], {}, r"raw_speech\[0\].*looks like features"),
        (extract(SPEECH), {}, "BatchFeature"),
        ("speech.wav", {}, "read_audio"),
        ([["a"] * 600], {}, "real numbers"),
        (SPEECH, dict(return_tensors="tf"), 'write "np"'),
        (SPEECH, dict(return_tensors="np", padding=False), "lengths from 4 to 7; pass padding=True"),
        (SPEECH, dict(padding="all"), "padding='all'"),
        (SPEECH, dict(padding="max_length"), "max_length"),
        (SPEECH, dict(truncation=True), "max_length"),
        (SPEECH, dict(truncation=True, max_length=1, pad_to_multiple_of=None), "leaves no row of 2 frames"),
        (SPEECH, dict(sampling_rate=8000), "8000.*16000"),
    ],
)
def test_bad_input_is_refused(raw_speech, options, words):
    with pytest.raises(ValueError, match=words):
        extract(raw_speech, **options)


def test_missing_sampling_rate_warns_where_it_is_missing():
    with pytest.warns(UserWarning, match="16000") as caught:
        SeamlessM4TFeatureExtractor()(SPEECH[0])
    assert caught[0].filename == __file__


def test_padding_needs_a_value():
    with pytest.raises(ValueError, match="padding_value"):
        extract(SPEECH, extractor=SeamlessM4TFeatureExtractor(padding_value=None))


def test_pad_collects_prepared_rows():
    extractor = SeamlessM4TFeatureExtractor(padding_value=1.0)
    features = [{"input_features": extract(one).input_features[0]} for one in SPEECH]
    batch = extractor.pad(features)
    assert isinstance(batch, BatchFeature)
    np.testing.assert_array_equal(batch.input_features, extract(SPEECH, extractor=extractor).input_features)
    np.testing.assert_array_equal(batch.attention_mask, [[1] * 7, [1] * 4 + [0] * 3])
    assert extractor.pad(features[0], pad_to_multiple_of=4).input_features.shape == (1, 8, 160)
    for bad, words in (
        ([], "input_features"),
        ({"input_features": []}, "empty"),
        ({"input_features": np.zeros((1, 2, 3, 4))}, r"got shape \(2, 3, 4\)"),
        ({"input_features": [np.zeros((2, 160)), np.zeros((2, 80))]}, r"expected rows of features \(T, 160\)"),
        ({"input_features": [np.zeros((2, 4))], "attention_mask": [np.ones(3)]}, "same lengths"),
    ):
        with pytest.raises(ValueError, match=words):
            extractor.pad(bad)


# ---- settings and files


def test_both_layouts_and_round_trip(tmp_path):
    ours = SeamlessM4TFeatureExtractor(padding_value=1, num_mel_bins=40, return_attention_mask=False, colour="green")
    ours.save_pretrained(tmp_path / "old")
    saved = json.loads((tmp_path / "old/preprocessor_config.json").read_text())
    assert saved == {
        "colour": "green",
        "feature_extractor_type": "SeamlessM4TFeatureExtractor",
        "feature_size": 80,
        "num_mel_bins": 40,
        "padding_side": "right",
        "padding_value": 1,
        "return_attention_mask": False,
        "sampling_rate": 16000,
        "stride": 2,
    }
    assert vars(SeamlessM4TFeatureExtractor.from_pretrained(tmp_path / "old")) == vars(ours)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/processor_config.json").write_text(json.dumps({"feature_extractor": saved}))
    assert vars(SeamlessM4TFeatureExtractor.from_pretrained(tmp_path / "new")) == vars(ours)
    assert SeamlessM4TFeatureExtractor.from_pretrained(tmp_path / "new", padding_value=0.0).padding_value == 0
    assert vars(SeamlessM4TFeatureExtractor.from_dict(saved, stride=1)) == {**vars(ours), "stride": 1}


@pytest.mark.parametrize("setting", [*SeamlessM4TFeatureExtractor().to_dict(), "reach", "pad", "self"])
def test_settings_of_every_wrong_type(tmp_path, setting):
    settings, refused = SeamlessM4TFeatureExtractor().to_dict(), 0
    for value in WRONG:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps({**settings, setting: value}))
        try:
            SeamlessM4TFeatureExtractor.from_pretrained(tmp_path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(str(tmp_path / "preprocessor_config.json")), (value, error)
    assert refused >= 6 or setting == "feature_extractor_type"


def test_settings_of_another_extractor_are_named(tmp_path):
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"feature_size.*\(these are the settings of a Wav2Vec2FeatureExtractor\)"):
        SeamlessM4TFeatureExtractor.from_pretrained(tmp_path)
    SeamlessM4TFeatureExtractor().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"feature_size.*\(these are the settings of a SeamlessM4TFeatureExtractor\)"):
        Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["num_mel_bins", "stride", "feature_size"])
def test_no_filterbank_of_billions(name):
    with pytest.raises(ValueError, match=rf"{name} must be a whole number from \d to 10000, got 2000000000"):
        SeamlessM4TFeatureExtractor(**{name: 2_000_000_000})
