"""The feature extractor: its formula, padding, masks, files and errors, and the reference beside it."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.audio import Wav2Vec2FeatureExtractor

SPEECH = [np.array([1.0, 2.0, 3.0, 6.0]), np.array([4.0, 0.0])]


def extract(raw_speech, *, extractor=None, **options):
    extractor = extractor or Wav2Vec2FeatureExtractor(return_attention_mask=True)
    return extractor(raw_speech, sampling_rate=16000, **options)


def test_formula():
    (values,) = extract(SPEECH[0]).input_values
    np.testing.assert_allclose(values, (SPEECH[0] - 3) / np.sqrt(3.5 + 1e-7), rtol=1e-6)
    assert values.dtype == np.float32


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("padding", [True, "longest"])
def test_padding_and_mask(side, padding):
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True, padding_side=side, padding_value=-7.0)
    batch = extract(SPEECH, extractor=extractor, padding=padding, return_tensors="np")
    alone = [extract(one).input_values[0] for one in SPEECH]
    fill = np.full(2, -7.0, np.float32)
    second = [alone[1], fill] if side == "right" else [fill, alone[1]]
    np.testing.assert_array_equal(batch.input_values, [alone[0], np.concatenate(second)])
    mask = [1, 1, 0, 0] if side == "right" else [0, 0, 1, 1]
    np.testing.assert_array_equal(batch.attention_mask, [[1, 1, 1, 1], mask])
    assert batch.input_values.dtype == np.float32 and batch.attention_mask.dtype == np.int32


def test_lengths():
    def lengths(**options):
        return [len(values) for values in extract(SPEECH, **options).input_values]

    assert lengths() == [4, 2]
    assert lengths(padding="max_length", max_length=5) == [5, 5]
    assert lengths(padding="max_length", max_length=3) == [4, 3]
    assert lengths(padding="max_length", max_length=3, truncation=True) == [3, 3]
    assert lengths(padding=True, pad_to_multiple_of=3) == [6, 6]
    assert lengths(max_length=1, truncation=True) == [1, 1]
    assert lengths(max_length=2, truncation=True, pad_to_multiple_of=3) == [3, 2]


def test_input_kinds_agree():
    expected = extract(np.stack([SPEECH[0]] * 2)).input_values
    for same in (
        [SPEECH[0]] * 2,
        [SPEECH[0].tolist()] * 2,
        ((1, 2, 3, 6), (1, 2, 3, 6)),
        [SPEECH[0].astype("i2")] * 2,
    ):
        values = extract(same).input_values
        assert [v.dtype for v in values] == [np.float32] * 2
        np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(extract(SPEECH[0].tolist()).input_values[0], expected[0])


def test_input_is_not_changed():
    speech = np.arange(6, dtype=np.float32)
    extract([speech, speech[:3]], padding=True)
    plain = Wav2Vec2FeatureExtractor(do_normalize=False)
    extract(speech, extractor=plain).input_values[0][:] = 7
    extract(speech, extractor=plain, return_tensors="np").input_values[:] = 7
    plain.pad({"input_values": speech}).input_values[:] = 7
    np.testing.assert_array_equal(speech, np.arange(6))


def test_mask_only_where_asked():
    plain = Wav2Vec2FeatureExtractor()
    assert "attention_mask" not in extract(SPEECH, extractor=plain)
    assert "attention_mask" in extract(SPEECH, extractor=plain, return_attention_mask=True)
    assert "attention_mask" not in extract(SPEECH, return_attention_mask=False)
    with pytest.raises(AttributeError, match="input_values"):
        _ = extract(SPEECH, extractor=plain).attention_mask


@pytest.mark.parametrize(
    ("raw_speech", "options", "words"),
    [
        (np.zeros((2, 2, 2)), {}, r"shape \(2, 2, 2\)"),
        ([np.zeros((2, 5))], {}, r"raw_speech\[0\]"),
        (np.zeros((16000, 2)), {}, "channels"),
        ([], {}, "empty"),
        ([np.ones(3), np.zeros(0)], {}, r"raw_speech\[1\] holds no samples"),
        (np.array([1.0, np.nan]), {}, "NaN"),
        ("speech.wav", {}, "read_audio"),
        ({"array": [1.0]}, {}, "dict"),
        (SPEECH, dict(return_tensors="tf"), 'write "np"'),
        (SPEECH, dict(return_tensors="np"), "padding=True"),
        (SPEECH, dict(padding="all"), "padding='all'"),
        (SPEECH, dict(padding="max_length"), "max_length"),
        (SPEECH, dict(truncation=True), "max_length"),
        (SPEECH, dict(truncation=True, max_length=0), "max_length"),
        (SPEECH, dict(sampling_rate=8000), "8000.*16000"),
    ],
)
def test_bad_input_is_refused(raw_speech, options, words):
    with pytest.raises(ValueError, match=words):
        Wav2Vec2FeatureExtractor()(raw_speech, **{"sampling_rate": 16000, **options})


@pytest.mark.parametrize("bad", [dict(feature_size=80), dict(padding_side="top"), dict(sampling_rate=0)])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Wav2Vec2FeatureExtractor(**bad)


def test_missing_sampling_rate_warns_where_it_is_missing():
    with pytest.warns(UserWarning, match="16000") as caught:
        Wav2Vec2FeatureExtractor()(SPEECH[0])
    assert caught[0].filename == __file__


def test_a_row_is_a_sample():
    assert (Wav2Vec2FeatureExtractor.reach, Wav2Vec2FeatureExtractor.hop) == (1, 1)
    assert Wav2Vec2FeatureExtractor().model_input_names == ("input_values", "attention_mask")


def test_both_layouts_and_round_trip(tmp_path):
    ours = Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False, colour="green")
    ours.save_pretrained(tmp_path / "old")
    saved = json.loads((tmp_path / "old/preprocessor_config.json").read_text())
    assert saved["feature_extractor_type"] == "Wav2Vec2FeatureExtractor" and saved["colour"] == "green"
    assert vars(Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "old")) == vars(ours)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/processor_config.json").write_text(json.dumps({"feature_extractor": saved}))
    assert vars(Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "new")) == vars(ours)
    assert Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "new", do_normalize=True).do_normalize
    with pytest.raises(FileNotFoundError, match=r"preprocessor_config\.json"):
        Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)


# ---- beside the reference

waveforms = st.lists(st.integers(1, 40), min_size=1, max_size=4).flatmap(
    lambda lengths: st.integers(0, 2**32 - 1).map(
        lambda seed: [np.random.default_rng(seed).normal(size=n).astype("f4") for n in lengths]
    )
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    speech=waveforms,
    mask=st.booleans(),
    do_normalize=st.booleans(),
    double=st.booleans(),
    padding_value=st.sampled_from([0.0, 1.5]),
    options=st.fixed_dictionaries(
        {},
        optional=dict(
            padding=st.sampled_from([True, False, "longest", "max_length", "do_not_pad"]),
            truncation=st.booleans(),
            pad_to_multiple_of=st.integers(1, 7),
            return_attention_mask=st.booleans(),
        ),
    ),
    max_length=st.integers(1, 50),
)
def test_equal_to_the_reference_bit_for_bit(speech, mask, do_normalize, double, padding_value, options, max_length):
    transformers = pytest.importorskip("transformers")
    made = dict(return_attention_mask=mask, do_normalize=do_normalize, padding_value=padding_value)
    if options.get("truncation") or options.get("padding") == "max_length":
        if not options.get("truncation"):  # the reference cannot normalise what is longer than its padding
            max_length = max(max_length, *map(len, speech))
        options = {**options, "max_length": max_length}
    speech = [one.astype("f8") for one in speech] if double else speech
    ours = extract(speech, extractor=Wav2Vec2FeatureExtractor(**made), **options)
    theirs = transformers.Wav2Vec2FeatureExtractor(**made)(speech, sampling_rate=16000, **options)
    assert set(ours) == set(theirs)
    for name in ours:
        assert len(ours[name]) == len(theirs[name])
        for mine, other in zip(ours[name], theirs[name]):
            assert mine.dtype == other.dtype
            np.testing.assert_array_equal(mine, other)


def test_reference_loads_what_we_save_and_the_other_way(tmp_path):
    transformers = pytest.importorskip("transformers")
    made = dict(return_attention_mask=True, do_normalize=False, sampling_rate=8000, padding_value=0.5)
    Wav2Vec2FeatureExtractor(**made).save_pretrained(tmp_path / "ours")
    theirs = transformers.Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "ours")
    assert theirs.to_dict() == Wav2Vec2FeatureExtractor(**made).to_dict()
    transformers.Wav2Vec2FeatureExtractor(**made).save_pretrained(tmp_path / "theirs")
    assert Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "theirs").to_dict() == theirs.to_dict()


def test_pad_collects_prepared_utterances():
    transformers = pytest.importorskip("transformers")
    features = [{"input_values": np.arange(1, n, dtype=np.float32)} for n in (5, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = Wav2Vec2FeatureExtractor(return_attention_mask=True).pad(features)
    theirs = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).pad(features)
    for name in ("input_values", "attention_mask"):
        assert ours[name].dtype == theirs[name].dtype
        np.testing.assert_array_equal(ours[name], theirs[name])
