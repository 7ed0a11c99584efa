"""The texts that transformers and npconformer give for real recordings: `python -m tests.parity.transcripts`.

Random recordings of the Free Spoken Digit Dataset, and strings of three to six of them with short pauses, go through
both programs with the checkpoint `digits-hf`; npconformer reads the files itself, through its pipeline. Every
difference is printed, and the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from transformers import Wav2Vec2ConformerForCTC, Wav2Vec2Processor

import npconformer

SHARED = Path(__file__).resolve().parents[3] / "shared"
RATE = 16000


def choose_files(folder: Path, count: int, seed: int) -> list[Path]:
    files = sorted(folder.glob("*.wav"))
    return [files[i] for i in np.random.default_rng(seed).permutation(len(files))[:count]]


def write_strings(recordings: list[Path], count: int, seed: int, folder: Path) -> list[Path]:
    """Writes `count` strings of three to six of the recordings, with up to 0.2 s of silence between two."""
    random = np.random.default_rng(seed)
    written = []
    for index in range(count):
        pieces, names = [], []
        for i in random.integers(0, len(recordings), random.integers(3, 7)):
            samples, rate = soundfile.read(recordings[i], dtype="float32")
            pieces += [samples, np.zeros(int(rate * random.uniform(0, 0.2)), np.float32)]
            names.append(recordings[i].stem[0])
        written.append(folder / f"string_{index}_{''.join(names)}.wav")
        soundfile.write(written[-1], np.concatenate(pieces), rate)
    return written


def texts_of_transformers(model_folder: Path, files: list[Path]) -> list[str]:
    """Each recording alone, step by step as in the reference's documentation."""
    processor = Wav2Vec2Processor.from_pretrained(model_folder)
    model = Wav2Vec2ConformerForCTC.from_pretrained(model_folder).eval()
    texts = []
    for file in files:
        samples, rate = soundfile.read(file, dtype="float32")
        features = processor(soxr.resample(samples, rate, RATE), sampling_rate=RATE, return_tensors="pt")
        with torch.no_grad():
            logits = model(**features).logits
        texts.append(processor.decode(logits[0].argmax(-1)))
    return texts


def texts_of_npconformer(model_folder: Path, files: list[Path], batch_size: int) -> list[str]:
    recognise = npconformer.pipeline("automatic-speech-recognition", model=str(model_folder), batch_size=batch_size)
    return [result["text"] for result in recognise([str(file) for file in files])]


def differences(model_folder: Path, files: list[Path], batch_size: int = 1) -> list[tuple[str, str, str]]:
    """(file, text of transformers, text of npconformer) where the two are not equal."""
    theirs = texts_of_transformers(model_folder, files)
    mine = texts_of_npconformer(model_folder, files, batch_size)
    assert len(theirs) == len(mine) == len(files)
    assert len(set(theirs)) > 1, "the same text everywhere shows nothing"
    return [(file.name, a, b) for file, a, b in zip(files, theirs, mine, strict=True) if a != b]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=300, help="how many recordings (default 300)")
    parser.add_argument("--strings", type=int, default=20, help="how many strings of three to six digits (default 20)")
    parser.add_argument("--batch-size", type=int, default=1, help="npconformer's batch size (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of recordings")
    arguments = parser.parse_args()
    model, recordings = SHARED / "models" / "digits-hf", SHARED / "data" / "fsdd"
    unequal = 0
    with tempfile.TemporaryDirectory() as folder:
        pool = sorted(recordings.glob("*.wav"))
        groups = {
            "recordings": choose_files(recordings, arguments.files, arguments.seed),
            "strings of digits": write_strings(pool, arguments.strings, arguments.seed, Path(folder)),
        }
        for name, files in groups.items():
            found = differences(model, files, arguments.batch_size)
            print(f"{name}: {len(files) - len(found)} of {len(files)} texts are equal")
            for file, theirs, mine in found:
                print(f"  {file}: transformers {theirs!r}, npconformer {mine!r}")
            unequal += len(found)
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
