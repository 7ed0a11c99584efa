"""Which frames of a recording a frame attends to, and which its block's convolution reads: as the models do it.

Attention reaches every frame but padding, of the same chunk where a recording is run in chunks. The depthwise
convolution reaches a few frames on each side (Wav2Vec2-BERT: before) and, where the model does not hide them from it,
frames of padding. A frame stands for a stretch of the waveform itself, see models/frame_clock.py.

Letters: T frames of the encoder (before an adapter, which has attention of its own).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.models.frame_clock import FrameClock, count_steps
from npconformer.pipelines.chunking import Chunking, find_windows


@dataclass(frozen=True)
class Reach:
    """How a block's convolution reaches beyond a frame.

    Attributes:
        before, behind: frames on each side that one block reads.
        blocks: of the model; a frame of the last one is made of so many times `before` and `behind`, without attention.
        sees_padding: whether padding is not hidden from it.
    """

    before: int
    behind: int
    blocks: int
    sees_padding: bool


@dataclass(frozen=True, eq=False)
class AttentionMask:
    """What each frame of one recording sees. Row i is of frame i, which looks; column j of frame j, which is looked at.

    Attributes:
        name: of the recording.
        seconds_per_frame: of the encoder's frames.
        own: (T,) booleans, false at padding.
        attends: (T, T) booleans, what attention sees.
        convolves: (T, T) booleans, what the convolution of one block sees.
        chunks: the frames [start, end) of each chunk; one for a recording as a whole.
        kept: the frames [start, end) that are taken from each of these; they follow each other.
        reach: of the convolution.
    """

    name: str
    seconds_per_frame: float
    own: np.ndarray
    attends: np.ndarray
    convolves: np.ndarray
    chunks: list[tuple[int, int]]
    kept: list[tuple[int, int]]
    reach: Reach

    @property
    def leaks(self) -> np.ndarray:
        """(T, T): where a frame of the recording reads padding, so that the result depends on what is in the batch."""
        return self.own[:, None] & ~self.own[None, :] & (self.attends | self.convolves)


def _band(frames: int, reach: Reach) -> np.ndarray:
    """(T, T) booleans: -before <= j - i <= behind."""
    away = np.arange(frames)[None, :] - np.arange(frames)[:, None]
    return (away >= -reach.before) & (away <= reach.behind)


def masks_of_batch(
    model: Any, extractor: Any, waveforms: list[np.ndarray], names: list[str], reach: Reach, exact: bool
) -> Iterator[AttentionMask]:
    """What the frames of recordings see that are padded to one batch, as the model's own attention mask says.

    exact: padding_mode "exact", which always has a mask; else the extractor says whether there is one.
    """
    features = extractor(
        waveforms,
        sampling_rate=extractor.sampling_rate,
        padding=len(waveforms) > 1,
        return_tensors="np",
        return_attention_mask=True,
    )
    rows = features[model.main_input_name]  # (B, N) or (B, N, F)
    frames = count_steps(rows.shape[1], model.encoder_stages)  # T
    lengths = count_steps(model.own_rows(features["attention_mask"], rows.shape), model.encoder_stages)  # (B,)
    masked = exact or extractor.return_attention_mask
    seconds = clock_of(model, extractor).samples_per_encoder_frame / extractor.sampling_rate
    for name, length in zip(names, lengths.tolist()):
        own = np.arange(frames) < length
        attends = np.repeat((own if masked else np.ones_like(own))[None, :], frames, axis=0)
        hidden = masked and not reach.sees_padding
        convolves = _band(frames, reach) & (own[None, :] | (not hidden))
        whole = [(0, frames)]
        yield AttentionMask(name, seconds, own, attends, convolves, whole, whole, reach)


def mask_of_chunks(
    model: Any, extractor: Any, waveform: np.ndarray, name: str, reach: Reach, chunking: Chunking
) -> AttentionMask:
    """What the frames of a long recording see: those of the chunk that each is kept from."""
    clock = clock_of(model, extractor)
    stages = (clock.input, *clock.encoder)
    ratio = clock.samples_per_frame // clock.samples_per_encoder_frame
    frames = count_steps(len(waveform), stages)  # T
    chunks, kept, done = [], [], 0  # done: frames of the output
    for window in find_windows([waveform], chunking, clock.frames):
        start = (done - window.skip) * ratio
        chunks.append((start, start + count_steps(len(window.samples), stages)))
        kept.append((done * ratio, (done + window.stop - window.skip) * ratio))
        done += window.stop - window.skip
    kept[-1] = (kept[-1][0], frames)
    attends = np.zeros((frames, frames), bool)
    for (first, last), (start, end) in zip(kept, chunks):
        attends[first:last, start:end] = True
    seconds = clock.samples_per_encoder_frame / clock.sampling_rate
    own = np.ones(frames, bool)
    return AttentionMask(name, seconds, own, attends, attends & _band(frames, reach), chunks, kept, reach)


def clock_of(model: Any, extractor: Any) -> FrameClock:
    """When the frames of the model's output are, behind this extractor."""
    return FrameClock.of(model, extractor.sampling_rate, extractor.reach, extractor.hop)


def reach_of(model: Any, exact: bool) -> Reach:
    """How the convolutions of a model's blocks reach."""
    if not model.config.num_hidden_layers:
        return Reach(0, 0, 0, False)
    convolution = model.base_model.encoder.layers[0].conv_module.depthwise_conv
    padding = convolution.padding
    before, behind = (padding, padding) if isinstance(padding, int) else padding
    return Reach(before, behind, model.config.num_hidden_layers, model.convolutions_see_padding and not exact)
