"""Speech in all forms that libsndfile can write reads as the plain WAV does, within what the codec loses."""

import os

import numpy as np
import pytest
import soundfile

from npconformer.audio import AudioSource, RawFormat, duration_of, read_audio, resample, stream_audio
from npconformer.audio.sources import RAW_FORMATS
from npconformer.commands.demo import RECORDING
from npconformer.commands.recordings import Recordings
from npconformer.data.examples import Example
from npconformer.data.reading import read_example
from npconformer.pipelines.inputs import load_waveform

RATE = 8000
RATES = {"XI": 44100}  # an instrument, whose header has no rate
RAW_OF = {subtype: name for name, (subtype, endian) in RAW_FORMATS.items() if endian != "BIG"}
PADDING = 512  # samples: codecs fill their last block

LOSS = {  # root mean square; the speech has 0.06
    **dict.fromkeys(("PCM_S8", "PCM_U8"), 0.006),
    **dict.fromkeys(("ULAW", "ALAW", "DPCM_8"), 0.004),
    **dict.fromkeys(("IMA_ADPCM", "MS_ADPCM", "VOX_ADPCM", "G721_32", "G723_24", "G723_40"), 0.015),
    **dict.fromkeys(("NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32"), 0.02),
    **dict.fromkeys(("GSM610", "VORBIS", "OPUS", "MPEG_LAYER_III"), 0.02),
    "DWVW_12": 1e-3,
}
EXACT = 2e-4
FORMS = [(form, subtype) for form in soundfile.available_formats() for subtype in soundfile.available_subtypes(form)]
NOT_WRITTEN = {("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III"), ("AIFF", "DWVW_12")}


@pytest.fixture(scope="module")
def speech():
    whole, rate = soundfile.read(RECORDING, dtype="float32")
    return {one: resample(whole[: 2 * rate], rate, one) for one in (RATE, 44100)}


def write(folder, speech, form, subtype):
    """The file, and what to read it with."""
    rate = RATES.get(form, RATE)
    path = folder / f"a.{form.lower()}"
    try:
        soundfile.write(path, speech[rate], rate, format=form, subtype=subtype)
    except soundfile.SoundFileError as error:
        if (form, subtype) not in NOT_WRITTEN:
            raise
        pytest.skip(f"libsndfile does not write it: {error}")
    if form != "RAW":
        return path, rate
    if subtype not in RAW_OF:
        with pytest.raises(ValueError, match=r"a\.raw cannot be read as audio: it has no header .*--raw-rate"):
            read_audio(path)
        return None, rate
    return AudioSource(path, raw=RawFormat(rate, RAW_OF[subtype])), rate


def as_commands_read(path, rate):
    arguments = None
    if isinstance(path, AudioSource):
        import argparse

        raw = path.raw
        arguments = argparse.Namespace(raw_rate=raw.rate, raw_format=raw.format, raw_channels=None)
        path = path.path
    (source,) = Recordings([os.fspath(path)], arguments).sources
    return load_waveform(source, rate)


@pytest.mark.parametrize(("form", "subtype"), FORMS, ids=map("-".join, FORMS))
def test_it_reads_as_the_plain_wav(tmp_path, speech, form, subtype):
    path, rate = write(tmp_path, speech, form, subtype)
    if path is None:  # refused by name
        return
    plain = speech[rate]
    whole = read_audio(path, None)
    assert len(plain) <= len(whole) <= len(plain) + PADDING
    written = len(plain) - (120 if form == "SDS" else 0)  # libsndfile does not write the last packet
    error = np.sqrt(np.mean((whole[:written] - plain[:written]) ** 2))
    assert error < LOSS.get(subtype, EXACT) < 0.5 * np.sqrt(np.mean(plain**2))
    assert duration_of(path) == pytest.approx(len(whole) / rate, abs=1e-9)
    np.testing.assert_array_equal(np.concatenate(list(stream_audio(path, None, piece_size=3001))), whole)
    np.testing.assert_array_equal(as_commands_read(path, rate), whole)
    stretch = read_example(Example(path, start=0.5, end=0.75), rate)
    np.testing.assert_allclose(stretch, whole[rate // 2 : rate * 3 // 4], atol=1e-6)
