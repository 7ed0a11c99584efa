"""How well the recogniser in this folder does on recordings that it was not trained on, as Markdown tables.

    python measure.py FSDD                          # the embedded model
    python measure.py FSDD --model out/digits --first 24 --behind 26 --output results.csv

FSDD is a folder of recordings named digit_speaker_index.wav; those with an index from --first to below --behind are
recognised, each by itself, in these forms:

    bare        the recordings as they are, trimmed to the first and last sample of speech
    silence     0.1 to 0.5 s of faint white noise before and behind (60 to 40 dB softer than the speech)
    zeros       the same with digital silence
    connected   as many strings of two to five digits of one speaker, 0.05 to 0.3 s between two
    voices      where the program espeak-ng is installed: the ten words by voices that were never trained on

What is drawn at random comes from one seed.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from data import MEASURED
from voices import HELD_OUT, WORDS, has_espeak, synthesise

import npconformer
from npconformer.data.sound_changes import amplitude, level_of
from npconformer.metrics import Edits, word_edits

RATE = 16_000


class Utterance(NamedTuple):
    """Who speaks, the words, the samples, and where each word's recording begins and ends among them."""

    speaker: str
    words: str
    samples: np.ndarray
    spans: list[tuple[int, int]]


def read_recordings(folder: Path, first: int, behind: int) -> list[Utterance]:
    """The recordings with an index in the range, sorted by name."""
    recordings = []
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, index = path.stem.split("_")
        if first <= int(index) < behind:
            samples = npconformer.read_audio(path, RATE)
            recordings.append(Utterance(speaker, WORDS[int(digit)], samples, [(0, len(samples))]))
    if not recordings:
        raise ValueError(f"folder: {folder} holds no recordings digit_speaker_index.wav from {first} to below {behind}")
    return recordings


def silence(seconds: float, speech: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """White noise that is so many decibels softer than the speech; at -1000 digital silence."""
    level = level_of([speech]) * amplitude(decibels)
    return (level * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def surround(utterance: Utterance, rng: np.random.Generator, decibels: tuple[float, float]) -> Utterance:
    """With silence before and behind."""
    speaker, words, speech, spans = utterance
    before, behind = (silence(s, speech, rng.uniform(*decibels), rng) for s in rng.uniform(0.1, 0.5, size=2))
    spans = [(first + len(before), end + len(before)) for first, end in spans]
    return Utterance(speaker, words, np.concatenate([before, speech, behind]), spans)


def connect(recordings: list[Utterance], count: int, rng: np.random.Generator) -> list[Utterance]:
    """Strings of two to five digits, each of one speaker."""
    strings = []
    speakers = sorted({recording.speaker for recording in recordings})
    for number in range(count):
        speaker = speakers[number % len(speakers)]
        own = [recording for recording in recordings if recording.speaker == speaker]
        chosen = [own[i] for i in rng.integers(len(own), size=rng.integers(2, 6))]
        parts, spans, end = [], [], 0
        for one in chosen:
            gap = silence(rng.uniform(0.05, 0.3), one.samples, rng.uniform(-60, -40), rng)
            parts += [gap, one.samples] if parts else [one.samples]
            first = end + (len(gap) if spans else 0)
            end = first + len(one.samples)
            spans.append((first, end))
        strings.append(Utterance(speaker, " ".join(one.words for one in chosen), np.concatenate(parts), spans))
    return strings


def forms(recordings: list[Utterance]) -> Iterator[tuple[str, list[Utterance]]]:
    """The forms of the module's description, by name."""
    yield "bare", recordings
    rng = np.random.default_rng(0)
    yield "silence", [surround(recording, rng, (-60, -40)) for recording in recordings]
    yield "zeros", [surround(recording, rng, (-1000, -1000)) for recording in recordings]
    yield "connected", connect(recordings, len(recordings), rng)
    if has_espeak():
        spoken = [(voice, word, synthesise(word, voice)) for voice in HELD_OUT for word in WORDS]
        whole = [Utterance(voice, word, samples, [(0, len(samples))]) for voice, word, samples in spoken]
        yield "voices", [surround(utterance, rng, (-60, -40)) for utterance in whole]


def answers(
    recognise: Any, recordings: list[Utterance], **options: Any
) -> Iterator[tuple[str, Utterance, dict[str, Any]]]:
    """Every utterance with the name of its form and what the pipeline says of it; options are the pipeline's."""
    for form, utterances in forms(recordings):
        said = recognise([{"array": one.samples, "sampling_rate": RATE} for one in utterances], **options)
        yield from ((form, utterance, answer) for utterance, answer in zip(utterances, said))


def total(edits: list[Edits]) -> Edits:
    """All edits together."""
    return sum(edits, Edits())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_index.wav")
    parser.add_argument("--model", type=Path, default=Path(__file__).parent, help="default: the one in this folder")
    parser.add_argument("--first", type=int, default=MEASURED[0], help="first index; default: %(default)s")
    parser.add_argument("--behind", type=int, default=MEASURED[-1] + 1, help="behind the last; default: %(default)s")
    parser.add_argument("--output", type=Path, help="a CSV file with a row for every utterance")
    args = parser.parse_args()

    recognise = npconformer.pipeline("automatic-speech-recognition", model=args.model)
    rows, figures = [], {}
    for form, one, answer in answers(recognise, read_recordings(args.folder, args.first, args.behind)):
        edits = word_edits(one.words, answer["text"])
        rows.append({"form": form, "speaker": one.speaker, "words": one.words, "recognised": answer["text"]})
        for who in ("all", one.speaker):
            figures.setdefault(form, {}).setdefault(who, []).append(edits)

    print("| form | utterances | words | word errors | word error rate |\n|---|---|---|---|---|")
    for form, by_speaker in figures.items():
        edits = total(by_speaker["all"])
        print(f"| {form} | {len(by_speaker['all'])} | {edits.length} | {edits.errors} | {edits.rate:.2%} |")
    voices = {"voices": figures.pop("voices")} if "voices" in figures else {}
    for table in filter(None, (figures, voices)):
        print("\n| speaker | " + " | ".join(table) + " |\n|---" + "|---" * len(table) + "|")
        for speaker in sorted(next(iter(table.values())).keys() - {"all"}):
            rates = [f"{total(by_speaker[speaker]).rate:.1%}" for by_speaker in table.values()]
            print(f"| {speaker} | " + " | ".join(rates) + " |")
    if args.output is not None:
        with open(args.output, "w", newline="") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
