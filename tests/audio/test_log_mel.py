"""The steps of log-mel features, each against its formula, and all of them against their slow twin."""

import tracemalloc

import kaldi_twin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.arrays import threads
from npconformer.audio.band_normalization import normalize_bands
from npconformer.audio.kaldi_frames import cut_frames, emphasise, prepare_frames
from npconformer.audio.log_mel import FLOOR, PIECE, log_mel
from npconformer.audio.mel_filters import mel_filters, mel_from_hertz
from npconformer.audio.windows import povey_window


def noise(count, seed=0, level=0.1):
    return (np.random.default_rng(seed).normal(size=count) * level).astype(np.float32)


def assert_log_mel(ours, exact):
    """float32's rounding and, beside a loud band, that of the float64 transform in a quiet one."""
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, exact, rtol=6.1e-8, atol=1e-8)


# ---- mel filters


def test_mel_scale():
    assert mel_from_hertz(0) == 0
    assert mel_from_hertz(1000) == pytest.approx(1000, abs=0.1)
    assert mel_from_hertz(700) == pytest.approx(1127 * np.log(2))


@pytest.mark.parametrize(("bands", "rate"), [(80, 16000), (23, 8000), (40, 22050)])
def test_filters_are_triangles_in_mel(bands, rate):
    np.testing.assert_allclose(mel_filters(bands, rate), kaldi_twin.mel_matrix(bands, rate), rtol=0, atol=1e-12)


def test_filters_cover_the_speech_band_evenly():
    filters = mel_filters(80, 16000)
    assert filters.shape == (257, 80) and filters.dtype == np.float64
    centres = mel_from_hertz(np.arange(257) * 31.25)
    step = (mel_from_hertz(8000) - mel_from_hertz(20)) / 81
    inside = (centres >= mel_from_hertz(20) + step) & (centres <= mel_from_hertz(8000) - step)
    np.testing.assert_allclose(filters[inside].sum(axis=1), 1, rtol=1e-12)  # neighbours' sides add up to 1
    assert (filters[0] == 0).all() and (filters[256] < 1e-12).all()


def test_too_many_filters_are_said():
    with pytest.warns(UserWarning, match="of 300 mel filters lie between two frequencies"):
        mel_filters(300, 16000)


def test_shared_arrays_cannot_be_changed():
    for array in (mel_filters(80, 16000), povey_window(400)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


# ---- frames


def test_window():
    window = povey_window(400)
    np.testing.assert_allclose(window, np.hanning(400) ** 0.85, rtol=1e-12)
    assert window[0] == window[399] == 0 and (window >= np.hanning(400)).all()


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (719, 2), (720, 3), (16000, 98)])
def test_frames_are_cut_from_the_start(samples, frames):
    waveform = np.arange(samples, dtype=np.float32)
    cut = cut_frames(waveform)
    assert cut.shape == (frames, 400) and np.shares_memory(cut, waveform)
    assert cut[-1, 0] == 160 * (frames - 1)


def test_emphasis_keeps_frames_apart():
    frames = noise(3 * 400).reshape(3, 400).astype(np.float64)
    expected = frames.copy()
    expected[:, 1:] -= 0.97 * frames[:, :-1]
    expected[:, 0] -= 0.97 * frames[:, 0]
    emphasise(frames, np.empty_like(frames))
    np.testing.assert_allclose(frames, expected, rtol=0, atol=1e-15)


def test_a_constant_is_no_sound():
    frames, scratch = np.empty((2, 400)), np.empty((2, 400))
    prepare_frames(np.full((2, 400), 0.3, np.float32), frames, scratch)
    np.testing.assert_array_equal(frames, 0)


# ---- the features


@pytest.mark.parametrize("samples", [400, 560, 1234, 160 * PIECE + 400, 160 * 2 * PIECE + 1000])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_equal_to_the_slow_twin(samples, number):
    before = threads.get_num_threads()
    threads.set_num_threads(number)
    try:
        ours = log_mel(noise(samples), mel_filters(80, 16000))
    finally:
        threads.set_num_threads(before)
    assert_log_mel(ours, kaldi_twin.log_mel(noise(samples)))


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    samples=st.integers(400, 1500),
    level=st.sampled_from([1e-6, 1e-3, 1.0, 30.0]),
    bands=st.sampled_from([20, 80]),
    rate=st.sampled_from([8000, 16000, 24000]),
    offset=st.sampled_from([0.0, 0.5]),
)
def test_equal_to_the_slow_twin_at_any_level(samples, level, bands, rate, offset):
    waveform = noise(samples, seed=samples, level=level) + np.float32(offset)
    assert_log_mel(log_mel(waveform, mel_filters(bands, rate)), kaldi_twin.log_mel(waveform, bands, rate))


def test_quiet_bands_beside_a_loud_tone_are_not_lost():
    tone = np.sin(2 * np.pi * 1000 / 16000 * np.arange(4000)).astype(np.float32)
    ours, exact = log_mel(tone, mel_filters(80, 16000)), kaldi_twin.log_mel(tone)
    assert exact.max() - exact.min() > 20  # 90 dB
    assert_log_mel(ours, exact)


def test_silence_is_the_floor():
    features = log_mel(np.zeros(1000, np.float32), mel_filters(80, 16000))
    np.testing.assert_array_equal(features, np.float32(np.log(FLOOR)))
    assert FLOOR == pytest.approx(1.192092955078125e-07, rel=1e-7)


def test_the_waveform_is_not_changed():
    waveform = noise(2000)
    log_mel(waveform, mel_filters(80, 16000))
    np.testing.assert_array_equal(waveform, noise(2000))


def test_memory_is_that_of_the_features():
    waveform, filters = noise(16000 * 60), mel_filters(80, 16000)
    log_mel(waveform[:8000], filters)
    tracemalloc.start()
    features = log_mel(waveform, filters)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pieces = 2 * threads.get_num_threads() * PIECE * 2000 * 8  # bytes
    assert peak < features.nbytes + pieces


# ---- bands


@pytest.mark.parametrize("frames", [2, 3, 500, 5000])
def test_bands_have_mean_0_and_variance_1(frames):
    features = (np.random.default_rng(0).normal(size=(frames, 80)) * 3 + 10).astype(np.float32)
    expected = kaldi_twin.normalize(features)
    ours = normalize_bands(features)
    assert ours is features and ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-7)


def test_a_band_that_never_changes_is_0():
    features = np.full((1000, 3), np.log(FLOOR), np.float32)
    features[:, 1] = np.linspace(-1, 1, 1000)
    ours = normalize_bands(features)
    np.testing.assert_array_equal(ours[:, [0, 2]], 0)
    assert ours[:, 1].std(ddof=1) == pytest.approx(1, rel=1e-5)
