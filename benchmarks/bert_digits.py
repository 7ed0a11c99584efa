"""Wav2Vec2-BERT beside Wav2Vec2-Conformer on spoken digits: word errors, and how far apart their times of words are.

    python npconformer/pretrained/digits/train.py FSDD --output bert --voices --model-type wav2vec2-bert --steps 6500
    python npconformer/pretrained/digits/train.py FSDD --output adapter --voices --model-type wav2vec2-bert --adapter \\
        --steps 6500
    python benchmarks/bert_digits.py FSDD embedded=npconformer/pretrained/digits bert=bert/digits adapter=adapter/digits

FSDD is the folder `recordings` of the Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset,
CC BY-SA 4.0). Every model, NAME=FOLDER, recognises the same utterances, those of `measure.py` in
`npconformer/pretrained/digits`: the recordings 45 to 49, which no training hears, bare, with silence around them, and
as strings. Times of words (`return_timestamps="word"`) are compared with where the words' recordings lie in the
strings, and two models at a time with each other, on strings that were understood: medians, second minus first.

Prints two tables, and writes the errors as CSV with --output.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import npconformer
from npconformer.metrics import Edits, word_edits

sys.path.insert(0, str(Path(npconformer.__file__).parent / "pretrained" / "digits"))

from data import MEASURED
from measure import RATE, answers, forms, read_recordings

STRINGS = "connected"


class Heard(NamedTuple):
    """What a model made of the utterances: edits by form, and the times of the strings' words, None where one is wrong.

    Times are (W, 2) seconds for W words.
    """

    model: Any
    edits: dict[str, list[Edits]]
    times: list[np.ndarray | None]


def hear(model: Path, recordings: list[Any]) -> Heard:
    """Recognise every utterance of every form."""
    recognise = npconformer.pipeline("automatic-speech-recognition", model=model)
    heard = Heard(recognise.model, {}, [])
    for form, utterance, answer in answers(recognise, recordings, return_timestamps="word"):
        edits = word_edits(utterance.words, answer["text"])
        heard.edits.setdefault(form, []).append(edits)
        if form == STRINGS:
            words = np.array([chunk["timestamp"] for chunk in answer["chunks"]])
            heard.times.append(words if edits.errors == 0 else None)
    return heard


def true_times(recordings: list[Any]) -> list[np.ndarray]:
    """Where the words' recordings lie in the strings."""
    return [np.array(utterance.spans) / RATE for utterance in dict(forms(recordings))[STRINGS]]


def error_rows(heard: dict[str, Heard]) -> list[dict[str, Any]]:
    """A row for each model and form."""
    rows = []
    for name, one in heard.items():
        weights = sum(parameter.size for parameter in one.model.parameters())
        for form, edits in one.edits.items():
            total = sum(edits, Edits())
            row = {"model": name, "model_type": one.model.config.model_type, "adapter": one.model.config.add_adapter}
            row |= {"parameters": weights, "form": form, "utterances": len(edits), "words": total.length}
            rows.append({**row, "word_errors": total.errors, "word_error_rate": round(total.rate, 5)})
    return rows


def differences(first: Sequence[np.ndarray | None], second: Sequence[np.ndarray | None]) -> np.ndarray:
    """(N, 2) milliseconds by which the second's words begin and end later, of the strings that have both."""
    apart = [b - a for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    return 1000 * np.concatenate([np.zeros((0, 2)), *apart])


def print_errors(rows: list[dict[str, Any]]) -> None:
    """A row for each model, a column for each form."""
    forms = list(dict.fromkeys(row["form"] for row in rows))
    print("| model | parameters | " + " | ".join(forms) + " |\n|---|---|" + "---|" * len(forms))
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        cells = [f"{row['word_error_rate']:.2%} ({row['word_errors']} of {row['words']})" for row in own]
        print(f"| {name} | {own[0]['parameters']:,} | " + " | ".join(cells) + " |")


def print_differences(times: dict[str, Sequence[np.ndarray | None]]) -> None:
    """A row for every two of them."""
    head = ("second minus first", "words", "begin", "end", "begin, without sign", "end, without sign")
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for (one, first), (other, second) in itertools.combinations(times.items(), 2):
        apart = differences(first, second)
        if len(apart):
            figures = (*np.median(apart, axis=0), *np.median(np.abs(apart), axis=0))
            print(f"| {one} → {other} | {len(apart)} | " + " | ".join(f"{figure:.0f} ms" for figure in figures) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="recordings named digit_speaker_index.wav")
    parser.add_argument("models", nargs="+", metavar="NAME=FOLDER", help="recognisers, each with its name")
    parser.add_argument("--output", type=Path, help="a CSV file with a row for each model and form")
    args = parser.parse_args()
    models = dict(model.split("=", 1) for model in args.models)
    recordings = read_recordings(args.folder, MEASURED[0], MEASURED[-1] + 1)
    heard = {name: hear(Path(folder), recordings) for name, folder in models.items()}
    rows = error_rows(heard)
    print_errors(rows)
    print()
    print_differences({"recordings": true_times(recordings), **{name: one.times for name, one in heard.items()}})
    if args.output is not None:
        with open(args.output, "w", newline="") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
