"""What the recogniser in this folder is trained on, watched with and measured with.

Recordings of the Free Spoken Digit Dataset are named digit_speaker_index.wav. Their index decides what they are for:

    0 to 4     nothing: they are the dataset's own test part
    5 to 44    training, beside synthetic voices (`voices.py`); of these
    24, 25     watching the training
    45 to 49   measuring, at the end (`measure.py`)

Recordings of neighbouring indices were made together and are alike. So what is measured is not taken out of the middle:
like the dataset's own test part, it has neighbours on one side only.
"""

import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

import soundfile
from voices import WORDS, has_espeak, make_recordings

from npconformer.data import (
    AudioReader,
    Augmentation,
    Colour,
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
WATCHED = (24, 25)
TRAINED = [index for index in range(5, 45) if index not in WATCHED]
MEASURED = range(45, 50)
FLOOR = (-120.0, -40.0)  # decibels; what is near the lower end is digital silence for the network
AUGMENTATION = Augmentation(
    speed=Speed(0.8, (0.8, 1.15)),
    joining=Joining(0.5, (2, 5), (0.0, 0.4), longest_seconds=8.0, floor=FLOOR),
    silence=Silence(0.5, (0.0, 0.5), floor=FLOOR),
    colour=Colour(0.7, (0.0, 0.8), (0.0005, 0.006)),
    noise=Noise(0.5, (5.0, 40.0)),
)


def read_digits(folder: Path, indices: Container[int]) -> list[Example]:
    """The recordings with one of the indices, by index, digit and speaker."""
    found = []
    for path in folder.glob("*.wav"):
        digit, speaker, index = path.stem.split("_")
        if int(index) in indices:
            found.append((int(index), Example(str(path), text=WORDS[int(digit)], speaker=speaker)))
    if not found:
        raise ValueError(f"folder: {folder} holds no recordings digit_speaker_index.wav with an index in {indices!r}")
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
