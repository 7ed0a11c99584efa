"""How recordings are to be read: which channels, and samples without a header."""

from __future__ import annotations

import argparse
import os
from typing import Any

from npconformer.commands.arguments import whole_number

RAW_FORMATS = "s8 u8 s16le s16be s24le s24be s32le s32be f32le f32be f64le f64be mulaw alaw gsm vox".split()
SPLIT = "split"

SOUND_HELP = """\
what is read: WAV, FLAC, OGG, Opus, MP3, AIFF, CAF, AU and all else that libsndfile reads, at any rate; M4A, MP4, WebM,
  AAC, WMA and others through the program ffmpeg, where it is installed. "-" is standard input, and pipes are read to
  their end: cat x.wav | npconformer ... -. Recordings are not downloaded.
  Of a file that was cut or damaged, what can be decoded is used, and a line says at which second it breaks.
  Channels are averaged, unless --channel says otherwise. Samples without a header need --raw-rate:
  npconformer ... call.raw --raw-rate 8000 --raw-format mulaw
"""


def add_reading(parser: argparse.ArgumentParser, split: bool = True) -> None:
    """Declare --channel (or --channels), --raw-rate, --raw-format and --raw-channels.

    split: whether a recording may become several.
    """
    group = parser.add_argument_group("reading")
    each = " split: every channel as a recording by itself;" if split else ""
    group.add_argument(
        "--channel",
        "--channels",
        dest="channel",
        type=_channel if split else whole_number,
        metavar="N|split" if split else "N",
        help=f"take channel N only, from 1;{each} default: their average",
    )
    group.add_argument(
        "--raw-rate",
        type=whole_number,
        metavar="HZ",
        help="the recordings are samples without a header, so many in a second",
    )
    group.add_argument(
        "--raw-format",
        choices=RAW_FORMATS,
        metavar="F",
        help=f"what these samples are: {', '.join(RAW_FORMATS)}; default: s16le",
    )
    group.add_argument("--raw-channels", type=whole_number, metavar="N", help="their channels; default: 1")


def sources_of(name: str, arguments: argparse.Namespace) -> list[str | os.PathLike]:
    """What to read for a recording that was named: itself, or a source for each of its channels.

    What cannot be read stays a name; reading it will say why. Raises ValueError for standard input that gives nothing.
    """
    channel = getattr(arguments, "channel", None)
    raw_rate = getattr(arguments, "raw_rate", None)
    if name != "-" and channel is None and raw_rate is None:
        return [name]

    from npconformer.audio.sources import AudioSource, RawFormat, read_standard_input

    source = read_standard_input() if name == "-" else AudioSource(name)
    options: dict[str, Any] = {"channel": None if channel == SPLIT else channel}
    if raw_rate is not None:
        options["raw"] = RawFormat(raw_rate, arguments.raw_format or "s16le", arguments.raw_channels or 1)
    source = AudioSource(source.path, content=source.content, **options)
    return _split(source) if channel == SPLIT else [source]


def check_reading(arguments: argparse.Namespace) -> None:
    """End the command for options of samples without a header that have no effect, or that no sound has."""
    if getattr(arguments, "raw_rate", None) is None:
        for option in ("raw_format", "raw_channels"):
            if getattr(arguments, option, None) is not None:
                name = option.replace("_", "-")
                arguments.parser.error(f"--{name} is of samples without a header: give --raw-rate HZ, too")
        return

    from npconformer.audio.resampling import check_sampling_rate

    try:
        check_sampling_rate(arguments.raw_rate, "--raw-rate")
    except ValueError as error:
        arguments.parser.error(str(error))


def _split(source: Any) -> list[str | os.PathLike]:
    from npconformer.audio.opening import opened, read_once

    try:
        source = read_once(source)
        with opened(source) as parts:
            channels = parts.decoder.channels
    except (ValueError, OSError):  # said when it is read
        return [source]
    return [source.of_channel(i + 1) for i in range(channels)] if channels > 1 else [source]


def _channel(text: str) -> int | str:
    return SPLIT if text == SPLIT else whole_number(text)
