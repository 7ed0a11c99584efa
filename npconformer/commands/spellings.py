"""Whisper's options: the same with a "_" for a "-", and those that have no meaning here say why."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

UNDERSCORED = re.compile(r"--[a-z]+(_[a-z0-9]+)+(=.*)?", re.DOTALL)
TRUE_OR_FALSE = ("--word-timestamps", "--highlight-words", "--verbose")  # which take a value in whisper
GENERATES = "it is of a decoder that generates text step by step; here the best letter of every frame is taken"
MEANINGLESS = {
    "--language": "the language is that of the model: choose one that was trained on it with --model",
    "--initial-prompt": GENERATES,
    "--carry-initial-prompt": GENERATES,
    "--prefix": GENERATES,
    "--condition-on-previous-text": GENERATES,
    "--temperature": GENERATES,
    "--temperature-increment-on-fallback": GENERATES,
    "--best-of": GENERATES,
    "--beam-size": GENERATES,
    "--patience": GENERATES,
    "--length-penalty": GENERATES,
    "--suppress-tokens": GENERATES,
    "--compression-ratio-threshold": GENERATES,
    "--logprob-threshold": GENERATES,
    "--no-speech-threshold": "silence gives no letters here, and every word comes with its confidence",
    "--fp16": "models are run in float32; npconformer convert CHECKPOINT OUT --dtype float16 makes smaller files",
    "--model-dir": "--model takes the folder itself; downloads go to the cache that HF_HOME names",
}


def dashed(argv: Sequence[str]) -> list[str]:
    """The arguments with the names of options spelled with "-"; after "--" there are none."""
    end = argv.index("--") if "--" in argv else len(argv)
    return [_dashed(one) for one in argv[:end]] + list(argv[end:])


def _dashed(argument: str) -> str:
    if not UNDERSCORED.fullmatch(argument):
        return argument
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value


def add_meaningless(parser: argparse.ArgumentParser) -> None:
    """Take whisper's options that mean nothing here, to say why; `--task transcribe` is what is done anyway."""
    for option in MEANINGLESS:
        parser.add_argument(option, action=_Refuse, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--task", action=_Task, help=argparse.SUPPRESS)


def without_values(argv: Sequence[str], options: Sequence[str] = TRUE_OR_FALSE) -> list[str]:
    """The arguments without True behind these options, which take no value here, and without both where it is False."""
    kept: list[str] = []
    before = ""  # an option of these that may have its value next
    for one in argv:
        name, _, value = one.partition("=")
        if before and one in ("True", "False"):
            kept += [before] if one == "True" else []
            before = ""
            continue
        kept += [before] if before else []
        before = name if name in options and not value else ""
        if name in options and value in ("True", "False"):
            kept += [name] if value == "True" else []
        elif not before:
            kept.append(one)
    return [*kept, before] if before else kept


class _Refuse(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        name = next(iter(self.option_strings))
        parser.error(f"{name} has no meaning here: {MEANINGLESS[name]}")


class _Task(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if values != "transcribe":
            parser.error(
                f"--task {values} has no meaning here: these models write down what is said, in the language "
                "in which it is said"
            )
