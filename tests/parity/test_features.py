"""The extractor of Wav2Vec2-BERT beside the live reference: recordings, stereo, silence, every option of padding."""

import kaldi_twin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer import SeamlessM4TFeatureExtractor, read_audio

from .features import PLAIN, assert_normalized_features_agree, assert_plain_features_agree, deviations_of

transformers = pytest.importorskip("transformers")


def noise(count, seed=0):
    return (np.random.default_rng(seed).normal(size=count) * 0.1).astype(np.float32)


def assert_same(waveforms, single=False, made=None, **options):
    """Both extractors give the same for a batch (or, single, for its only recording by itself)."""
    made = made or {}
    ours, theirs = SeamlessM4TFeatureExtractor(**made), transformers.SeamlessM4TFeatureExtractor(**made)
    given = waveforms[0] if single else waveforms
    options = {"sampling_rate": 16000, **options}
    found, expected = (one(given, do_normalize_per_mel_bins=False, **options) for one in (ours, theirs))
    assert found.keys() == expected.keys()
    assert_plain_features_agree(found["input_features"], expected["input_features"])
    found, expected = ours(given, **options), theirs(given, **options)
    for waveform, rows, others in zip(waveforms, found["input_features"], expected["input_features"], strict=True):
        deviations = deviations_of(np.atleast_2d(waveform)[0])
        assert_normalized_features_agree(rows, others, deviations, ours.padding_value)
    if "attention_mask" in expected:
        assert found["attention_mask"].dtype == expected["attention_mask"].dtype
        np.testing.assert_array_equal(found["attention_mask"], expected["attention_mask"])


# ---- recordings


@pytest.mark.parametrize("padding_value", [0.0, 1.0])
def test_a_speech(shared, padding_value):
    assert_same([read_audio(shared / "data/jfk.flac")], single=True, made=dict(padding_value=padding_value))


def test_digits_in_a_batch_and_one_by_one(shared):
    digits = [read_audio(path) for path in sorted((shared / "data/fsdd").glob("*_1[0-3].wav"))[::7]]
    assert len(digits) > 20 and len({len(digit) for digit in digits}) > 15
    assert_same(digits)
    assert_same(digits, made=dict(padding_value=1.0), pad_to_multiple_of=16)
    for digit in digits[:6]:
        assert_same([digit], single=True)


def test_a_minute_of_speech(shared):
    speech = np.tile(read_audio(shared / "data/jfk.flac"), 6)
    assert_same([speech], single=True)


def test_who_is_inexact(shared):
    """Of the two sides, beside the float64 twin: ours is a rounding to float32 away, the reference several."""
    speech = read_audio(shared / "data/jfk.flac")[16000:48000]
    exact = kaldi_twin.log_mel(speech)
    extractors = (SeamlessM4TFeatureExtractor(), transformers.SeamlessM4TFeatureExtractor())
    plain = [
        e(speech, sampling_rate=16000, padding=False, do_normalize_per_mel_bins=False).input_features.reshape(-1, 80)
        for e in extractors
    ]
    ours, theirs = (np.abs(found - exact[: len(found)]) for found in plain)
    assert (ours <= 6e-8 * np.abs(exact[: len(ours)])).all()
    assert (theirs <= PLAIN["atol"] + PLAIN["rtol"] * np.abs(exact[: len(ours)])).all()
    assert (theirs > 6e-8 * np.abs(exact[: len(ours)])).any()
    exact = kaldi_twin.normalize(exact)
    normalized = [e(speech, sampling_rate=16000, padding=False).input_features.reshape(-1, 80) for e in extractors]
    ours, theirs = (np.abs(found - exact[: len(found)]).max() for found in normalized)
    assert ours < 1.5e-6 and ours < theirs < 1e-4


# ---- corners


@pytest.mark.parametrize("samples", [560, 719, 720, 2000])
def test_few_frames(samples):
    assert_same([noise(samples)], single=True)


def test_stereo_gives_its_first_channel():
    stereo = np.stack([noise(3000, 1), noise(3000, 2)])
    assert_same([stereo])
    assert_same([stereo, stereo[::-1]])
    assert_same([stereo, noise(2000)])
    assert_same(np.stack([stereo, stereo[::-1]]))  # (B, K, N)
    assert_same(stereo)  # (B, N): two utterances


@pytest.mark.parametrize("silence", [np.zeros(4000, np.float32), np.full(4000, 0.25, np.float32)])
def test_silence(silence):
    assert_same([silence], single=True)
    assert_same([np.concatenate([silence, noise(1600)]), noise(2000)])


@pytest.mark.parametrize("kind", [np.float64, np.float32, list])
def test_kinds_of_samples(kind):
    waveform = noise(2000).tolist() if kind is list else noise(2000).astype(kind)
    assert_same([waveform], single=True)
    assert_same([waveform, waveform])


def test_prepared_rows_are_padded_alike():
    rows = [{"input_features": noise(n * 160).reshape(n, 160)} for n in (5, 3)]
    for made in (dict(padding_value=1.0), dict(padding_side="left", padding_value=0.0)):
        ours, theirs = SeamlessM4TFeatureExtractor(**made), transformers.SeamlessM4TFeatureExtractor(**made)
        for options in ({}, dict(pad_to_multiple_of=4), dict(max_length=4, truncation=True, padding="max_length")):
            found, expected = ours.pad(rows, **options), theirs.pad(rows, **options)
            assert found.keys() == expected.keys()
            for name in found:
                np.testing.assert_array_equal(found[name], expected[name])
                assert found[name].dtype == expected[name].dtype


# ---- every option


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    lengths=st.lists(st.integers(560, 4000), min_size=1, max_size=4),
    made=st.fixed_dictionaries(
        {},
        optional=dict(
            padding_value=st.sampled_from([0.0, 1.0, -3.5]),
            padding_side=st.sampled_from(["right", "left"]),
            return_attention_mask=st.booleans(),
        ),
    ),
    options=st.fixed_dictionaries(
        {},
        optional=dict(
            padding=st.sampled_from([True, False, "longest", "max_length", "do_not_pad"]),
            truncation=st.booleans(),
            pad_to_multiple_of=st.none() | st.integers(1, 7),
            return_attention_mask=st.booleans(),
            return_tensors=st.sampled_from([None, "np"]),
        ),
    ),
    max_length=st.integers(2, 30),
)
def test_padding_options(lengths, made, options, max_length):
    if options.get("truncation") or options.get("padding") == "max_length":
        options = {**options, "max_length": max_length}
    waveforms = [noise(length, seed=length + i) for i, length in enumerate(lengths)]
    try:
        transformers.SeamlessM4TFeatureExtractor(**made)(waveforms, sampling_rate=16000, **options)
    except ValueError:  # frames of several lengths form no array; here each recording's rows are as if it were alone
        ours, options = SeamlessM4TFeatureExtractor(**made), {**options, "return_tensors": None}
        together = ours(waveforms, sampling_rate=16000, **options).input_features
        for waveform, rows in zip(waveforms, together, strict=True):
            alone = ours(waveform, sampling_rate=16000, **options).input_features
            np.testing.assert_array_equal(rows, alone[0])
        return
    assert_same(waveforms, made=made, **options)


# ---- files


@pytest.mark.parametrize("made", [dict(), dict(padding_value=1, stride=2, return_attention_mask=False)])
def test_each_loads_what_the_other_saves(tmp_path, made):
    made = {**made, "sampling_rate": 8000, "num_mel_bins": 40, "padding_side": "left"}
    SeamlessM4TFeatureExtractor(**made).save_pretrained(tmp_path / "ours")
    theirs = transformers.SeamlessM4TFeatureExtractor.from_pretrained(tmp_path / "ours")
    assert theirs.to_dict() == SeamlessM4TFeatureExtractor(**made).to_dict()
    transformers.SeamlessM4TFeatureExtractor(**made).save_pretrained(tmp_path / "theirs")
    assert SeamlessM4TFeatureExtractor.from_pretrained(tmp_path / "theirs").to_dict() == theirs.to_dict()
    for name in ("ours", "theirs"):
        assert isinstance(
            transformers.AutoFeatureExtractor.from_pretrained(tmp_path / name),
            transformers.SeamlessM4TFeatureExtractor,
        )
