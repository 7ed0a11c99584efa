"""Files that were cut or damaged: what can be decoded is read, and a warning says where they break."""

import os
import re

import numpy as np
import pytest
import soundfile

from npconformer.audio import AudioWarning, duration_of, read_audio, stream_audio
from npconformer.audio.quiet_decoder import quiet_decoder

RATE, SECONDS = 16000, 8
FORMS = {
    "a.flac": {},
    "a.wav": {},
    "a.aiff": {},
    "a.mp3": {},
    "a.ogg": {},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.w64": {},
    "a.caf": {},
    "a.au": {},
}
SPEECH = (0.4 * np.sin(np.cumsum(np.random.default_rng(0).uniform(0, 0.5, RATE * SECONDS)))).astype(np.float32)


def write(folder, name):
    soundfile.write(folder / name, SPEECH, RATE, **FORMS[name])
    return folder / name


def read_with_warning(path):
    with pytest.warns(AudioWarning) as caught:
        samples = read_audio(path, None)
    (message,) = {str(one.message) for one in caught}
    assert message.startswith(f"{path}: it ")
    return samples, message


@pytest.mark.parametrize("name", FORMS)
def test_cut_in_the_middle(tmp_path, capfd, name):
    path = write(tmp_path, name)
    whole = read_audio(path, None)
    path.write_bytes(path.read_bytes()[: os.path.getsize(path) // 2])
    samples, message = read_with_warning(path)
    second = float(re.search(r"it breaks off at ([\d.]+) s", message)[1])
    assert second == pytest.approx(len(samples) / RATE, abs=0.5)
    assert 0.35 * SECONDS < second < 0.65 * SECONDS
    np.testing.assert_allclose(samples[:RATE], whole[:RATE], atol=1e-6)
    assert duration_of(path) == pytest.approx(len(samples) / RATE, abs=0.5)
    with pytest.warns(AudioWarning, match="breaks off"):
        np.testing.assert_array_equal(np.concatenate(list(stream_audio(path, None))), samples)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.ogg", "a.opus"])
@pytest.mark.parametrize("damage", ["noise", "zeros", "hole"])
def test_damaged_in_the_middle(tmp_path, capfd, name, damage):
    path = write(tmp_path, name)
    whole = read_audio(path, None)
    content = bytearray(path.read_bytes())
    middle, size = len(content) // 2, min(9000, len(content) // 8)
    new = {"noise": np.random.default_rng(0).bytes(size), "zeros": bytes(size), "hole": b""}[damage]
    content[middle : middle + size] = new
    path.write_bytes(content)
    samples, message = read_with_warning(path)
    second = float(re.search(r"it is damaged at ([\d.]+) s", message)[1])
    assert 0.3 * SECONDS < second < 0.6 * SECONDS
    assert len(samples) > 0.7 * len(whole)  # and what comes behind it is read
    np.testing.assert_allclose(samples[: RATE * 2], whole[: RATE * 2], atol=1e-6)
    if name == "a.flac":  # which says of every frame where it belongs
        assert len(samples) == len(whole)
        np.testing.assert_array_equal(samples[-RATE:], whole[-RATE:])
    if name == "a.mp3" and damage != "hole":  # silence as long as what is damaged
        assert len(samples) == pytest.approx(len(whole), abs=0.08 * RATE)
    if name == "a.ogg":
        missing = (len(whole) - len(samples)) / RATE
        assert message.endswith(f"and times behind it are {missing:.2f} s early")
    assert capfd.readouterr().err == ""


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = write(tmp_path, "a.wav")
    pieces = stream_audio(path, None, piece_size=4000)
    read = len(next(pieces))
    os.truncate(path, 100_000)
    with pytest.warns(AudioWarning, match=r"a\.wav: it has become shorter while it was read, and ends at 3\.1\d s"):
        read += sum(map(len, pieces))
    assert read == (100_000 - 44) // 2


def test_nothing_can_be_decoded(tmp_path):
    path = write(tmp_path, "a.flac")
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes(len(content)))
    with pytest.raises(ValueError, match=r"a\.flac cannot be read as audio: \S"):
        read_audio(path)


def test_what_libmpg123_says_is_not_heard_and_what_others_say_is(capfd):
    with quiet_decoder() as lines:
        os.write(2, b"Note: Trying to resync...\n[src/libmpg123/parse.c:1] error: Giving up\nsomething else\n")
    assert lines == ["Note: Trying to resync...", "[src/libmpg123/parse.c:1] error: Giving up"]
    assert capfd.readouterr().err == "something else\n"
