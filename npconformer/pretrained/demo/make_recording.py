"""Makes `digits.flac`, the recording that `npconformer demo` transcribes: connected digits, spoken by
espeak-ng.

    python make_recording.py            # writes digits.flac beside this file

Needs the program espeak-ng (Debian: `apt-get install espeak-ng`). Nobody's voice is in it. The voice is one that the
embedded recogniser was not trained on (`HELD_OUT` in ../digits/voices.py); nothing was chosen to suit it.
"""

import io
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr

TEXT = "three one four one five nine two six"
VOICE, WORDS_PER_MINUTE, PITCH, PAUSE_BETWEEN_WORDS = "en-gb+f2", 160, 50, 10  # the pause in units of 10 ms
SAMPLING_RATE = 16_000
SILENCE = 0.2  # seconds before and after
LOUDEST, NOISE = 0.5, 1e-3  # of full scale


def synthesise() -> np.ndarray:
    """The spoken TEXT as float32 samples (n,) at SAMPLING_RATE."""
    command = ["espeak-ng", "-v", VOICE, "-s", WORDS_PER_MINUTE, "-p", PITCH, "-g", PAUSE_BETWEEN_WORDS]
    wav = subprocess.run([*map(str, command), "--stdout", TEXT], check=True, capture_output=True).stdout
    speech, rate = soundfile.read(io.BytesIO(wav), dtype="float64")
    speech = soxr.resample(speech, rate, SAMPLING_RATE)
    speech *= LOUDEST / np.abs(speech).max()
    audible = np.flatnonzero(np.abs(speech) > 0.01 * LOUDEST)
    speech = np.pad(speech[audible[0] : audible[-1] + 1], round(SILENCE * SAMPLING_RATE))
    speech += np.random.default_rng(0).normal(0, NOISE, len(speech))
    return speech.astype(np.float32)


if __name__ == "__main__":
    soundfile.write(Path(__file__).with_name("digits.flac"), synthesise(), SAMPLING_RATE, subtype="PCM_16")
