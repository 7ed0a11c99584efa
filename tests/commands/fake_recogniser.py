"""Recognisers that know the answers at once."""

from __future__ import annotations

import os
from typing import Any

import numpy as np


def words_of(name: str) -> list[str]:
    """What the fake recogniser hears in a recording: other words in each."""
    return [f"WORD{letter}" for letter in os.path.basename(name).partition(".")[0]]


class FakePipeline:
    """Answers for every recording as the four pipelines do; names with "bad" fail.

    `asked` are the recordings that it was asked for; log: a file to write their names to, too.
    """

    def __init__(self, command: str, log: str | None = None) -> None:
        self.command, self.log = command, log
        self.asked: list[str] = []
        self.options: dict[str, Any] = {}

    def stream(self, names: Any, **options: Any) -> Any:
        for name in names:
            self.asked.append(os.path.basename(name))
            if self.log is not None:
                with open(self.log, "a", encoding="utf-8") as file:
                    file.write(f"{name}\n")
            yield ValueError(f"{name}: bad") if "bad" in name else getattr(self, self.command)(words_of(name))

    def transcribe(self, words: list[str]) -> dict[str, Any]:
        chunks = [
            {"text": word, "timestamp": (i + 0.25, i + 0.75), "confidence": 0.5 + i / 100}
            for i, word in enumerate(words)
        ]
        return {"text": " ".join(words), "confidence": 0.5, "chunks": chunks}

    def classify(self, words: list[str]) -> list[dict[str, Any]]:
        return [{"score": 1 / (i + 1), "label": word} for i, word in enumerate(words)]

    def diarize(self, words: list[str]) -> dict[str, Any]:
        segments = [{"start": float(i), "end": i + 0.5, "speaker": word} for i, word in enumerate(words)]
        return {"duration": float(len(words)), "segments": segments}

    def embed(self, words: list[str]) -> np.ndarray:
        return np.float32([len(words), sum(map(ord, words[0])), 1 / 3])
