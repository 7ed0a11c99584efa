"""One channel, samples without a header, pipes, addresses, and files that are something else."""

import os
import threading
import warnings

import numpy as np
import pytest
import soundfile

from npconformer.audio import AudioSource, AudioWarning, RawFormat, duration_of, read_audio, stream_audio
from npconformer.data.examples import Example
from npconformer.data.reading import read_example

RATE = 16000
LEFT, RIGHT = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4000)).astype(np.float32)


@pytest.fixture
def stereo(tmp_path):
    soundfile.write(tmp_path / "s.wav", np.stack([LEFT, RIGHT], axis=1), RATE, subtype="FLOAT")
    return tmp_path / "s.wav"


def test_channels(stereo):
    for channel, samples in ((1, LEFT), (2, RIGHT)):
        source = AudioSource(stereo, channel=channel)
        np.testing.assert_array_equal(read_audio(source), samples)
        np.testing.assert_array_equal(np.concatenate(list(stream_audio(source, piece_size=1001))), samples)
        assert read_audio(source, mono=False).shape == (4000, 1)
        assert duration_of(source) == 0.25
    with pytest.raises(ValueError, match=r"s\.wav has 2 channels, and no channel 3"):
        read_audio(AudioSource(stereo, channel=3))
    for channel in (0, -1, True, "1"):
        with pytest.raises(ValueError, match="channel must be a whole number of at least 1"):
            AudioSource(stereo, channel=channel)
    assert os.fspath(AudioSource("a/talk.x.wav").of_channel(2)) == os.path.join("a", "talk.x [channel 2].wav")


@pytest.mark.parametrize(
    ("other", "told"),
    [(-LEFT, True), (-0.9 * LEFT, True), (RIGHT, False), (0 * LEFT, False), (LEFT, False), (-0.5 * LEFT, False)],
)
def test_channels_that_cancel_are_told(tmp_path, other, told):
    soundfile.write(tmp_path / "s.wav", np.stack([LEFT, other], axis=1), RATE, subtype="FLOAT")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_audio(tmp_path / "s.wav")
    assert [str(one.message) for one in caught if "cancel one another" in str(one.message)] == [
        str(one.message) for one in caught
    ]
    assert bool(caught) == told
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_audio(AudioSource(tmp_path / "s.wav", channel=1))


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("s16le", (LEFT * 32768).astype("<i2")),
        ("s16be", (LEFT * 32768).astype(">i2")),
        ("s32be", (LEFT * 2.0**31).astype(">i4")),
        ("f32le", LEFT.astype("<f4")),
        ("f64be", LEFT.astype(">f8")),
        ("u8", (LEFT * 128 + 128).astype("u1")),
    ],
)
def test_samples_without_a_header(tmp_path, name, samples):
    for file_name in ("x.raw", "x.pcm", "x"):
        path = tmp_path / file_name
        path.write_bytes(samples.tobytes())
        source = AudioSource(path, raw=RawFormat(8000, name))
        np.testing.assert_allclose(read_audio(source, None), LEFT, atol=2 / 128 if name == "u8" else 2 / 32768)
        assert duration_of(source) == 0.5
        with pytest.raises(ValueError, match=r"x\S* cannot be read as audio: .*; samples without .* --raw-rate HZ"):
            read_audio(path)
    two = read_audio(AudioSource(path, raw=RawFormat(8000, name, channels=2)), None, mono=False)
    np.testing.assert_allclose(two[:, 1], LEFT[1::2], atol=2 / 128 if name == "u8" else 2 / 32768)


def test_wrong_raw_formats():
    for wrong in ({"format": "mp3"}, {"rate": 0}, {"rate": 8000.5}, {"channels": 0}, {"channels": True}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            RawFormat(**{"rate": 8000, **wrong})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_pipes_are_read_to_their_end(tmp_path, stereo, form):
    soundfile.write(tmp_path / "plain", LEFT, RATE, format=form)
    content = (tmp_path / "plain").read_bytes()
    os.mkfifo(tmp_path / "pipe")

    def give(data):
        thread = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[data])
        thread.start()
        return thread

    for read in (read_audio, lambda path: np.concatenate(list(stream_audio(path)))):
        thread = give(content)
        np.testing.assert_allclose(read(tmp_path / "pipe"), read_audio(tmp_path / "plain"), atol=1e-6)
        thread.join()
    thread = give(b"")
    with pytest.raises(ValueError, match=r"pipe is empty \(0 bytes\)"):
        read_audio(tmp_path / "pipe")
    thread.join()
    with pytest.raises(ValueError, match="pipe is a pipe, which can be read only once"):
        duration_of(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is a pipe; recordings to learn from"):
        read_example(Example(str(tmp_path / "pipe")), RATE)


def test_devices_and_addresses():
    if os.path.exists("/dev/zero"):
        with pytest.raises(ValueError, match="/dev/zero is a device"):
            read_audio("/dev/zero")
    for address in ("https://example.org/a.wav", "s3://bucket/a.flac"):
        with pytest.raises(ValueError, match=f"{address} is an address, and recordings are not downloaded"):
            read_audio(address)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\n<!DOCTYPE html>\n<html><body>Not found</body></html>", "HTML"),
        (b"<html>" + b"x" * 9000, "HTML"),
        (b'\xef\xbb\xbf{"error": "gone"}', "JSON"),
        (b"<?xml version='1.0'?><Error/>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"%PDF-1.7 " + bytes(100), "a PDF"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
    ],
)
@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.m4a"])
def test_what_is_no_audio_at_all(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is not audio: it looks like {what}"):
        read_audio(tmp_path / name)


def test_the_notice_is_a_warning_of_its_own():
    assert issubclass(AudioWarning, UserWarning)
