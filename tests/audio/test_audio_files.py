"""Reading recordings in every format, resampling, and refusing what is not audio."""

import numpy as np
import pytest
import soundfile

from npconformer.audio import Wav2Vec2FeatureExtractor, read_audio, resample, stream_audio, validate_waveform


def tone(rate, seconds=1.0, hertz=440.0):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", dict(subtype="FLOAT"), 0),
        ("a.wav", dict(subtype="PCM_16"), 2**-15),
        ("a.flac", dict(), 2**-15),
        ("a.ogg", dict(), 0.05),
        ("a.mp3", dict(), 0.05),
    ],
)
def test_formats(tmp_path, name, options, tolerance):
    samples = tone(16000)
    try:
        soundfile.write(tmp_path / name, samples, 16000, **options)
    except (soundfile.SoundFileError, ValueError) as error:
        pytest.skip(f"this libsndfile cannot write {name}: {error}")
    read = read_audio(tmp_path / name)
    assert read.dtype == np.float32 and read.ndim == 1
    middle = slice(4000, 12000)  # lossy codecs fade in and out
    np.testing.assert_allclose(read[middle], samples[middle], atol=tolerance)


def test_channels_are_averaged_or_kept(tmp_path):
    left, right = tone(16000), tone(16000, hertz=1000)
    soundfile.write(tmp_path / "s.wav", np.stack([left, right], axis=1), 16000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(tmp_path / "s.wav"), (left + right) / 2, atol=1e-7)
    assert read_audio(tmp_path / "s.wav", mono=False).shape == (16000, 2)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_a_tone(tmp_path, rate):
    soundfile.write(tmp_path / "t.wav", tone(rate), rate, subtype="FLOAT")
    read = read_audio(tmp_path / "t.wav", sampling_rate=16000)
    assert len(read) == 16000 and read.dtype == np.float32
    np.testing.assert_allclose(read[1000:-1000], tone(16000)[1000:-1000], atol=1e-4)
    assert len(read_audio(tmp_path / "t.wav", sampling_rate=None)) == rate


def test_resample_keeps_dtype_and_refuses_bad_rates():
    assert resample(np.zeros(80), 8000, 16000).dtype == np.float64
    assert resample(np.zeros(80, np.int16), 8000, 16000).dtype == np.float32
    assert len(resample(np.zeros(80, np.float32), 8000, 16000)) == 160
    with pytest.raises(ValueError, match="to_rate"):
        resample(np.zeros(80), 8000, 0)


@pytest.mark.parametrize(
    "rate", [np.inf, -np.inf, np.nan, 0, 0.5, 1e-3, 1e12, -16000, True, np.True_, "16000", None, [16000], 16000j]
)
def test_rates_that_no_sound_has(tmp_path, rate):
    def refused(name):
        return pytest.raises(ValueError, match=f"{name} must be a number of samples per second from 100 to 10000000")

    with refused("from_rate"):
        resample(np.zeros(80), rate, 16000)
    with refused("to_rate"):
        resample(np.zeros(80), 16000, rate)
    with refused("from_rate"):
        resample(np.zeros(80), rate, rate)
    with refused("sampling_rate"):
        Wav2Vec2FeatureExtractor(sampling_rate=rate)
    if rate is not None:  # None has a meaning here
        with refused("sampling_rate"):
            read_audio(tmp_path / "not looked for.wav", sampling_rate=rate)
        with refused("sampling_rate"):
            Wav2Vec2FeatureExtractor()(np.ones(80), sampling_rate=rate)


def test_a_file_whose_rate_no_sound_has(tmp_path):
    soundfile.write(tmp_path / "slow.wav", np.zeros(80), 2)
    with pytest.raises(ValueError, match=r"slow\.wav: its sampling rate must be .* got 2$"):
        read_audio(tmp_path / "slow.wav")


@pytest.mark.parametrize("rate", [8000.0, np.float32(8000), np.int64(8000), 100, 192_000, 5_644_800])
def test_rates_that_sound_has(rate):
    assert len(resample(np.zeros(1000, np.float32), rate, 16000)) == round(1000 * 16000 / rate)


def test_bad_files_are_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.wav"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(ValueError, match="folder"):
        read_audio(tmp_path)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"empty\.wav is empty"):
        read_audio(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("This is not a recording.")
    with pytest.raises(ValueError, match=r"text\.wav cannot be read as audio: \S"):
        read_audio(tmp_path / "text.wav")
    (tmp_path / "noise.raw").write_bytes(b"\x01\x02" * 100)
    with pytest.raises(ValueError, match=r"noise\.raw cannot be read as audio"):
        read_audio(tmp_path / "noise.raw")
    soundfile.write(tmp_path / "zero.wav", np.zeros(0, np.float32), 16000)
    with pytest.raises(ValueError, match=r"zero\.wav holds no samples"):
        read_audio(tmp_path / "zero.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan], np.float32), 16000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"nan\.wav holds samples that are NaN"):
        read_audio(tmp_path / "nan.wav")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((2, 3)), "shape"),
        (np.zeros(0), "no samples"),
        (np.array([0.0, np.nan, np.inf]), "2 NaN or infinite samples, the first at index 1"),
        (np.array(["a"]), "dtype"),
        (np.zeros(3, complex), "dtype"),
        (3.0, "shape"),
        ([[1.0], [1.0, 2.0]], "sound"),
    ],
)
def test_validate_waveform_refuses(bad, words):
    with pytest.raises(ValueError, match="sound") as caught:
        validate_waveform(bad, name="sound")
    assert words in str(caught.value)


def test_validate_waveform_copies_only_what_it_must():
    for dtype in (np.float32, np.float64):
        array = np.ones(4, dtype)
        assert validate_waveform(array) is array
    assert validate_waveform([1, 2]).dtype == np.float32


def test_real_recordings(shared):
    speech = read_audio(shared / "data/jfk.flac")  # 44.1 kHz, stereo, 24 bit
    assert speech.shape == (176000,) and speech.dtype == np.float32
    digit = shared / "data/fsdd/0_george_10.wav"  # 8 kHz
    assert len(read_audio(digit)) == 2 * len(read_audio(digit, sampling_rate=None))


def test_samples_beyond_sound_are_refused(tmp_path):
    huge = np.where(np.arange(2000) % 2, np.float32(3.4e38), np.float32(-3.4e38)).astype(np.float32)
    for sound in (huge, np.full((2000, 2), 3e38, np.float32), huge * np.float32(1e-27)):
        soundfile.write(tmp_path / "huge.wav", sound, 8000, subtype="FLOAT")
        for read in (read_audio, lambda path: list(stream_audio(path))):
            with pytest.raises(ValueError, match=r"huge\.wav holds samples as large as 3.*and those of sound lie"):
                read(tmp_path / "huge.wav")
    integers = (2**31 * tone(16000)).astype(np.float32)  # a habit of some programs
    soundfile.write(tmp_path / "loud.wav", integers, 16000, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "loud.wav"), integers)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_samples_for_the_rate(tmp_path, count):
    soundfile.write(tmp_path / "a.wav", np.ones(count, np.float32) / 2, 96000)
    for read in (read_audio, lambda path: list(stream_audio(path))):
        with pytest.raises(ValueError, match=rf"a\.wav holds {count} samples at 96000 Hz, .* less than one at 16000"):
            read(tmp_path / "a.wav")
