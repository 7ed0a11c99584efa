"""Recognisers that know the answers at once, and commands that are killed at a chosen moment."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np


def words_of(name: str) -> list[str]:
    """What the fake recogniser hears in a recording: other words in each."""
    return [f"WORD{letter}" for letter in os.path.basename(name).partition(".")[0]]


class FakePipeline:
    """Answers for every recording as the four pipelines do; names with "bad" fail. `asked` are those it was asked."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.asked: list[str] = []

    def stream(self, names: Any, **options: Any) -> Any:
        for name in names:
            self.asked.append(os.path.basename(name))
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


def run_to_event(number: int, folder: str, function: Any) -> bool:
    """Run a function in a child process that is killed at its number-th event in a folder; whether it was killed.

    Events are those of sys.audit: opening, renaming, removing, listing and the like, of files in the folder.
    """
    child = os.fork()
    if child == 0:
        left = number

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            paths = [os.fspath(one) for one in arguments if isinstance(one, str | os.PathLike)]
            if any(str(path).startswith(folder) for path in paths):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            function()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)
