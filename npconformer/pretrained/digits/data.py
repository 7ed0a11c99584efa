"""What the recogniser in this folder is trained on, watched with and measured with.

Recordings of the Free Spoken Digit Dataset are named digit_speaker_index.wav. Their index decides what they are for:

    5 to 9     measuring, once, at the end (`measure.py`); 0 to 4 are the dataset's own test part
    10, 11     watching the training
    12 to 49   training, beside synthetic voices (`voices.py`)

What is read is read with its index, so that no recording gets into two parts.
"""

import sys
from pathlib import Path
from typing import Any

import soundfile
from voices import WORDS, has_espeak, make_recordings

from npconformer.data import (
    AudioReader,
    Augmentation,
    Example,
    Joining,
    Loader,
    Noise,
    Silence,
    Speed,
    select_examples,
    targets_for,
)

BATCH_SECONDS = 16.0
WATCHED, TRAINED = range(10, 12), range(12, 50)
FLOOR = (-120.0, -40.0)  # decibels; below -100 silence is digital silence for float32 and a network
AUGMENTATION = Augmentation(
    speed=Speed(0.7, (0.85, 1.15)),
    joining=Joining(0.5, (2, 5), (0.0, 0.4), longest_seconds=8.0, floor=FLOOR),
    silence=Silence(0.6, (0.0, 0.5), floor=FLOOR),
    noise=Noise(0.3, (15.0, 40.0)),
)


def read_digits(folder: Path, indices: range) -> list[Example]:
    """The recordings with an index in the range, by index, digit and speaker."""
    found = []
    for path in folder.glob("*.wav"):
        digit, speaker, index = path.stem.split("_")
        if int(index) in indices:
            found.append((int(index), Example(str(path), text=WORDS[int(digit)], speaker=speaker)))
    if not found:
        raise ValueError(f"folder: {folder} holds no recordings digit_speaker_index.wav with an index in {indices}")
    return [example for _, example in sorted(found, key=lambda pair: (pair[0], pair[1].path))]


def first_minutes(examples: list[Example], minutes: float) -> list[Example]:
    """As many of the examples, from the first on, as fit into so many minutes."""
    kept, seconds = [], 0.0
    for example in examples:
        seconds += soundfile.info(example.path).duration
        if seconds > 60 * minutes:
            break
        kept.append(example)
    return kept


def read_voices(folder: Path) -> list[Example]:
    """Synthetic recordings, made in the folder if they are not there yet."""
    if not has_espeak():
        raise FileNotFoundError("the program espeak-ng is not installed; install it, or train without --voices")
    return [Example(str(path), text=word) for path, word in make_recordings(folder)]


def make_loader(
    examples: list[Example], model: Any, processor: Any, augmentation: Augmentation, seed: int, shuffle: bool
) -> Loader:
    """Batches of what the model can learn from; the rest is named."""
    extractor = getattr(processor, "feature_extractor", processor)
    reader = AudioReader(extractor.sampling_rate)
    targets = targets_for(model, extractor, getattr(processor, "tokenizer", None))
    fastest = augmentation.fastest
    selection = select_examples(examples, targets, reader, fastest=fastest, progress=sys.stderr.isatty())
    for one in selection.left_out:
        print(f"left out: {one}")
    print(f"{len(selection)} recordings, {sum(selection.samples) / reader.sampling_rate / 60:.1f} minutes", flush=True)
    return Loader(
        selection,
        targets,
        extractor,
        seed,
        max_seconds=BATCH_SECONDS,
        augmentation=augmentation,
        shuffle=shuffle,
        reader=reader,
    )
