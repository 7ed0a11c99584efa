"""The sound of examples and of stretches, and what is kept of it."""

import threading

import numpy as np
import pytest
import soundfile

from npconformer.data import AudioReader, Example, read_example


@pytest.fixture
def ramp(tmp_path):
    """2 s at 8 kHz whose samples tell where they are."""
    samples = np.arange(16000, dtype=np.float32) / 16000
    soundfile.write(tmp_path / "ramp.wav", samples, 8000, subtype="FLOAT")
    return str(tmp_path / "ramp.wav"), samples


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, slice(None)),
        (0.5, 1.25, slice(4000, 10000)),
        (0.5, None, slice(4000, None)),
        (None, 0.25, slice(0, 2000)),
        (1.5, 99.0, slice(12000, None)),
    ],
)
def test_stretches(ramp, start, end, expected):
    path, samples = ramp
    np.testing.assert_array_equal(read_example(Example(path, start=start, end=end), 8000), samples[expected])


def test_a_stretch_is_resampled_and_mixed(tmp_path):
    left = np.sin(np.arange(24000) * 0.05).astype(np.float32)
    soundfile.write(tmp_path / "s.wav", np.stack([left, 0 * left], axis=1), 8000, subtype="FLOAT")
    part = read_example(Example(str(tmp_path / "s.wav"), start=1.0, end=2.0), 16000)
    assert (part.shape, part.dtype) == ((16000,), np.float32)
    np.testing.assert_allclose(part[2000:14000:2], left[9000:15000] / 2, atol=1e-3)


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3"])
def test_stretches_of_other_formats(tmp_path, kind):
    samples = np.sin(np.arange(48000) * 0.02 * (1 + np.arange(48000) / 48000)).astype(np.float32) * 0.5
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, samples, 16000)
    whole = read_example(Example(str(path)), 16000)
    part = read_example(Example(str(path), start=1.0, end=2.0), 16000)
    assert len(part) == 16000
    assert np.abs(part - whole[16000:32000]).max() < 1e-5


def test_behind_the_end(ramp):
    with pytest.raises(ValueError, match=r"ramp.wav \[3 to end\]: the recording ends before"):
        read_example(Example(ramp[0], start=3.0), 8000)


@pytest.mark.parametrize("start", [None, 0.1])
@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [(None, FileNotFoundError, "no such file"), (b"", ValueError, "empty"), (b"text", ValueError, "cannot be read")],
)
def test_what_cannot_be_read_is_named(tmp_path, start, content, kind, message):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind, match=f"bad.wav.*{message}"):
        read_example(Example(str(path), start=start), 8000)


def test_nan_in_the_stretch_only(tmp_path):
    samples = np.zeros(16000, np.float32)
    samples[12000] = np.nan
    soundfile.write(tmp_path / "n.wav", samples, 8000, subtype="FLOAT")
    assert len(read_example(Example(str(tmp_path / "n.wav"), end=1.0), 8000)) == 8000
    with pytest.raises(ValueError, match="NaN"):
        read_example(Example(str(tmp_path / "n.wav"), start=1.0), 8000)


def test_the_cache_is_bounded(tmp_path):
    examples = []
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", np.full(1000, 0.5, np.float32), 8000)
        examples.append(Example(str(tmp_path / f"{name}.wav")))
    reader = AudioReader(8000, cache_bytes=2 * 4000)
    read = [reader(example) for example in examples]
    assert reader.bytes_held == 8000
    for example in examples:
        (tmp_path / example.path).unlink()
    assert reader(examples[0]) is read[0]
    assert reader(examples[1]) is read[1]
    with pytest.raises(FileNotFoundError):
        reader(examples[2])


def test_what_is_kept_cannot_be_changed(ramp):
    reader = AudioReader(8000)
    with pytest.raises(ValueError, match="read-only"):
        reader(Example(ramp[0]))[0] = 1


def test_stretches_are_kept_apart(ramp):
    reader = AudioReader(8000)
    assert len(reader(Example(ramp[0], end=0.5))) == 4000
    assert len(reader(Example(ramp[0], end=1.0))) == 8000
    assert reader.bytes_held == 12000 * 4


def test_threads_count_a_recording_once(ramp):
    reader = AudioReader(8000)
    threads = [threading.Thread(target=reader, args=(Example(ramp[0]),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reader.bytes_held == 16000 * 4


@pytest.mark.parametrize("size", [-1, float("nan")])
def test_wrong_cache_size(size):
    with pytest.raises(ValueError, match="cache_bytes"):
        AudioReader(8000, size)
