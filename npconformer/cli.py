"""The command `npconformer`: reads the arguments and hands over to one file per subcommand in `commands/`.

Exit status: 0 all went well; 1 some recordings failed, each named on standard error; 2 nothing could be
started (wrong arguments, no such model, no GPU) or the output could not be written; 130 interrupted, 143 and 129
ended by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from npconformer import __version__
from npconformer.commands import (
    align,
    classify,
    compare,
    convert,
    demo,
    diarize,
    embed,
    evaluate,
    info,
    trace,
    train,
    transcribe,
    verify,
)
from npconformer.commands.arguments import describe, one_message, say
from npconformer.commands.spellings import dashed, without_values
from npconformer.commands.standard_output import replace_letters, tell
from npconformer.commands.stopping import Stopped, stop_on_signals
from npconformer.commands.telling import tell_warnings
from npconformer.commands.threads import use_threads

DESCRIPTION = "Wav2Vec2-Conformer and Wav2Vec2-BERT in NumPy: what is said, who speaks and when, on the command line."
EXAMPLES = """\
examples:
  npconformer demo                                      see it work, nothing to download
  npconformer transcribe digits.wav                     with the embedded recogniser of spoken digits
  npconformer transcribe talk.flac --model checkpoint   with your own checkpoint
  npconformer align a.wav a.txt --model checkpoint      when each word of a known text is said
  npconformer classify call.wav --model checkpoint      labels with scores
  npconformer diarize meeting.wav --model checkpoint    who speaks when
  npconformer compare a.wav b.wav --model checkpoint    whether one person speaks in both
  npconformer train --task ctc --from checkpoint ...    train a model on your recordings
  npconformer evaluate test.csv --model checkpoint      error rates on recordings with known answers
  npconformer info checkpoint                           what a checkpoint is, without loading it
  npconformer convert checkpoint out --dtype float16    another file format, dtype or cut into shards
  npconformer verify checkpoint --against transformers  whether all layers give what transformers gives
  npconformer transcribe --help                         formats, time stamps, batches, GPU
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (by default the process's own arguments); returns the exit status."""
    try:
        try:
            return _run(argv)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where an error can be told
    except Stopped as stopped:
        return say(f"ended by {signal.Signals(stopped.number).name}", status=128 + stopped.number)
    except KeyboardInterrupt:
        return say("interrupted", status=130)
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone: nothing is left to be said
        _drop_what_waits()
        return 1
    except (OSError, UnicodeEncodeError) as error:  # of recordings, each is told by itself: this is of the output
        _drop_what_waits()
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = "standard output"
        return say(describe(error), status=2)


def _run(argv: Sequence[str] | None) -> int:
    replace_letters()  # of the help, too
    parser = build_parser()
    argv = dashed(sys.argv[1:] if argv is None else argv)
    arguments = parser.parse_args(without_values(argv))
    if arguments.version:
        tell(f"npconformer {__version__}")
        return 0
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return 2
    use_threads(getattr(arguments, "threads", None))  # before a command imports NumPy
    with tell_warnings(), stop_on_signals():
        return arguments.run(arguments)


def _drop_what_waits() -> None:
    """Send what standard output could not take to nowhere, or Python would try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (AttributeError, ValueError):  # there is none, or it is closed
        pass


class Parser(argparse.ArgumentParser):
    """Its errors name what was typed, which may hold what drives a terminal."""

    def error(self, message: str) -> NoReturn:
        super().error(one_message(message))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    parser = Parser(
        prog="npconformer",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    subcommands = parser.add_subparsers(dest="command", metavar="COMMAND")
    answering = (transcribe, align, classify, diarize, embed, compare)
    for module in (*answering, train, evaluate, info, convert, trace, verify, demo):
        module.add_parser(subcommands)
    return parser
