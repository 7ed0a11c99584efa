"""Lengths in headers may be missing, zero or wrong, in either direction: what is in the file counts."""

import io
import os
import struct
import warnings

import numpy as np
import pytest
import soundfile

from npconformer.audio import AudioSource, duration_of, read_audio, stream_audio
from npconformer.audio.ogg_pages import _checksum
from npconformer.data.examples import Example
from npconformer.data.reading import read_example

RATE, COUNT = 16000, 40_000
SPEECH = (0.4 * np.sin(np.cumsum(np.random.default_rng(0).uniform(0, 0.5, COUNT)))).astype(np.float32)


def encoded(form, subtype=None, samples=SPEECH, **options):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format=form, subtype=subtype, **options)
    return bytearray(buffer.getvalue())


def put(data, place, form, *values):
    struct.pack_into(form, data, place, *values)
    return data


def with_flac_total(total):
    data = encoded("FLAC")
    fields = int.from_bytes(data[18:26], "big") >> 36 << 36 | total
    data[18:26] = fields.to_bytes(8, "big")
    return data


def behind_a_tag(data):
    return b"ID3\x04\0\0\0\0\x01\x00" + bytes(128) + data


def with_riff(data_length, riff_length=None, form="WAV"):
    data = encoded(form)
    if riff_length is not None:
        put(data, 4, "<I", riff_length)
    return put(data, data.index(b"data") + 4, "<I", data_length)


def with_length_at(form, name, skip, pack, length):
    data = encoded(form)
    return put(data, data.index(name) + skip, pack, length)


def with_frames(frames):
    data = encoded("MP3")
    tag = max(data.find(b"Xing"), data.find(b"Info"))
    assert tag > 0 and data[tag + 7] & 1
    return put(data, tag + 8, ">I", frames)


def with_last_position(position):
    data = encoded("OGG", "VORBIS")
    page = data.rindex(b"OggS")
    put(data, page + 6, "<Q", position)
    put(data, page + 22, "<I", 0)
    return put(data, page + 22, "<I", _checksum(bytes(data[page:])))


WRONG = {
    "FLAC, unknown": lambda: with_flac_total(0),
    "FLAC, too large": lambda: with_flac_total(2**36 - 1),
    "FLAC, too small": lambda: with_flac_total(10_000),
    "FLAC, behind a tag and unknown": lambda: behind_a_tag(with_flac_total(0)),
    "FLAC, behind a tag and too small": lambda: behind_a_tag(with_flac_total(10_000)),
    "MP3, behind a tag and too few": lambda: behind_a_tag(with_frames(10)),
    "WAV, never closed": lambda: with_riff(0, 0),
    "WAV, never closed, as some write it": lambda: with_riff(0, 36),
    "WAV, to a pipe": lambda: with_riff(0xFFFFFFFF, 0xFFFFFFFF),
    "WAV, to a pipe, as sox writes it": lambda: with_riff(0x7FFFFFFF - 36, 0x7FFFFFFF),
    "WAV, too small": lambda: with_riff(20_000),
    "WAV, odd": lambda: with_riff(20_001),
    "WAVEX, too small": lambda: with_riff(20_000, form="WAVEX"),
    "RF64, too small": lambda: put(encoded("RF64"), 28, "<Q", 20_000),
    "RF64, too large": lambda: put(encoded("RF64"), 28, "<Q", 2**40),
    "W64, zero": lambda: with_length_at("W64", b"data\xf3\xac", 16, "<Q", 24),
    "W64, too small": lambda: with_length_at("W64", b"data\xf3\xac", 16, "<Q", 20_024),
    "AIFF, zero": lambda: with_length_at("AIFF", b"SSND", 4, ">I", 0),
    "AIFF, too small": lambda: with_length_at("AIFF", b"SSND", 4, ">I", 20_008),
    "AIFF, no frames": lambda: with_length_at("AIFF", b"COMM", 10, ">I", 0),
    "AIFF, too many frames": lambda: with_length_at("AIFF", b"COMM", 10, ">I", 2**31 - 1),
    "AU, unknown": lambda: put(encoded("AU"), 8, ">I", 0xFFFFFFFF),
    "AU, too small": lambda: put(encoded("AU"), 8, ">I", 20_000),
    "AU, zero": lambda: put(encoded("AU"), 8, ">I", 0),
    "CAF, unknown": lambda: with_length_at("CAF", b"data", 4, ">q", -1),
    "CAF, too small": lambda: with_length_at("CAF", b"data", 4, ">q", 20_004),
    "8SVX, too small": lambda: with_length_at("SVX", b"BODY", 4, ">I", 20_000),
    "MP3, too few": lambda: with_frames(10),
    "MP3, too many": lambda: with_frames(2**31),
    "Ogg, 2^36": lambda: with_last_position(2**36),
}
PLAIN = {"FLAC": ("FLAC", 0), "MP3": ("MP3", 1300), "Ogg": ("OGG", 1024)}


@pytest.mark.parametrize("case", WRONG)
def test_all_samples_are_read(tmp_path, case):
    path = tmp_path / "a.bin"
    path.write_bytes(WRONG[case]())
    form, lost = PLAIN.get(case.split(",")[0], ("WAV", 0))
    (tmp_path / "right").write_bytes(encoded(form))
    right = read_audio(tmp_path / "right", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = read_audio(path, None)
        pieces = list(stream_audio(path, None, piece_size=4096))
    assert abs(len(whole) - len(right)) <= lost
    count = min(len(whole), len(right))
    np.testing.assert_allclose(whole[:count], right[:count], atol=1e-6 if form == "MP3" else 0)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert duration_of(path) == pytest.approx(COUNT / RATE, abs=0.5 if form == "OGG" else 1e-9)


@pytest.mark.parametrize(
    "case", ["FLAC, unknown", "WAV, never closed", "WAV, to a pipe", "WAV, to a pipe, as sox writes it", "AU, unknown"]
)
def test_an_unknown_length_is_no_damage(tmp_path, case):
    (tmp_path / "a.bin").write_bytes(WRONG[case]())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_audio(tmp_path / "a.bin")


@pytest.mark.parametrize("form", ["WAV", "AIFF", "CAF", "W64", "AU"])
def test_what_follows_the_sound_is_no_sound(tmp_path, form):
    """Notes of cutting programs, tags, and zeros that fill a sector."""
    plain = encoded(form)
    chunk = {"WAV": b"LIST\x04\0\0\0INFO", "AIFF": b"NAME\0\0\0\x04talk", "CAF": b"free" + bytes(7) + b"\x04talk"}
    chunk["W64"] = b"list\x2f\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0" + struct.pack("<Q", 32) + b"nothing."
    for more in (chunk.get(form, b""), bytes(3000), b"TAG" + b"x" * 125, b"\x07"):
        if form == "AU" and len(more) > 7:
            continue  # has no chunks
        (tmp_path / "a.bin").write_bytes(plain + more)
        assert len(read_audio(tmp_path / "a.bin", None)) == COUNT, more[:4]


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0, 705_032_704])  # the last one is what 32 bits keep of it
def test_more_than_four_gigabytes(tmp_path, length):
    """A file with a hole: no disk is filled."""
    path, size = tmp_path / "day.wav", 5 * 10**9 + 44
    path.write_bytes(with_riff(length, 0xFFFFFFFF)[:44])
    with open(path, "r+b") as file:
        file.truncate(size)
        file.seek(size - 2 * COUNT)
        file.write((SPEECH * 32767).astype("<i2").tobytes())
    seconds = (size - 44) / 2 / RATE
    assert duration_of(path) == seconds
    last = read_example(Example(str(path), start=seconds - COUNT / RATE, end=seconds), RATE)
    np.testing.assert_allclose(last, SPEECH, atol=2 / 32768)


def changing_rates():
    """MP3 without a header's number, first silence in few bytes and then noise in many."""
    quiet, loud = np.zeros(RATE * 3, np.float32), np.random.default_rng(1).uniform(-0.9, 0.9, RATE * 3)
    parts = [encoded("MP3", samples=one, bitrate_mode="CONSTANT", compression_level=level)
             for one, level in ((quiet, 0.99), (loud, 0.0))]  # fmt: skip
    frames = b""
    for part in parts:
        tag = part.find(b"Info")
        frames += bytes(part[part.index(bytes(part[:2]), tag) if tag > 0 else 0 :])  # without the frame of numbers
    return frames


def test_mp3_without_a_number_and_with_changing_bit_rates(tmp_path):
    (tmp_path / "a.mp3").write_bytes(changing_rates())
    seconds = 6
    assert duration_of(tmp_path / "a.mp3") == pytest.approx(seconds, abs=0.2)
    assert len(read_audio(tmp_path / "a.mp3", None)) == pytest.approx(seconds * RATE, abs=0.2 * RATE)


def test_joined_mp3_are_read_to_their_end(tmp_path):
    """As with `cat`: libmpg123 stops at the first one's number."""
    (tmp_path / "a.mp3").write_bytes(encoded("MP3") * 3)
    assert duration_of(tmp_path / "a.mp3") == pytest.approx(3 * COUNT / RATE, abs=0.4)
    assert len(read_audio(tmp_path / "a.mp3", None)) == pytest.approx(3 * COUNT, abs=0.4 * RATE)


def test_bytes_in_memory():
    for case in ("FLAC, unknown", "WAV, too small", "MP3, too few"):
        source = AudioSource("memory", content=io.BytesIO(WRONG[case]()))
        assert len(read_audio(source, None)) == pytest.approx(COUNT, abs=1300)
        assert len(read_audio(source, None)) == round(duration_of(source) * RATE)  # and again


def test_whole_files_are_read_as_libsndfile_reads_them(tmp_path):
    for form in ("MP3", "OGG", "FLAC", "WAV", "AIFF", "CAF"):
        (tmp_path / "a.bin").write_bytes(encoded(form))
        plain = soundfile.read(os.fspath(tmp_path / "a.bin"), dtype="float32")[0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_allclose(read_audio(tmp_path / "a.bin", None), plain, rtol=0, atol=1e-6)
