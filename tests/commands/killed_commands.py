"""A command with a fake recogniser that is killed at every moment at which it touches a file, and then goes on.

A program of its own, which has no threads when it forks: killed_commands.py FOLDER COMMAND TARGET OPTION..., where
TARGET is a file's name, or "folder". It prints at how many moments the command was killed, or what went wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tqdm  # noqa: F401 - loaded once, before forking
from fake_recogniser import FakePipeline

from npconformer.cli import main
from npconformer.commands import classify, diarize, embed, transcribe

COMMANDS = {"transcribe": transcribe, "classify": classify, "diarize": diarize, "embed": embed}
NAMES = ["b.wav", "a: b.wav", "c d.wav", "e.wav"]


def in_child(function: Callable[[], Any], folder: Path, number: int = 0) -> bool:
    """Run a function in a child that is killed at its number-th event of a file in the folder; whether it was.

    Events are those of sys.audit: opening, renaming, removing, listing and the like.
    """
    child = os.fork()
    if child == 0:
        left = number

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            paths = [os.fspath(one) for one in arguments if isinstance(one, str | os.PathLike)]
            if any(str(path).startswith(str(folder)) for path in paths):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        status = 99
        try:
            status = function()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


def contents(folder: Path) -> dict[str, Any]:
    """What is in every file that is not hidden."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.name: content(path) for path in files}


def content(path: Path) -> Any:
    """What is in a file, which must be whole; of an .npz, without the times that it has in it."""
    if path.suffix == ".npz":
        with np.load(path) as saved:
            return saved["files"].tolist(), saved["embeddings"].tolist()
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".jsonl":
        for line in text.splitlines():
            json.loads(line)
    assert text.endswith("\n"), text
    return text


def kill_everywhere(parent: Path, command: str, target: str, options: list[str]) -> int:
    """At how many moments the command was killed."""
    log = parent / "asked"
    names = NAMES[:2] if target == "folder" else NAMES

    def run(folder: Path) -> int:
        pipeline = FakePipeline(command, str(log))
        COMMANDS[command].load_pipeline = lambda *arguments, **others: pipeline
        place = ["-o", str(folder / "out")] if target == "folder" else ["--output", str(folder / target)]
        return main([command, *names, *options, "--quiet", *place, "--skip-existing"])

    def asked_again(folder: Path) -> list[str]:
        log.write_text("")
        in_child(lambda: run(folder), folder)
        return log.read_text().splitlines()

    (parent / "goal").mkdir()
    assert asked_again(parent / "goal") == names
    goal = contents(parent / "goal")
    for number in range(1, 300):
        folder = parent / f"at-{number:03d}"
        folder.mkdir()
        if not in_child(lambda folder=folder: run(folder), folder, number):
            return number - 1
        seen = json.dumps(contents(folder))
        kept = seen + "".join(path.read_text() for path in folder.rglob(".*kept*"))
        again = asked_again(folder)
        assert contents(folder) == goal, number
        assert not [path for path in folder.rglob("*") if path.name.startswith(".")], number
        if target != "folder":  # what was written is not asked for again
            in_file = {
                name for name in NAMES if name in kept.replace("a: b.wav", "A") + "a: b.wav" * ("a: b.wav" in kept)
            }
            assert set(again) == set(NAMES) - in_file or target.endswith(".rttm"), (number, again, kept)
    raise AssertionError("killed without end")


if __name__ == "__main__":
    print(kill_everywhere(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
