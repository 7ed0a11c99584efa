"""A recording as blocks of samples, up to its end: what is in the file counts, and not what its header says.

N counts samples, K channels; n samples make a block.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from npconformer.audio.findings import Findings
from npconformer.audio.flac_frames import frame_after, read_stream_info, resumed_at
from npconformer.audio.opening import Opened, make_decoder, opened, reason
from npconformer.audio.pieced_file import Window
from npconformer.audio.quiet_decoder import quiet_decoder
from npconformer.audio.resampling import check_sampling_rate
from npconformer.audio.waveforms import check_samples
from npconformer.storage.messages import AudioWarning

BLOCK = 1 << 16  # samples of a channel that are read at once: four seconds at 16 kHz, 256 KiB as float32
MOST_FRAMES_PER_BYTE = 10_000  # what no codec reaches: a header that claims more is not believed
MOST_BREAKS = 100
SPARE = 1024  # samples
CANCELLED = 0.01  # of the channels' power: 20 dB below


@contextmanager
def open_recording(path: str | os.PathLike | Any) -> Iterator[Recording]:
    """A recording, closed at the end of the block. Raises the errors of `read_audio`."""
    with opened(path) as parts:
        yield Recording(parts)


class Recording:
    """An open recording, to be read once from its start. rate: samples per second. channels: K."""

    def __init__(self, parts: Opened) -> None:
        self.name = os.fspath(parts.source)
        self.rate: int = parts.decoder.samplerate
        check_sampling_rate(self.rate, f"{self.name}: its sampling rate")
        self.channel = parts.source.channel
        if self.channel is not None and self.channel > parts.decoder.channels:
            count = parts.decoder.channels
            raise ValueError(f"{self.name} has {count} channel{'s' * (count > 1)}, and no channel {self.channel}")
        self.channels: int = parts.decoder.channels if self.channel is None else 1
        self.position = 0  # samples of a channel that were read
        self._parts, self._decoder = parts, parts.decoder
        self._is_mpeg = parts.decoder.subtype.startswith("MPEG")
        self._breaks = list(parts.findings.breaks)

    def seconds(self) -> float:
        """How long it is, by what is in the file; decoded only where nothing else can tell. Before any block."""
        found = self._parts.findings.length
        if found is not None:
            return found
        frames = self._decoder.frames
        if frames * self._decoder.channels <= MOST_FRAMES_PER_BYTE * self._parts.size:
            return frames / self.rate
        return sum(len(block) for block in self._decoded(BLOCK)) / self.rate

    def blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """The samples, (n, K), float32; none is empty. Warns at the end where that came too early.

        Raises ValueError for no samples, for samples that are NaN, infinite or beyond sound, and OSError.
        """
        for block in self._decoded(size):
            check_samples(block, self.name)
            yield block
        if self.position == 0:
            raise ValueError(f"{self.name} holds no samples")
        self._warn_of_breaks()

    def mono_blocks(self, size: int = BLOCK) -> Iterator[np.ndarray]:
        """The channels' average, (n,). Warns where channels of opposite phases cancel one another."""
        together = mixed = 0.0
        for block in self.blocks(size):
            mono = average_channels(block)
            if self.channels > 1:
                together += float(np.square(block, dtype=np.float64).sum()) / self.channels
                mixed += float(np.square(mono, dtype=np.float64).sum())
            yield mono
        if together > 0 and mixed < min(CANCELLED, 0.1 / self.channels) * together:
            self.warn(
                "its channels cancel one another when they are averaged (opposite phases): "
                "read one, with --channel 1 (in Python: AudioSource(path, channel=1))"
            )

    def mono_between(self, start: int, stop: int | None = None) -> Iterator[np.ndarray]:
        """The channels' average of the samples [start, stop), (n,); None is the end, as is a stop behind it."""
        self._go_to(start)
        for block in self._decoded(BLOCK if stop is None else max(min(BLOCK, stop - start), 1)):
            first = self.position - len(block)
            kept = block[max(start - first, 0) : None if stop is None else max(stop - first, 0)]
            if len(kept):
                check_samples(kept, self.name)
                yield average_channels(kept)
            if stop is not None and self.position >= stop:
                return

    def check_any(self, resampled: int, rate: int) -> None:
        """Raise a ValueError where resampling has left nothing."""
        if resampled == 0:
            raise ValueError(
                f"{self.name} holds {self.position} samples at {self.rate} Hz, which are less than one at {rate} Hz"
            )

    def warn(self, message: str) -> None:
        """Say something about this recording."""
        warnings.warn(f"{self.name}: {message}", AudioWarning, stacklevel=2)

    # ---- decoding

    def _decoded(self, size: int) -> Iterator[np.ndarray]:
        """All that can be decoded; where a FLAC file is damaged, silence as long as what is missing."""
        while True:
            block, why = self._read(size)
            if len(block):
                self.position += len(block)
                yield block
            if why:
                if self.position == 0 and not len(block):
                    raise ValueError(f"{self.name} cannot be read as audio: {why}")
                self._breaks.append(self.position / self.rate)
                missing = self._resume()
                if not missing:
                    break
                for start in range(0, missing, size):
                    silence = np.zeros((min(size, missing - start), self.channels), np.float32)
                    self.position += len(silence)
                    yield silence
            elif not len(block):
                break
        if error := getattr(self._decoder.name, "error", None):
            raise type(error)(f"{self.name} cannot be read: {error.strerror}") from error

    def _read(self, size: int) -> tuple[np.ndarray, str]:
        """The next block (n, K), and why it ends there, or ""."""
        import soundfile

        size += size % 2  # libsndfile's VOX ADPCM, two samples to a byte, loses one after an odd number
        expected = self._decoder.frames - self.position
        if 0 < expected < size:  # a smaller block, with room for more than the header says
            size = expected + SPARE - expected % 2
        elif expected <= 0:
            size = min(size, SPARE)
        block = np.full((size, self._decoder.channels), np.nan, np.float32)
        why = ""
        try:
            if self._is_mpeg:
                with quiet_decoder():
                    block = self._decoder.read(size, out=block)
            else:
                block = self._decoder.read(size, out=block)
        except soundfile.SoundFileError as error:
            block, why = block[: _filled(block)], reason(error)
        if self.channel is not None:
            block = block[:, self.channel - 1 : self.channel]
        return block, why

    def _resume(self) -> int:
        """Go on behind a damage: how many samples are missing, or 0 where nothing can be read any more."""
        if self._decoder.format != "FLAC" or len(self._breaks) > MOST_BREAKS:
            return 0
        window = Window(self._parts.data, self._parts.size)
        info = read_stream_info(window)
        frame = None if info is None else frame_after(window, info, self.position)
        if info is None or frame is None:
            return 0
        pieces = resumed_at(window, info, frame)
        self._decoder.close()
        self._decoder = make_decoder(self._parts.source, self._parts.data, Findings(pieces=pieces))
        return frame.first - self.position

    def _go_to(self, start: int) -> None:
        """Seek, where the codec can; otherwise what comes before will be decoded."""
        import soundfile

        sound = self._parts.findings.breaks == [] and self._decoder.format != "MP3"  # there a seek gives garbage first
        if start == 0 or not (sound and self._decoder.can_seek()):
            return
        try:
            self.position = self._decoder.seek(start)
        except soundfile.SoundFileError:  # also behind the end
            self._decoder.close()
            self._decoder = make_decoder(self._parts.source, self._parts.data, self._parts.findings)

    def _warn_of_breaks(self) -> None:
        findings, end = self._parts.findings, self.position / self.rate
        promised = findings.promised or end / findings.held
        if findings.length is None and not findings.pieces:
            claimed = self._decoder.frames
            if claimed * self._decoder.channels <= MOST_FRAMES_PER_BYTE * self._parts.size:
                promised = max(promised, claimed / self.rate)
        if self._parts.source.note:
            self.warn(self._parts.source.note)
        inside = [one for one in self._breaks if one < end - 0.01]
        if inside:
            more = f" and at {len(inside) - 1} more places" if len(inside) > 1 else ""
            early = promised - end if self._decoder.format == "OGG" else 0.0
            times = f", and times behind it are {early:.2f} s early" if early > 0.05 else ""
            self.warn(f"it is damaged at {inside[0]:.2f} s{more}; what can be decoded is read{times}")
        if self._parts.data.seek(0, os.SEEK_END) < self._parts.size:
            self.warn(f"it has become shorter while it was read, and ends at {end:.2f} s")
        elif promised > end + 0.05 and (not inside or self._decoder.format == "FLAC"):  # where times stay right
            self.warn(f"it breaks off at {end:.2f} s: its header promises {promised:.2f} s")
        elif len(inside) < len(self._breaks):
            self.warn(f"it breaks off at {end:.2f} s")


def average_channels(samples: np.ndarray) -> np.ndarray:
    """(N, K) -> (N,)."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def _filled(block: np.ndarray) -> int:
    """How many rows a decoder has filled before it stopped."""
    empty: Any = np.isnan(block).all(axis=1)
    return len(block) - int(np.argmin(empty[::-1])) if not empty.all() else 0
