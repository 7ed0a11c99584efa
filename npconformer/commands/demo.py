"""`npconformer demo`: the main job, on a recording and with a model that come with the package."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import add_threads, load_pipeline

RECORDING = Path(__file__).resolve().parents[1] / "pretrained" / "demo" / "digits.flac"


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "demo",
        help="transcribe a recording that comes with the package",
        description="Transcribe a short recording of connected digits with the embedded recogniser, "
        "and show when each word was said. Needs nothing but the installed package.",
    )
    add_threads(parser)
    parser.set_defaults(run=run, model=None, device="cpu")


def run(arguments: argparse.Namespace) -> int:
    """Print the text and the times of its words."""
    import numpy as np
    import soundfile

    from npconformer.pipelines import EMBEDDED_DIGITS

    seconds = soundfile.info(RECORDING).duration
    print(f"recording  {RECORDING}")
    print(f"           {seconds:.1f} s of connected digits, synthesised by espeak-ng: nobody's voice")
    print(f"model      {EMBEDDED_DIGITS}")
    print("           a small Wav2Vec2-Conformer with CTC that knows the spoken digits ZERO to NINE")
    start = time.perf_counter()
    recognise = load_pipeline("automatic-speech-recognition", arguments)
    loaded = time.perf_counter()
    result = recognise(RECORDING, return_timestamps="word")
    done = time.perf_counter()
    print(f"\ntext       {result['text']}")
    print("words      start     end")
    for word in result["chunks"]:
        print(f"         {word['timestamp'][0]:5.2f} s {word['timestamp'][1]:5.2f} s  {word['text']}")
    times = f"loaded in {loaded - start:.2f} s, transcribed in {done - loaded:.2f} s"
    print(f"\n{times}, with NumPy {np.__version__}")
    print("next: npconformer transcribe YOUR.wav --model CHECKPOINT, or npconformer transcribe --help")
    return 0
