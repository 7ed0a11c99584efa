"""NeMo's features against an independent computation of the facts, and against torch; batches, settings, bad input."""

import warnings

import nemo_twin
import numpy as np
import pytest

from npconformer import AutoFeatureExtractor, NemoConformerConfig, NemoConformerFeatureExtractor
from npconformer.audio.log_mel import NEMO, log_mel
from npconformer.audio.mel_filters import hertz_from_slaney, slaney_from_hertz, slaney_mel_filters
from npconformer.audio.windows import hann_window

EXTRACT = NemoConformerFeatureExtractor()


def sound(samples, seed=0):
    """Tones and noise whose level changes, so that bands and frames differ."""
    random, time = np.random.default_rng(seed), np.arange(samples) / 16000
    tones = sum(np.sin(2 * np.pi * f * time) * np.sin(3 * time + f) for f in (130, 700, 2900, 6100))
    return (0.1 * tones + 0.02 * random.standard_normal(samples)).astype(np.float32)


def extract(waveform, **options):
    return EXTRACT(waveform, sampling_rate=16000, **options)


# ---- the parts


def test_filters_are_those_of_their_formula():
    np.testing.assert_allclose(slaney_mel_filters(80, 16000), nemo_twin.slaney_filters(), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(slaney_mel_filters(64, 16000).sum(axis=0) * 31.25, 1, atol=0.3)  # of area 1 in Hz


def test_slaneys_scale():
    """Equal steps up to 1000 Hz, and 27 of them from there to 6400 Hz; both ways."""
    np.testing.assert_allclose(slaney_from_hertz([0, 200, 1000, 6400]), [0, 3, 15, 42])
    np.testing.assert_allclose(hertz_from_slaney(slaney_from_hertz([0, 50, 999, 1001, 8000])), [0, 50, 999, 1001, 8000])


def test_too_many_filters_are_told():
    with pytest.warns(UserWarning, match=r"of 200 mel filters lie between two frequencies"):
        slaney_mel_filters(200, 16000)


def test_what_is_kept_cannot_be_changed():
    for array in (slaney_mel_filters(80, 16000), hann_window(400)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_hanns_window():
    window = hann_window(400)
    np.testing.assert_allclose(window, window[::-1], atol=1e-15)
    np.testing.assert_allclose(window, np.hanning(400), atol=1e-15)


# ---- the whole


@pytest.mark.parametrize("samples", [257, 319, 320, 16000, 40123])
def test_log_mel(samples):
    ours = log_mel(sound(samples), slaney_mel_filters(80, 16000), NEMO)
    assert ours.shape == (samples // 160 + 1, 80) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, nemo_twin.log_mel(sound(samples)), rtol=0, atol=2e-6)


@pytest.mark.parametrize("samples", [480, 16000, 40123])
def test_features(samples):
    features = extract(sound(samples))
    assert list(features) == ["input_features", "attention_mask"] and features["input_features"].dtype == np.float32
    expected = nemo_twin.normalize(nemo_twin.log_mel(sound(samples)))
    np.testing.assert_allclose(features["input_features"][0], expected, rtol=0, atol=1e-5)
    assert features["attention_mask"].tolist() == [[1] * (samples // 160 + 1)]


def test_beside_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(sound(20000), dtype=torch.float64)
    emphasised = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])
    window = torch.hann_window(400, periodic=False, dtype=torch.float64)
    spectrum = torch.stft(
        emphasised, 512, 160, 400, window, center=True, pad_mode="reflect", return_complex=True
    )  # (F, T)
    energy = torch.tensor(nemo_twin.slaney_filters()).T @ spectrum.abs() ** 2
    features = torch.log(energy + 2.0**-24).T
    features = (features - features.mean(0)) / (features.std(0) + 1e-5)
    np.testing.assert_allclose(extract(sound(20000))["input_features"][0], features.numpy(), rtol=0, atol=1e-5)


def test_real_speech(shared):
    """Also the frames of digital silence and the edges of a real recording."""
    import soundfile

    waveform = soundfile.read(shared / "data/librispeech/2414-128291-0003.flac", dtype="float32")[0]
    expected = nemo_twin.normalize(nemo_twin.log_mel(waveform))
    np.testing.assert_allclose(extract(waveform)["input_features"][0], expected, rtol=0, atol=1e-5)


def test_silence_is_zero():
    """A band that never changes has deviation 0; not rounding errors times 100,000."""
    assert (extract(np.zeros(1600, np.float32))["input_features"] == 0).all()
    assert extract(np.zeros(1600), do_normalize=False)["input_features"] == pytest.approx(-24 * np.log(2))


# ---- batches


def test_a_batch_is_padded_with_zeros_and_has_the_features_of_each_alone():
    waveforms = [sound(5000), sound(3000, seed=1)]
    batch = extract(waveforms)
    assert batch["input_features"].shape == (2, 32, 80)
    assert batch["attention_mask"].sum(axis=1).tolist() == [32, 19]
    np.testing.assert_array_equal(batch["input_features"][1, :19], extract(waveforms[1])["input_features"][0])
    assert (batch["input_features"][1, 19:] == 0).all()
    assert extract(waveforms, pad_to_multiple_of=20)["input_features"].shape == (2, 40, 80)
    assert extract(waveforms, max_length=10, truncation=True)["input_features"].shape == (2, 10, 80)
    ragged = extract(waveforms, padding=False)["input_features"]
    assert [one.shape for one in ragged] == [(32, 80), (19, 80)]


def test_the_first_of_two_channels():
    both = np.stack([sound(4000), sound(4000, seed=1)])
    np.testing.assert_array_equal(extract([both])["input_features"], extract(both[0])["input_features"])


def test_prepared_features_are_padded():
    rows = [extract(sound(n))["input_features"][0] for n in (1600, 3200)]
    padded = EXTRACT.pad([{"input_features": one} for one in rows])
    assert padded["input_features"].shape == (2, 21, 80) and padded["attention_mask"].sum(axis=1).tolist() == [11, 21]


# ---- settings and bad input


def test_settings_come_back(tmp_path):
    extractor = NemoConformerFeatureExtractor(num_mel_bins=64, feature_size=64, something="kept")
    extractor.save_pretrained(tmp_path)
    again = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert type(again) is NemoConformerFeatureExtractor and again.to_dict() == extractor.to_dict()
    assert (again.num_mel_bins, again.something, again.reach, again.hop) == (64, "kept", 0, 160)
    assert again(sound(1600), sampling_rate=16000)["input_features"].shape == (1, 11, 64)


def test_for_a_configuration():
    extractor = AutoFeatureExtractor.for_config(NemoConformerConfig(num_mel_bins=40))
    assert type(extractor) is NemoConformerFeatureExtractor and extractor.num_mel_bins == 40


@pytest.mark.parametrize(
    ("raw_speech", "message"),
    [
        (sound(200), "raw_speech is too short: it has 200 samples, and the first row of features takes 201"),
        (np.full(1600, np.nan), "NaN"),
        (np.zeros((11, 80), np.float32), "looks like features"),
        ([], "raw_speech is empty"),
        ("speech.wav", "read files with read_audio"),
    ],
)
def test_bad_input(raw_speech, message):
    with pytest.raises(ValueError, match=message):
        extract(raw_speech)


def test_the_fewest_samples():
    assert extract(sound(201))["input_features"].shape == (1, 2, 80)


@pytest.mark.parametrize("setting", [dict(num_mel_bins=0), dict(num_mel_bins=True), dict(feature_size=1.5)])
def test_bad_settings(setting):
    with pytest.raises(ValueError, match="must be a whole number from 1 to 10000"):
        NemoConformerFeatureExtractor(**setting)


def test_the_rate():
    with pytest.raises(ValueError, match="takes audio at 16000 Hz"):
        EXTRACT(sound(1600), sampling_rate=8000)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        EXTRACT(sound(1600))
    assert len(told) == 1 and told[0].filename == __file__ and "no sampling_rate" in str(told[0].message)
