"""`npconformer demo`: the main job, on a recording and with a model that come with the package."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from npconformer.commands.arguments import add_threads, describe, load_pipeline
from npconformer.commands.plotting import ON_THE_TERMINAL, check_plot, print_plot, write_plot
from npconformer.commands.standard_output import tell

RECORDING = Path(__file__).resolve().parents[1] / "pretrained" / "demo" / "digits.flac"
PICTURE = "npconformer-demo.png"

EXAMPLES = f"""\
the picture has four panels over one time axis: the waveform; its spectrogram, the power of each frequency in dB; the
  probability of each letter in each frame of the model, with the blank, which says "nothing new"; and the alignment,
  the letter and the word that each frame belongs to. Lines show through all panels where words start and end.

examples:
  npconformer demo
      with matplotlib, the picture goes to {PICTURE} in this folder (a file of that name is replaced);
      without it, the same is drawn with letters
  npconformer demo --plot pictures/digits.png
      somewhere else; needs matplotlib: pip install "npconformer[plots]"
  npconformer demo --plot -
      drawn with letters here, as wide as the terminal, with or without matplotlib
  npconformer demo --no-plot
      the text and the times of its words only
  npconformer transcribe YOUR.wav --plot yours.png
      the same of your own recording

exit status: 0, also when {PICTURE} cannot be written, which is then said; 2 when a --plot FILE cannot.
"""


def add_parser(subcommands: Any) -> None:
    """Declare the arguments."""
    parser = subcommands.add_parser(
        "demo",
        help="transcribe a recording that comes with the package, and draw how",
        description="Transcribe a short recording of connected digits with the embedded recogniser, "
        "show when each word was said, and draw what the model hears. Needs nothing but the installed package.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plot = parser.add_mutually_exclusive_group()
    plot.add_argument(
        "--plot", metavar="FILE", help=f"draw into this PNG, or with letters here for -; default: {PICTURE}"
    )
    plot.add_argument("--no-plot", action="store_true", help="draw nothing")
    add_threads(parser)
    parser.set_defaults(run=run, parser=parser, model=None, revision=None, device="cpu")


def run(arguments: argparse.Namespace) -> int:
    """Print the text and the times of its words, and draw them."""
    import numpy as np
    import soundfile

    from npconformer.pipelines import EMBEDDED_DIGITS

    check_plot(arguments, [str(RECORDING)])
    seconds = soundfile.info(RECORDING).duration
    tell(f"recording  {RECORDING}")
    tell(f"           {seconds:.1f} s of connected digits, synthesised by espeak-ng: nobody's voice")
    tell(f"model      {EMBEDDED_DIGITS}")
    tell("           a small Wav2Vec2-Conformer with CTC that knows the spoken digits ZERO to NINE")
    start = time.perf_counter()
    recognise = load_pipeline("automatic-speech-recognition", arguments)
    loaded = time.perf_counter()
    waveform, logits = recognise.logits_of(RECORDING)
    result = recognise.decode(logits, return_timestamps="word")
    done = time.perf_counter()
    tell(f"\ntext       {result['text']}")
    tell("words      start     end")
    for word in result["chunks"]:
        tell(f"         {word['timestamp'][0]:5.2f} s {word['timestamp'][1]:5.2f} s  {word['text']}")
    times = f"loaded in {loaded - start:.2f} s, transcribed in {done - loaded:.2f} s"
    tell(f"\n{times}, with NumPy {np.__version__}")
    if not arguments.no_plot:
        _draw(recognise, waveform, logits, arguments.plot)
    tell("next: npconformer transcribe YOUR.wav --model CHECKPOINT, or npconformer transcribe --help")
    return 0


def _draw(recognise: Any, waveform: Any, logits: Any, path: str | None) -> None:
    """The picture where it was asked for; where it was not, in this folder, or with letters, or said why not."""
    from npconformer.plots import Recognition

    recognition = Recognition.from_logits(waveform, logits, recognise.processor, recognise.samples_per_frame)
    if path == ON_THE_TERMINAL:
        tell()
        print_plot(recognition)
        return
    target = Path(path or PICTURE)
    replaced = " (in place of an older file)" if target.is_file() else ""
    try:
        write_plot(recognition, os.fspath(target), f"{RECORDING.name}: what the embedded recogniser hears")
        tell(f"picture    {target.absolute()}{replaced}")
    except ImportError as error:
        tell()
        print_plot(recognition)
        tell(f"\npicture    drawn with letters; {error}")
    except OSError as error:
        if path is not None:
            raise
        tell(f"picture    none: {describe(error)}; --plot FILE writes it elsewhere, --plot - draws it here")
