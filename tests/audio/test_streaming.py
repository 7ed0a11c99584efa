"""Reading in pieces: joined they are the whole, at every rate and every size of a piece, with the same errors."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.audio import duration_of, read_audio, stream_audio


def write(path, count, rate, channels=1, seed=0, **options):
    samples = np.random.default_rng(seed).uniform(-0.9, 0.9, (count, channels)).astype(np.float32)
    soundfile.write(path, samples, rate, **options)
    return path


@given(
    count=st.integers(4, 30_000),
    rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    channels=st.integers(1, 3),
    piece_size=st.integers(500, 40_000),
    sampling_rate=st.sampled_from([16000, 16000, 8000, None]),
)
@settings(max_examples=60, deadline=None)
def test_pieces_joined_are_the_whole(tmp_path_factory, count, rate, channels, piece_size, sampling_rate):
    path = write(tmp_path_factory.mktemp("s") / "a.wav", count, rate, channels, subtype="FLOAT")
    pieces = list(stream_audio(path, sampling_rate, piece_size))
    whole = read_audio(path, sampling_rate)
    assert all(piece.dtype == np.float32 and piece.ndim == 1 and len(piece) for piece in pieces)
    joined = np.concatenate([np.zeros(0, np.float32), *pieces])
    assert joined.shape == whole.shape
    np.testing.assert_allclose(joined, whole, rtol=0, atol=1e-6)
    assert duration_of(path) == count / rate


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_formats(tmp_path, name):
    try:
        write(tmp_path / name, 100_000, 44100, channels=2)
    except (soundfile.SoundFileError, ValueError) as error:
        pytest.skip(f"this libsndfile cannot write {name}: {error}")
    whole = read_audio(tmp_path / name)
    joined = np.concatenate(list(stream_audio(tmp_path / name, piece_size=7000)))
    np.testing.assert_allclose(joined, whole, rtol=0, atol=1e-6)


def test_a_real_recording(shared):
    path = shared / "data/jfk.flac"  # 44.1 kHz, stereo, 24 bit
    np.testing.assert_allclose(np.concatenate(list(stream_audio(path))), read_audio(path), rtol=0, atol=1e-6)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    path = write(tmp_path / "long.wav", 44100 * 60, 44100, subtype="PCM_16")  # 10 MB as float32
    list(stream_audio(path, piece_size=1000))[:1]  # libraries are loaded
    tracemalloc.start()
    count = sum(len(piece) for piece in stream_audio(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 16000 * 60
    assert peak < 3e6


def error_of(function, path):
    try:
        function(path)
    except (ValueError, OSError) as error:
        return type(error), str(error)
    return None


def test_the_errors_are_those_of_read_audio(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("This is not a recording.")
    (tmp_path / "noise.raw").write_bytes(b"\x01\x02" * 100)
    soundfile.write(tmp_path / "zero.wav", np.zeros(0, np.float32), 16000)
    samples = np.zeros(200_000, np.float32)
    samples[150_000] = np.nan  # in a later piece
    soundfile.write(tmp_path / "nan.wav", samples, 16000, subtype="FLOAT")
    for name in ("none.wav", ".", "empty.wav", "text.wav", "noise.raw", "zero.wav", "nan.wav"):
        path = tmp_path / name
        error = error_of(read_audio, path)
        assert error is not None
        assert error_of(lambda path: list(stream_audio(path)), path) == error
    for name in ("none.wav", ".", "empty.wav", "text.wav", "noise.raw"):
        assert error_of(duration_of, tmp_path / name) == error_of(read_audio, tmp_path / name)


@pytest.mark.filterwarnings("ignore::npconformer.audio.AudioWarning")
@pytest.mark.parametrize("name", ["cut.flac", "cut.wav", "cut.ogg"])
def test_a_file_that_was_cut_off_is_read_as_by_read_audio(tmp_path, name):
    path = write(tmp_path / name, 200_000, 16000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    error = error_of(read_audio, path)
    assert error_of(lambda path: list(stream_audio(path, piece_size=5000)), path) == error
    if error is None:
        np.testing.assert_array_equal(np.concatenate(list(stream_audio(path, piece_size=5000))), read_audio(path))


def test_wrong_arguments(tmp_path):
    path = write(tmp_path / "a.wav", 100, 8000)
    with pytest.raises(ValueError, match="sampling_rate must be a number of samples per second"):
        list(stream_audio(path, 0))
    with pytest.raises(ValueError, match="piece_size must be a number of samples"):
        list(stream_audio(path, piece_size=0))
