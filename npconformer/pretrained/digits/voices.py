"""The ten words by the voices of espeak-ng, so that the recogniser hears more than six speakers.

Needs the program espeak-ng (Debian: `apt-get install espeak-ng`). Nobody's voice is in what it makes. Voices are named
as espeak-ng names them: an accent, or an accent and a variant, "en-us+f3". Other versions of the program (this was
written with 1.51) may sound a little different.
"""

import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from npconformer.audio.resampling import resample

WORDS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
RATE = 16_000
NARROW = 8_000  # telephone band, as the recordings of the Free Spoken Digit Dataset have it
ACCENTS = "en-gb en-us en-gb-scotland en-gb-x-gbclan en-gb-x-rp en-gb-x-gbcwmd en-029 en-us-nyc".split()
HELD_OUT = ("en-us+m3", "en-gb+f2", "en-gb-scotland+m7")  # of these three variants no accent is trained on
VARIANTS = (
    "m1 m2 m4 m5 m6 m8 f1 f3 f4 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Hugo Jacky Lee Marco Mario "
    "Michael Mike Storm adam anika announcer antonio aunty belinda benjamin boris caleb david ed edward grandma "
    "grandpa gustave iven john kaukovalta klatt klatt2 linda marcelo max michel miguel norbert pablo paul pedro "
    "quincy rob robert sandro shelby steph travis victor zac"
).split()


def has_espeak() -> bool:
    """Whether the program is installed."""
    return shutil.which("espeak-ng") is not None


def synthesise(word: str, voice: str, words_per_minute: int = 160, pitch: int = 50, band: int = RATE) -> np.ndarray:
    """The word, trimmed to what can be heard: float32 (N,) at 16 kHz, its loudest sample 0.5.

    pitch: 0 to 99. band: twice the highest frequency that is left, in Hz; NARROW for that of a telephone.
    """
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdout", word.lower()]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    speech, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    speech = resample(resample(speech, rate, band), band, RATE)
    if len(speech) == 0 or not np.abs(speech).max() > 1e-3:
        raise ValueError(f"voice: espeak-ng says nothing with {voice!r}")
    speech *= 0.5 / np.abs(speech).max()
    audible = np.flatnonzero(np.abs(speech) > 0.01)
    return speech[audible[0] : audible[-1] + 1]


def make_recordings(folder: Path, seed: int = 0) -> list[tuple[Path, str]]:
    """Writes every word by every voice that is trained on, and returns the files with their words.

    Every accent by itself and every variant in two accents, each word at its own speed and pitch, one in three in the
    telephone band. Files that are there already are kept.
    """
    random = np.random.default_rng(seed)
    voices = [*ACCENTS, *(f"{a}+{v}" for v in VARIANTS for a in random.choice(ACCENTS, 2, replace=False))]
    folder.mkdir(parents=True, exist_ok=True)

    def make(job: tuple) -> tuple[Path, str]:
        voice, word, speed, pitch, band = job
        path = folder / f"{WORDS.index(word)}_{voice}_0.wav"
        if not path.is_file():
            soundfile.write(path, synthesise(word, voice, speed, pitch, band), RATE, subtype="PCM_16")
        return path, word

    jobs = [
        (
            voice,
            word,
            int(random.integers(120, 210)),
            int(random.integers(25, 75)),
            NARROW if random.random() < 1 / 3 else RATE,
        )
        for voice in voices
        for word in WORDS
    ]
    with ThreadPoolExecutor() as threads:
        return list(threads.map(make, jobs))
